import test from 'ava';
import {
  configJsonSchema,
  findConfig,
  loadConfig,
  parseConfig,
  stringifyConfig,
} from '../../src/config/index.ts';
import { ConfigError, UsageError } from '../../src/errors/index.ts';

const failure = (text: string, overrides: string[] = []): string => {
  try {
    parseConfig(text, 'f.yaml', overrides);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('the config was accepted');
};

test('one line is a complete config, and the resolved one reads back to itself', (t) => {
  const config = parseConfig('name: small', 'f.yaml');
  t.is(config.gain.losses.supervision.weight, 10);
  t.deepEqual(config.data.splits.train, ['train']);
  t.deepEqual(parseConfig(stringifyConfig(config), 'again.yaml'), config);
});

test('an unknown key is named with its line, its column and what it may have meant', (t) => {
  t.is(
    failure('name: x\ntraining:\n  epoch: 3\n'),
    "f.yaml:3:3 training.epoch: unknown key; did you mean 'epochs'?",
  );
  t.regex(failure('name: x\nzzz: 1'), /^f\.yaml:2:1 zzz: unknown key; known keys: name, seed, engine/);
});

test('an ill-typed value is named with what was expected and what was found, all of them at once', (t) => {
  t.is(
    failure('name: x\ntraining:\n  epochs: -3\n  optimizer:\n    name: sgdd\n'),
    'f.yaml:3:11 training.epochs: expected >= 1, found number -3\n' +
      'f.yaml:5:11 training.optimizer.name: expected one of sgd, adam, adamw, found string "sgdd"; did you mean \'sgd\'?',
  );
  t.is(failure('seed: 3'), 'f.yaml:1:1 name: expected string, found nothing');
  t.is(
    failure('name: x\ndata:\n  masks:\n    count: some\n'),
    'f.yaml:4:12 data.masks.count: expected number or one of all, found string "some"',
  );
});

test('text that is not YAML, or not a mapping, is an error with its place', (t) => {
  t.regex(failure('name: ['), /^f\.yaml:1:\d+ not valid YAML: /);
  t.is(failure('- 1'), 'f.yaml:1:1 expected a mapping of keys to values, found a list');
});

test('overrides are laid over the file, in YAML, and errors name the override', (t) => {
  const config = parseConfig('name: x\ntraining: { epochs: 2 }', 'f.yaml', [
    'training.epochs=7',
    'data.splits.test=[a, b]',
    'data.augment.crop={}',
  ]);
  t.is(config.training.epochs, 7);
  t.deepEqual(config.data.splits.test, ['a', 'b']);
  t.deepEqual(config.data.augment.crop, { scale: [0.7, 1], ratio: [0.8, 1.25] });
  t.is(
    failure('name: x', ['gain.softMask.omga=3']),
    "--set gain.softMask.omga=3: gain.softMask.omga: unknown key; did you mean 'omega'?",
  );
  t.throws(() => parseConfig('name: x', 'f.yaml', ['epochs']), { instanceOf: UsageError });
});

test('a loss whose warm-up outlasts the training is refused (trap 9)', (t) => {
  t.regex(
    failure('name: x\ntraining: { epochs: 5 }\ngain:\n  losses:\n    mining: { startEpoch: 5 }\n'),
    /^f\.yaml:5:27 gain\.losses\.mining\.startEpoch: expected < training\.epochs \(5\), or weight 0: .*, found number 5$/,
  );
  t.notThrows(() =>
    parseConfig(
      'name: x\ntraining: { epochs: 5 }\ngain: { losses: { mining: { startEpoch: 5, weight: 0 } } }',
      'f.yaml',
    ),
  );
});

test('names that become folders stay where they are put', (t) => {
  for (const name of ['..', '.', '.git', 'a/b', '', 'x'.repeat(121)]) {
    t.regex(failure(`name: '${name}'`), /^f\.yaml:1:7 name: expected letters, digits, dots, dashes/, name);
    t.regex(
      failure(`name: x\nstages: [{ name: '${name}' }]`),
      /^f\.yaml:2:18 stages\.0\.name: expected letters, digits/,
    );
  }
  t.is(parseConfig('name: 2026.11-a_b', 'f.yaml').name, '2026.11-a_b');
});

test('a config file is looked for as named, then in configs/', async (t) => {
  t.throws(() => findConfig('nowhere.yaml'), {
    instanceOf: ConfigError,
    message: 'nowhere.yaml: no such config file (looked for nowhere.yaml and configs/nowhere.yaml)',
  });
  await t.throwsAsync(loadConfig('nowhere.yaml'), { instanceOf: ConfigError });
  t.is(findConfig('gain.yaml'), 'configs/gain.yaml');
});

test('the JSON Schema describes the same keys', (t) => {
  const schema = configJsonSchema() as { properties: Record<string, unknown>; required: string[] };
  t.deepEqual(Object.keys(schema.properties), Object.keys(parseConfig('name: x', 'f.yaml')));
  t.deepEqual(schema.required, ['name']);
});

test('aliases, merge keys, depth, size and number of keys: every file ends in a typed error, soon', (t) => {
  const message = (text: string) =>
    t.throws(() => parseConfig(text, 'x.yaml'), { instanceOf: ConfigError })!.message;
  t.is(message('name: *nowhere\n'), 'x.yaml:1:7 the alias *nowhere: no value before it has this anchor');
  t.is(
    message('name: x\ndata: { options: &d [ *d ] }\n'),
    'x.yaml:2:23 the alias *d stands inside of the value that it names',
  );
  t.is(
    message('name: x\ndata: &d\n  options: { a: *d }\n'),
    'x.yaml:3:17 the alias *d stands inside of the value that it names',
  );
  t.is(
    message('%YAML 1.1\n---\nname: x\ntraining: { <<: 3 }\n'),
    'x.yaml:4:13 Merge sources must be maps or map aliases',
  );
  t.regex(message('name: x\ntraining: { <<: { epochs: 3 } }\n'), /^x\.yaml:2:13 training\.<<: unknown key/);
  t.is(message('name: x\nname: y\n'), 'x.yaml:2:1 the key name is there twice');
  const bomb = ['a: &a [x,x,x,x,x,x,x,x,x,x]'];
  for (const [from, to] of ['ab', 'bc', 'cd', 'de', 'ef', 'fg'])
    bomb.push(`${to}: &${to} [${`*${from},`.repeat(10)}]`);
  t.regex(message(bomb.join('\n')), /^x\.yaml:2:8 the aliases repeat its values more than 100 times$/);
  t.regex(message(`data: ${'['.repeat(20_000)}`), /^x\.yaml:1:\d+ not valid YAML: it is nested too deeply$/);
  t.regex(message(`name: ${'x'.repeat(2 ** 21)}`), /^x\.yaml:1:1 has \d+ characters, the most is 2097152$/);
  const many = message(`name: x\n${Array.from({ length: 20_000 }, (_, i) => `k${i}: 1`).join('\n')}`).split(
    '\n',
  );
  t.deepEqual([many.length, many.at(-1)], [21, '… and 19980 more problems']);
  t.regex(many[0]!, /^x\.yaml:2:1 k0: unknown key; known keys: /);
  t.regex(
    message(`name: x\nseed: ${'[1,'.repeat(300)}1${']'.repeat(300)}\n`),
    /^x\.yaml:2:7 seed: expected .{1,80}, found .{200}…$/,
  );
  t.is(message('[]'), 'x.yaml:1:1 expected a mapping of keys to values, found a list');
  t.is(message(''), 'x.yaml:1:1 expected a mapping of keys to values, found nothing');
  t.regex(
    message('data: { imageSize: [30000, 30000] }'),
    /^x\.yaml:1:21 data\.imageSize\.0: expected <= 8192, found number 30000/m,
  );
});
