import { readFile, writeFile } from 'node:fs/promises';
import test from 'ava';
import { parseConfig } from '../../src/config/index.ts';
import { runStages } from '../../src/experiment/index.ts';
import { RunDirectory } from '../../src/run/index.ts';
import { workplaceFor } from './command-line.ts';

const workplace = workplaceFor(test);

const staged = `
name: small
engine: { name: onnx, threads: 1 }
data:
  dir: boats
  options: { size: 16, train: 24, trainFullsup: 12, val: 8, test: 4, unbiased: 4 }
  imageSize: [16, 16]
  batchSize: 8
  workers: 0
  splits: { train: [train, train-fullsup], validation: val, test: [boat-without-water] }
  masks: { count: 10, predicted: { steps: 4, folds: 0, batch: [3, 1] } }
  composites: { suspects: [boat], perBatch: 5, cache: 12 }
model: { options: { widths: [3, 4] } }
gain: { losses: { mining: { weight: 0 }, supervision: { weight: 0 } } }
stages:
  - name: plain
    set: { data.composites: null, data.masks.predicted: null, training.refit: null }
  - name: gain_ext
    set:
      data.composites: null
      data.masks.predicted: null
      training.refit: null
      gain.losses.mining: { weight: 1 }
      gain.losses.supervision: { weight: 10 }
training: { epochs: 2, refit: { samples: 40, subsets: 2 }, checkpointEvery: 1 }
evaluation: { focusClass: boat }
log: { images: 0, histogramsEvery: 0 }
`;

/** Where a run is killed, by what it has said so far. */
const deaths: readonly { readonly name: string; readonly said: RegExp; readonly always?: boolean }[] = [
  { name: 'plain', said: /stage +plain[\s\S]*epoch 1\/2: loss/ },
  { name: 'gain_ext', said: /stage +gain_ext[\s\S]*epoch 1\/2: loss/, always: true },
  { name: 'learning masks', said: /learning masks/ },
  { name: 'predicting masks', said: /predicting masks/, always: true },
  { name: 'composites', said: /stage +small[\s\S]*epoch 1\/2: loss/ },
  { name: 'refit and test', said: /stage +small[\s\S]*epoch 2\/2: loss/, always: true },
];

test.serial(
  'killed (SIGKILL) in the middle of stages and resumed, a run ends with the same weights',
  async (t) => {
    const place = workplace();
    // GAIN_STAGE_KILLS=all: in each of them.
    const chosen = deaths.filter(({ always }) => always || process.env.GAIN_STAGE_KILLS === 'all');
    await writeFile(place.path('staged.yaml'), staged);
    const whole = await RunDirectory.open(place.path('whole'), 'new');
    const config = parseConfig(staged.replace('dir: boats', `dir: ${place.path('boats')}`), 'staged.yaml');
    await runStages(config, whole, { resume: false, log: () => {} });
    whole.release();

    const train = (onStderr?: (stderr: string, kill: (signal: NodeJS.Signals) => void) => void) =>
      place.train(
        [
          '--config',
          'staged.yaml',
          '--run',
          'killed',
          '--resume=auto',
          '--set',
          // Its own: what the other run predicted lies beside the data.
          `data.dir=${place.path('boats-of-its-own')}`,
        ],
        onStderr ? { onStderr } : {},
      );
    for (const { name, said } of chosen) {
      const { signal, stderr } = await train((text, kill) => {
        if (said.test(text)) kill('SIGKILL');
      });
      t.is(signal, 'SIGKILL', `${name}: ${stderr}`);
    }
    const end = await train();
    t.is(end.code, 0, end.stderr);
    for (const part of ['stages/plain', 'stages/gain_ext', '.']) {
      const weights = (run: string) => readFile(place.path(run, part, 'model', 'weights.bin'));
      t.deepEqual(await weights('killed'), await weights('whole'), part);
    }
  },
);
