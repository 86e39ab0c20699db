import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { parseConfig } from '../../src/config/index.ts';
import { ConfigError, InterruptedError } from '../../src/errors/index.ts';
import { resultsTable, runStages } from '../../src/experiment/index.ts';
import { holdsRun, RunDirectory } from '../../src/run/index.ts';
import { temporaryFolder } from '../data/temporary-folder.ts';

/** Three stages on a few small boats: plain, with the paper's losses, and with composites and a refit. */
const yaml = (dir: string) => `
name: small
engine: { name: onnx, threads: 1 }
data:
  dir: ${dir}
  options: { size: 16, train: 24, trainFullsup: 12, val: 8, test: 4, unbiased: 4 }
  imageSize: [16, 16]
  batchSize: 8
  workers: 0
  splits: { train: [train, train-fullsup], validation: val, test: [boat-without-water, water-without-boat] }
  masks: { count: 10, predicted: { steps: 4, folds: 0, batch: [3, 1] } }
  composites: { suspects: [boat], perBatch: 5, cache: 12 }
model: { options: { widths: [3, 4] } }
# On composites too, which show more classes than any image of the set.
gain: { losses: { mining: { weight: 0.1 }, supervision: { weight: 0.1 } } }
stages:
  - name: plain
    set:
      data.composites: null
      data.masks.predicted: null
      training.refit: null
      gain.losses.mining: { weight: 0 }
      gain.losses.supervision: { weight: 0 }
  - name: gain_ext
    set:
      data.composites: null
      data.masks.predicted: null
      training.refit: null
      gain.losses.mining: { weight: 1 }
      gain.losses.supervision: { weight: 10 }
training: { epochs: 1, refit: { samples: 40, subsets: 2 }, checkpointEvery: 1 }
evaluation: { focusClass: boat, published: { paper: { boat-without-water: 42, water-without-boat: 30 } } }
log: { images: 2, imagesFrom: boat-without-water, histogramsEvery: 0 }
`;

/** A signal that interrupts when it is asked for the n-th time whether to go on. */
function interruptAfter(checks: number): AbortSignal {
  const controller = new AbortController();
  const { signal } = controller;
  const check = signal.throwIfAborted.bind(signal);
  let left = checks;
  signal.throwIfAborted = () => {
    left--;
    if (left === 0) controller.abort(new InterruptedError('for the test'));
    check();
  };
  return signal;
}

const weights = (run: string) => readFile(join(run, 'model', 'weights.bin'));

test.serial('a run that is interrupted in each stage and resumed ends with the same weights', async (t) => {
  const folder = temporaryFolder(t);
  const config = parseConfig(yaml(join(folder, 'boats')), 'small.yaml');
  const log = () => {};
  const whole = join(folder, 'whole');
  const directory = await RunDirectory.open(whole, 'new');
  const { summary, stages } = await runStages(config, directory, { resume: false, log });
  directory.release();
  t.deepEqual(
    stages.map(({ name }) => name),
    ['plain', 'gain_ext'],
  );
  t.deepEqual((await readdir(join(whole, 'stages'))).sort(), ['gain_ext', 'plain']);
  t.true(existsSync(join(whole, 'attention', 'before-after.png')));
  t.true(summary.best!.metric === 'mAP' && summary.best!.value >= 0 && summary.best!.value <= 1);

  const broken = join(folder, 'broken');
  const stopped = new Set<string>();
  let done = false;
  for (let attempt = 0; !done && attempt < 30; attempt++) {
    const resume = holdsRun(broken);
    const again = await RunDirectory.open(broken, resume ? 'resume' : 'new');
    let stage = 'none';
    try {
      await runStages(config, again, {
        resume,
        signal: interruptAfter(4 + attempt * 2),
        log: (line) => {
          stage = /^stage +(\S+)/.exec(line)?.[1] ?? stage;
        },
      });
      done = true;
    } catch (error) {
      t.true(error instanceof InterruptedError, String(error));
      stopped.add(stage);
    } finally {
      again.release();
    }
  }
  t.true(done);
  t.deepEqual([...stopped].filter((one) => one !== 'none').sort(), ['gain_ext', 'plain', 'small']);
  for (const part of ['stages/plain', 'stages/gain_ext', '.']) {
    t.deepEqual(await weights(join(broken, part)), await weights(join(whole, part)), part);
  }

  const table = resultsTable(summary, whole);
  const percent = (share: number) => (100 * share).toFixed(1);
  const boat = Object.values(summary.metrics).map(({ focus }) => focus!.accuracy);
  const row = new RegExp(
    `^small +${boat.map(percent).join(' +')} +${percent((boat[0]! + boat[1]!) / 2)} `,
    'm',
  );
  t.regex(table, row);
  t.regex(table, /^always \w+ .* 50\.0/m);
  t.regex(table, /^paper +42\.0 +30\.0 +36\.0/m);
});

test.serial('what a stage sets and cannot be is an error that names the stage', async (t) => {
  const folder = temporaryFolder(t);
  const text = yaml(join(folder, 'boats')).replace('data.composites: null', 'training.epochz: 3');
  const directory = await RunDirectory.open(join(folder, 'run'), 'new');
  await t.throwsAsync(
    runStages(parseConfig(text, 'small.yaml'), directory, { resume: false, log: () => {} }),
    {
      instanceOf: ConfigError,
      message: /stages\.0 \(plain\).*epochz/,
    },
  );
  directory.release();
});
