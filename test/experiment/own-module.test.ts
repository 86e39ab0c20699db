import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type Config, parseConfig } from '../../src/config/index.ts';
import { InterruptedError, UsageError } from '../../src/errors/index.ts';
import { runExperiment } from '../../src/experiment/index.ts';
import { loadOwnModule } from '../../src/experiment/own-module.ts';
import { holdsRun, RunDirectory } from '../../src/run/index.ts';
import { temporaryFolder } from '../data/temporary-folder.ts';
import { moduleEnding } from '../program-command.ts';

// Compiled, the tests run without a loader; the modules of these are TypeScript.
if (moduleEnding !== '.ts') await import(import.meta.resolve('../../.ci/typescript.mjs'));

const tfjs = import.meta.resolve('@tensorflow/tfjs-core');

/** Every batch gets other light; the squares of the logits join the loss. */
const good = `import * as tf from '${tfjs}';
export const checkOptions = ({ light }: Record<string, unknown>) => {
  if (typeof light !== 'number') throw new Error('light: expected a number, found ' + light);
};
export const transformBatch = (batch: any, { random, options, classes }: any) => {
  if (classes.length !== 6) throw new Error('six classes');
  const factor = random.uniform(1 - options.light, 1);
  return { ...batch, images: batch.images.map((value: number) => value * factor) };
};
export const terms = () => [
  { name: 'small-logits', weight: 0.01, loss: (step: any) => tf.mean(tf.square(step.logits)) },
];
`;

function configOf(
  folder: string,
  file: string,
  options = '{ light: 0.5 }',
  overrides: string[] = [],
): Config {
  return parseConfig(
    `
name: own
engine: { name: onnx, threads: 1 }
data:
  dir: ${join(folder, 'boats')}
  options: { size: 16, train: 24, trainFullsup: 4, val: 8, test: 4, unbiased: 4 }
  imageSize: [16, 16]
  batchSize: 8
  workers: 0
model: { options: { widths: [3, 4] } }
gain: { losses: { mining: { weight: 0 }, supervision: { weight: 0 } } }
training: { epochs: 2, checkpointEvery: 1, module: { file: ${file}, options: ${options} } }
log: { images: 0, histogramsEvery: 0, scalarsEvery: 1 }
`,
    'own.yaml',
    overrides,
  );
}

async function moduleIn(t: ExecutionContext, text: string, name = 'own.ts') {
  const folder = temporaryFolder(t);
  const file = join(folder, name);
  await mkdir(folder, { recursive: true });
  await writeFile(file, text);
  return { folder, file };
}

test.serial(
  'terms and transforms of one’s own join a run: logged, resumed bit by bit, recorded',
  async (t) => {
    const { folder, file } = await moduleIn(t, good);
    const config = configOf(folder, file);
    const said: string[] = [];
    const train = async (name: string, signal?: AbortSignal) => {
      const path = join(folder, name);
      const directory = await RunDirectory.open(path, holdsRun(path) ? 'resume' : 'new');
      try {
        await runExperiment(config, directory, {
          resume: existsSync(join(path, 'config.yaml')),
          signal,
          log: (line) => said.push(line),
        });
      } finally {
        directory.release();
      }
    };
    await train('whole');
    t.true(said.includes(`module   ${file}: terms small-logits; changes batches`));
    t.true(said.some((line) => /^epoch 1\/2: .*small-logits 0\.\d/.test(line)));
    const environment = JSON.parse(await readFile(join(folder, 'whole', 'environment.json'), 'utf8'));
    t.is(environment.module.file, file);
    t.regex(environment.module.sha256, /^[0-9a-f]{64}$/);

    // In the middle of the second epoch.
    const controller = new AbortController();
    const { signal } = controller;
    const check = signal.throwIfAborted.bind(signal);
    let left = 8;
    signal.throwIfAborted = () => {
      if (--left === 0) controller.abort(new InterruptedError('for the test'));
      check();
    };
    await t.throwsAsync(train('broken', signal), { instanceOf: InterruptedError });
    await train('broken');
    const weights = (run: string) => readFile(join(folder, run, 'model', 'weights.bin'));
    t.deepEqual(await weights('broken'), await weights('whole'));
    t.false(said.some((line) => line.startsWith('warning')));

    // Without it the run is another.
    const directory = await RunDirectory.open(join(folder, 'plain'), 'new');
    const { module: _, ...training } = config.training;
    await runExperiment({ ...config, training: { ...training, module: null } }, directory, {
      resume: false,
      log: () => {},
    });
    directory.release();
    t.notDeepEqual(await weights('plain'), await weights('whole'));
  },
);

