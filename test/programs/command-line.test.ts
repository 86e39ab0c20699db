import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { UsageError } from '../../src/errors/index.ts';
import { withSwallowedOptions } from '../../src/programs/swallowed-options.ts';
import { train } from '../../src/programs/train.ts';
import { callProgram } from './call-program.ts';

/** What npm 11 makes of `npm run train …` without `--`. */
const npm = (options: Record<string, string>, script = 'train') => ({
  npm_command: 'run',
  npm_lifecycle_event: script,
  ...Object.fromEntries(Object.entries(options).map(([name, value]) => [`npm_config_${name}`, value])),
});

test.serial('a config without --config', async (t) => {
  const named = await callProgram('train', 'nowhere.yaml');
  t.regex(named.stderr, /ConfigError: nowhere\.yaml: no such config file/);
  const option = await callProgram('train', '--config', 'nowhere.yaml');
  t.is(option.stderr, named.stderr);
  t.is(named.code, 2);
  const more = await callProgram('train', 'nowhere.yaml', 'other.yaml');
  t.regex(more.stderr, /UsageError: Unknown argument: other\.yaml/);
});

test.serial('a forgotten -- is understood where it is certain what was meant', (t) => {
  const read = (words: string[], options: Record<string, string>) =>
    withSwallowedOptions(['train', ...words], train, npm(options));
  // npm run train --config a.yaml
  t.deepEqual(read(['a.yaml'], { config: 'true' }), ['train', '--config', 'a.yaml']);
  // npm run train --config=a.yaml --overwrite
  t.deepEqual(read([], { config: 'a.yaml', overwrite: 'true' }), ['train', '--config=a.yaml', '--overwrite']);
  // npm run train --set a.b=1 --set c.d=2
  t.deepEqual(read(['a.b=1', 'c.d=2'], { set: 'true\n\ntrue' }), ['train', '--set', 'a.b=1', 'c.d=2']);
  // npm run train a.yaml --json
  t.deepEqual(read(['a.yaml'], { json: 'true' }), ['train', '--json', 'a.yaml']);
  // npm run train --config a.yaml --run runs/a: which value is whose is not known.
  t.throws(() => read(['a.yaml', 'runs/a'], { config: 'true', run: 'true' }), {
    instanceOf: UsageError,
    message:
      'npm kept --config, --run for itself; options come after two dashes: npm run train -- --config … --run …',
  });
  t.throws(() => read(['a.yaml', 'b.yaml'], { config: 'true' }), { instanceOf: UsageError });
});

test('with -- , from another script or without npm, nothing is changed', (t) => {
  const words = ['train', '--config', 'a.yaml'];
  t.deepEqual(withSwallowedOptions(words, train, npm({})), words);
  t.deepEqual(withSwallowedOptions(words, train, npm({ config: 'true' })), words);
  t.deepEqual(withSwallowedOptions(['train', 'a.yaml'], train, npm({ config: 'true' }, 'test')), [
    'train',
    'a.yaml',
  ]);
  t.deepEqual(withSwallowedOptions(['train'], train, { npm_config_json: 'true' }), ['train']);
});

test.serial('an error of --set or --engine names it, the key, and what was meant', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'gain-set-'));
  t.teardown(() => rm(dir, { recursive: true }));
  const file = join(dir, 'a.yaml');
  await writeFile(file, 'name: a\n');
  const refused = async (...words: string[]) =>
    (await callProgram('train', file, '--run', join(dir, 'run'), ...words)).stderr.trim();
  t.is(
    await refused('--set', 'trainnig.epochs=3'),
    "ConfigError: --set trainnig.epochs=3: trainnig: unknown key; did you mean 'training'?",
  );
  t.is(
    await refused('--set', 'training.epochs=many'),
    'ConfigError: --set training.epochs=many: training.epochs: expected number, found string "many"',
  );
  t.is(
    await refused('--set', 'gain.softMask.zzz.b=1'),
    'ConfigError: --set gain.softMask.zzz.b=1: gain.softMask.zzz: unknown key; known keys: sigma, omega',
  );
  t.is(
    await refused('--set', 'training.epochs'),
    'UsageError: --set training.epochs: expected key.path=value, for example --set training.epochs=3',
  );
  t.is(
    await refused('--engine', 'onx'),
    'ConfigError: --engine onx: engine.name: expected one of auto, onnx, tensorflow, webgpu, cpu, found string "onx"; did you mean \'onnx\'?',
  );
  t.regex(await refused('--ovrwrite'), /Unknown argument: ovrwrite; did you mean --overwrite\?/);
  t.is(await refused('--set'), 'UsageError: --set needs a value (--help shows the options)');
});
