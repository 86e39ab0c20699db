import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseConfig, stringifyConfig } from '../../src/config/index.ts';
import { damaged } from './data-inputs.ts';
import { type FuzzTarget, wrong } from './target.ts';

const folder = new URL('../../configs', import.meta.url).pathname;
const texts = readdirSync(folder)
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => readFileSync(join(folder, name)));

/** Damaged experiment files: refused with their place, or read so that they can be read again. */
export const yamlTarget: FuzzTarget = {
  name: 'yaml',
  describe:
    'damaged experiment files: a typed error with file, line and column, or a config that reads back the same',
  short: 60,
  seconds: 10,
  async run(random) {
    const text = Buffer.from(damaged(texts[random.integer(texts.length)]!, random)).toString();
    let config: ReturnType<typeof parseConfig>;
    try {
      config = parseConfig(text, 'x.yaml');
    } catch (error) {
      if (error instanceof Error && error.name === 'ConfigError' && !error.message.startsWith('x.yaml:')) {
        wrong(`an error without its place: ${error.message.split('\n', 1)[0]}`);
      }
      throw error;
    }
    const again = parseConfig(stringifyConfig(config), 'x.yaml');
    if (JSON.stringify(again) !== JSON.stringify(config))
      wrong(`reads back otherwise: ${JSON.stringify(text).slice(0, 200)}`);
  },
};
