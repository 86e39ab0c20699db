import { readdir, readFile } from 'node:fs/promises';
import test from 'ava';
import { ConfigError } from '../../src/errors/index.ts';
import { type Command, loadSweep, sweepJsonSchema, trainCommand } from '../../src/sweep/index.ts';
import { sweepFolders } from './sweep-folder.ts';

const folder = sweepFolders(test);

const head = 'base: tiny.yaml\nseeds: [1, 2]\n';
const settings = `settings:
  - name: plain
    set: { gain.losses.mining.weight: 0 }
  - name: GAIN
`;

test('settings are rows, a grid beside them and blocks are parts, and runs come seed by seed', async (t) => {
  const { load, path } = await folder();
  const sweep = await load(
    `${head}${settings}grid: { data.masks.count: [0, all] }\n` +
      'blocks:\n  - { name: few, set: { data.dir: few } }\n  - { name: many, set: { data.dir: many } }\n',
  );
  t.deepEqual(sweep.rows, ['plain', 'GAIN']);
  t.deepEqual(sweep.parts, [
    'few, masks.count=0',
    'few, masks.count=all',
    'many, masks.count=0',
    'many, masks.count=all',
  ]);
  t.is(sweep.runs.length, 2 * 4 * 2);
  const [first, second] = sweep.runs;
  t.is(first!.name, 'few, masks.count=0, plain, seed 1');
  t.is(first!.directory, path('out/runs/few-masks.count=0/plain/seed-1'));
  t.deepEqual(first!.set, [
    ['data.dir', 'few'],
    ['data.masks.count', 0],
    ['gain.losses.mining.weight', 0],
    ['seed', 1],
  ]);
  t.is(first!.config.data.dir, 'few');
  t.is(first!.config.gain.losses.mining.weight, 0);
  t.is(second!.config.gain.losses.mining.weight, 1, "a setting without set is the base's");
  t.deepEqual([...new Set(sweep.runs.slice(8).map(({ config }) => config.seed))], [2]);
});

test('a grid alone makes the rows; axes whose keys end alike are named by the whole key', async (t) => {
  const { load } = await folder();
  const one = await load(`${head}grid: { training.optimizer.learningRate: [0.1, 0.01] }\n`);
  t.deepEqual(one.rows, ['optimizer.learningRate=0.1', 'optimizer.learningRate=0.01']);
  t.deepEqual(one.parts, ['']);
  const two = await load(
    `${head}grid: { gain.losses.mining.weight: [0, 1], gain.losses.supervision.weight: [5] }\n`,
  );
  t.deepEqual(two.rows, ['mining.weight=0, supervision.weight=5', 'mining.weight=1, supervision.weight=5']);
  const alike = await load(
    `${head}grid:\n  gain.losses.mining.weight: [0]\n  gain.losses.mining.startEpoch: [0, 1]\n` +
      '  gain.losses.supervision.startEpoch: [0]\n  distillation: [null]\n',
  );
  t.is(alike.rows[1], 'mining.weight=0, mining.startEpoch=1, supervision.startEpoch=0, distillation=null');
});

test('a key that several set: the row before the part before all', async (t) => {
  const { load } = await folder();
  const sweep = await load(
    `${head}${settings}set: { gain.losses.mining.weight: 7, gain.losses.supervision.weight: 7 }\nblocks: [{ name: b, set: { gain.losses.mining.weight: 3 } }]\n`,
  );
  t.deepEqual(
    sweep.runs
      .slice(0, 2)
      .map(({ config: { gain } }) => [gain.losses.mining.weight, gain.losses.supervision.weight]),
    [
      [0, 7],
      [3, 7],
    ],
  );
});

test('metrics: the accuracy of the test splits unless others are listed; shares are known by where they are from', async (t) => {
  const { load } = await folder();
  t.deepEqual((await load(head)).metrics, [{ key: 'test.accuracy', title: 'test.accuracy', percent: true }]);
  const { metrics } = await load(
    `${head}commands: [{ name: wrong, run: x }]\n` +
      'metrics: [test.loss, summary.steps, wrong.reasons, { key: evaluation.test.a.b, title: A }]\n',
  );
  t.deepEqual(
    metrics.map(({ title, percent }) => [title, percent]),
    [
      ['test.loss', false],
      ['summary.steps', false],
      ['wrong.reasons', false],
      ['A', true],
    ],
  );
});