test('what is wrong with a module is said with its file, the part and the value', async (t) => {
  const { folder, file } = await moduleIn(t, good);
  const load = (config: Config) => loadOwnModule(config, ['a', 'b', 'c', 'd', 'e', 'f']);
  const fails = (config: Config, message: RegExp) =>
    t.throwsAsync(load(config), { instanceOf: UsageError, message });
  t.is(
    await load({ ...configOf(folder, file), training: { ...configOf(folder, file).training, module: null } }),
    undefined,
  );
  await fails(configOf(folder, join(folder, 'none.ts')), /^training\.module: .*none\.ts: no such file$/);
  await fails(
    configOf(folder, file, '{ light: dim }'),
    /own\.ts: checkOptions: light: expected a number, found dim$/,
  );
  await fails(
    configOf(folder, file, '{ light: 0.5 }', [
      'distillation={ teacher: { model: x, maps: precomputed }, losses: { softTargets: { weight: 1 } } }',
    ]),
    /transformBatch: stored answers of a teacher/,
  );
  const bad = async (name: string, text: string, message: RegExp) => {
    await writeFile(join(folder, name), text);
    await fails(configOf(folder, join(folder, name)), message);
  };
  await bad('a.ts', 'export const other = 1;', /exports neither terms nor transformBatch; it exports other$/);
  await bad('b.ts', 'export const terms = [];', /terms: expected a function, found object$/);
  await bad('c.ts', 'export const terms = (;', /cannot be loaded: /);

  const used = async (name: string, text: string) => {
    await writeFile(join(folder, name), text);
    return (await load(configOf(folder, join(folder, name))))!;
  };
  const model = {} as never;
  const terms = await used(
    'd.ts',
    'export const terms = () => [{ name: "mining", weight: 1, loss: () => 0 }];',
  );
  t.throws(() => terms.terms(model, ['mining']), {
    message: /terms\.0\.name: there is a term mining already/,
  });
  const nameless = await used('e.ts', 'export const terms = () => [{ weight: 1 }];');
  t.throws(() => nameless.terms(model, []), { message: /terms\.0\.name: expected a name, found undefined/ });

  const batch = {
    size: 2,
    images: new Float32Array(2 * 16 * 16 * 3),
    labels: new Float32Array(12),
    masks: [],
    boxes: [],
    supervised: new Uint8Array(2),
    ids: ['a', 'b'],
    views: [],
  };
  const change = async (name: string, body: string, message: RegExp) => {
    const own = await used(name, `export const transformBatch = async (batch: any) => ${body};`);
    await t.throwsAsync(own.transformBatch(batch as never, 0, 3), { instanceOf: UsageError, message });
  };
  await change(
    'f.ts',
    '({ ...batch, images: new Float32Array(3) })',
    /f\.ts: transformBatch, batch 3 of epoch 1: images: expected 1536 numbers, found 3$/,
  );
  await change(
    'g.ts',
    '({ ...batch, labels: batch.labels.fill(NaN) })',
    /labels: expected finite numbers, found NaN at 0$/,
  );
  await change('h.ts', '{ throw new Error("no such thing") }', /batch 3 of epoch 1: no such thing$/);
  await change('i.ts', 'undefined', /expected a batch, returned undefined$/);
  await change(
    'j.ts',
    '({ ...batch, labels: new Float32Array(12), size: 1 })',
    /size: expected 2 as before, found 1$/,
  );
});
