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
  t.is(failure('- 1'), 'f.yaml:1:1 expected a mapping of keys to values, found [1]');
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