test('a baseline is compared with all others, pairs are as listed', async (t) => {
  const { load } = await folder();
  const sweep = await load(
    head +
      settings +
      '  - { name: third, set: { gain.method: cam } }\nbaseline: plain\ncompare: [[third, GAIN]]\n',
  );
  t.deepEqual(sweep.comparisons, [
    ['GAIN', 'plain'],
    ['third', 'plain'],
    ['third', 'GAIN'],
  ]);
});

const refusals: readonly (readonly [what: string, file: string, message: RegExp])[] = [
  [
    'an unknown key',
    `${head}setings: []\n`,
    /sweep\.yaml:3:1 setings: unknown key; did you mean 'settings'\?$/,
  ],
  [
    'a key within a list',
    `${head}settings:\n  - name: a\n    sett: {}\n`,
    /sweep\.yaml:5:5 settings\.0\.sett: unknown key; did you mean 'set'\?$/,
  ],
  [
    'a key that no experiment has, once for all runs',
    `${head}settings:\n  - name: a\n    set: { gain.losses.mining.wieght: 0 }\n`,
    /^[^\n]*sweep\.yaml:5:39 gain\.losses\.mining\.wieght: unknown key; did you mean 'weight'\?$/,
  ],
  [
    'a value of a grid',
    `${head}grid:\n  gain.method: [cam, grad-camm]\n`,
    /sweep\.yaml:4:22 gain\.method: expected one of cam, .*, found string "grad-camm"; did you mean 'grad-cam'\?$/,
  ],
  [
    'a seed in a setting',
    `${head}settings: [{ name: a, set: { seed: 3 } }]\n`,
    /seed: seeds are listed under seeds$/,
  ],
  [
    'a seed twice',
    'base: tiny.yaml\nseeds: [1, 1]\n',
    /sweep\.yaml:2:8 seeds: expected each once, found 1, 1$/,
  ],
  [
    'a base that is not there',
    'base: big.yaml\nseeds: [1]\n',
    /sweep\.yaml:1:7 base: no such config file: .*big\.yaml$/,
  ],
  [
    'a baseline that is no row',
    `${head}${settings}baseline: plane\n`,
    /sweep\.yaml:7:11 baseline: no row 'plane'; there are plain, GAIN$/,
  ],
  [
    'a metric of nothing',
    `${head}metrics: [tset.accuracy]\n`,
    /sweep\.yaml:3:11 metrics: tset\.accuracy: nothing is called tset; there are test, summary, evaluation$/,
  ],
  [
    'names that share a directory',
    `${head}settings: [{ name: a b }, { name: a:b }]\n`,
    /sweep\.yaml:3:\d+: 'a:b' and 'a b' would share their run directories$/,
  ],
];

for (const [what, file, message] of refusals) {
  test(`${what} is refused with its place`, async (t) => {
    const { load } = await folder();
    const error = await t.throwsAsync(load(file), { instanceOf: ConfigError });
    t.regex(error!.message, message);
  });
}

test('the command of a run: its threads first, so that a setting may have its own', async (t) => {
  const { load, path } = await folder();
  const sweep = await load(
    `${head}settings: [{ name: a }, { name: b, set: { engine.threads: 4, data.splits.test: [test] } }]\n`,
  );
  t.deepEqual(trainCommand(sweep, sweep.runs[0]!, { threads: 2, resume: false }), {
    program: 'train',
    args: [
      '--config',
      path('tiny.yaml'),
      '--run',
      path('out/runs/a/seed-1'),
      '--set',
      'engine.threads=2',
      '--set',
      'seed=1',
    ],
  });
  const { args } = trainCommand(sweep, sweep.runs[1]!, { threads: 2, resume: true }) as Extract<
    Command,
    { program: string }
  >;
  t.deepEqual(args.slice(4), [
    '--resume',
    '--set',
    'engine.threads=4',
    '--set',
    'data.splits.test=["test"]',
    '--set',
    'seed=1',
  ]);
});

test('configs/sweeps are valid; their schema.json is what `npm run schema` writes', async (t) => {
  const configs = new URL('../../configs/sweeps/', import.meta.url);
  for (const file of (await readdir(configs)).filter((name) => name.endsWith('.yaml'))) {
    await t.notThrowsAsync(loadSweep(new URL(file, configs).pathname), file);
  }
  const stored = await readFile(new URL('schema.json', configs), 'utf8');
  t.deepEqual(JSON.parse(stored), JSON.parse(JSON.stringify(sweepJsonSchema())));
});
