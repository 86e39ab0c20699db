import { readFile } from 'node:fs/promises';
import test from 'ava';
import { configJsonSchema, parseConfig } from '../../src/config/index.ts';
import { gain, mapMethod } from '../../src/config/sections/gain.ts';
import { relevanceComposites } from '../../src/config/sections/guidance.ts';
import { engine } from '../../src/config/sections/run.ts';
import { engineNames } from '../../src/engine/index.ts';
import { compositeNames, mapMethods, normalizations } from '../../src/gradcam/index.ts';

test('configs/schema.json is what the schema says; `npm run schema` writes it anew', async (t) => {
  const stored = await readFile(new URL('../../configs/schema.json', import.meta.url), 'utf8');
  t.deepEqual(JSON.parse(stored), JSON.parse(JSON.stringify(configJsonSchema())));
});

test('a config names the map methods, normalisations and engines that there are', (t) => {
  t.deepEqual([...mapMethod.options].sort(), [...mapMethods].sort());
  t.deepEqual([...relevanceComposites.options].sort(), [...compositeNames].sort());
  const known: readonly string[] = normalizations;
  for (const name of gain.shape.normalization.unwrap().options) t.true(known.includes(name), name);
  t.deepEqual([...engine.shape.name.unwrap().options].sort(), ['auto', ...engineNames].sort());
});

test('checkpoints are chosen by composites only where there are some', (t) => {
  const parse = (text: string) => () =>
    parseConfig(`name: x\ntraining: { selectBy: compositesWorst }\n${text}`, 'x.yaml');
  t.throws(parse(''), { message: /training\.selectBy.*data\.composites and a validation split/s });
  t.notThrows(parse('data: { composites: { suspects: [boat] } }'));
  t.throws(parse('data: { splits: { validation: null }, composites: { suspects: [boat] } }'), {
    message: /selectBy/,
  });
});
