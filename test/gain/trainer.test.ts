import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { startEngine } from '../../src/engine/index.ts';
import { DivergenceError, RunError, UsageError } from '../../src/errors/index.ts';
import { CheckpointStore } from '../../src/experiment/checkpoint.ts';
import { type GainBatch, GainTrainer, type GainTrainerOptions } from '../../src/gain/index.ts';
import { buildModel } from '../../src/models/index.ts';

test.before(async () => {
  await startEngine({ engine: (process.env.GAIN_TEST_ENGINE ?? 'onnx') as 'onnx' });
});

const size = 12;

function smallModel(seed = 1): tfl.LayersModel {
  return buildModel('small-cnn', { inputShape: [size, size, 3], classes: 3, seed, widths: [4, 6] });
}

/** Images with a bright square at a place that tells the class; multi-label, deterministic. */
function batches(count: number, images = 4): GainBatch[] {
  return Array.from({ length: count }, (_, n) => {
    const pixels = new Float32Array(images * size * size * 3);
    const labels: number[][] = [];
    for (let b = 0; b < images; b++) {
      const c = (n + b) % 3;
      labels.push(b % 2 ? [c] : [c, (c + 1) % 3]);
      for (const one of labels[b]!) {
        for (let y = 0; y < 4; y++) {
          for (let x = 0; x < 4; x++) pixels[((b * size + y + 4 * one) * size + x + 4 * one) * 3 + one] = 1;
        }
      }
    }
    return { images: tf.tensor4d(pixels, [images, size, size, 3]), labels };
  });
}

const options: GainTrainerOptions = {
  link: 'sigmoid',
  optimizer: { name: 'adam', learningRate: 0.01 },
  weights: { mining: { weight: 1, startEpoch: 1, rampEpochs: 1 }, supervision: 0 },
};

const values = (model: tfl.LayersModel) => model.getWeights().map((weight) => Array.from(weight.dataSync()));

test.serial(
  'training lowers the loss, starts each stream when it is due, and reports what it did',
  async (t) => {
    const trainer = new GainTrainer(smallModel(), options);
    const seen: string[] = [];
    const { epoch, history } = await trainer.fitDataset(batches(4), {
      epochs: 8,
      callbacks: {
        onTrainBegin: () => void seen.push('begin'),
        onBatchEnd: (_batch, report) => void seen.push(Object.keys(report.losses).join()),
        onTrainEnd: () => void seen.push('end'),
      },
    });
    t.deepEqual(epoch, [0, 1, 2, 3, 4, 5, 6, 7]);
    t.true(history.classification!.at(-1)! < history.classification![0]! * 0.8);
    t.deepEqual(history.loss!.slice(0, 1), history.classification!.slice(0, 1), 'mining begins later');
    t.true(history.acc!.every((value) => value >= 0 && value <= 1));
    t.is(seen[0], 'begin');
    t.is(seen.at(-1), 'end');
    t.is(seen[1], 'total,classification');
    t.is(seen[5], 'total,classification,mining');
    t.is(trainer.optimizer.updates, 32);
  },
);

test.serial('two trainings with one seed end with identical weights', async (t) => {
  const run = async () => {
    const trainer = new GainTrainer(smallModel(), { ...options, classesToMine: 'random', fill: 'noise' });
    await trainer.fitDataset(batches(3), { epochs: 3 });
    return values(trainer.model);
  };
  t.deepEqual(await run(), await run());
});

test.serial('the number of live tensors stays the same from step to step', (t) => {
  const trainer = new GainTrainer(smallModel(), { ...options, clipNorm: 0.1, accumulate: 2 });
  const [batch] = batches(1);
  const position = { epoch: 3, epochs: 4, batchLength: 0.1 };
  for (let i = 0; i < 2; i++) trainer.trainOnBatch(batch!, position);
  const before = tf.memory().numTensors;
  for (let i = 0; i < 6; i++) trainer.trainOnBatch(batch!, position, { gradients: i === 3 });
  t.is(tf.memory().numTensors, before);
});

test.serial('two accumulated batches make the update of the batch that holds both', (t) => {
  const plain = { weights: { mining: 0, supervision: 0 }, link: 'sigmoid' as const, clipNorm: 0.05 };
  const [a, b] = batches(2);
  const both: GainBatch = {
    images: tf.concat([a!.images as tf.Tensor, b!.images as tf.Tensor]),
    labels: [...(a!.labels as number[][]), ...(b!.labels as number[][])],
  };
  const position = { epoch: 0, epochs: 1, batchLength: 0.5 };
  const optimizer = { name: 'sgd', learningRate: 1, momentum: 0 } as const;
  const halves = new GainTrainer(smallModel(), { ...plain, optimizer, accumulate: 2 });
  halves.trainOnBatch(a!, position);
  t.true(halves.midUpdate);
  halves.trainOnBatch(b!, position);
  t.false(halves.midUpdate);
  const whole = new GainTrainer(smallModel(), { ...plain, optimizer });
  whole.trainOnBatch(both, position);
  const [x, y] = [values(halves.model).flat(), values(whole.model).flat()];
  t.true(x.every((value, i) => Math.abs(value - y[i]!) < 1e-6));
  t.notDeepEqual(x, values(smallModel()).flat());
});

test.serial('batches left over at the end of an epoch make an update of their own', async (t) => {
  const plain = { weights: { mining: 0, supervision: 0 }, link: 'sigmoid' as const };
  const optimizer = { name: 'sgd', learningRate: 1, momentum: 0 } as const;
  const [a, b, c] = batches(3);
  const accumulating = new GainTrainer(smallModel(), { ...plain, optimizer, accumulate: 2 });
  await accumulating.fitDataset([a!, b!, c!], { epochs: 1 });
  t.is(accumulating.optimizer.updates, 2);
  t.false(accumulating.midUpdate);

  const byHand = new GainTrainer(smallModel(), { ...plain, optimizer, accumulate: 2 });
  for (const one of [a!, b!, c!, c!]) byHand.trainOnBatch(one, { epoch: 0, epochs: 1, batchLength: 1 / 3 });
  const [x, y] = [values(accumulating.model).flat(), values(byHand.model).flat()];
  t.true(x.every((value, i) => Math.abs(value - y[i]!) < 1e-6));
});

test.serial('weights that are not finite are named before they are kept', async (t) => {
  const trainer = new GainTrainer(smallModel(), options);
  await t.notThrowsAsync(trainer.requireFiniteWeights());
  const [kernel, ...rest] = trainer.model.getWeights();
  trainer.model.setWeights([tf.mul(kernel!, Number.POSITIVE_INFINITY), ...rest]);
  await t.throwsAsync(trainer.requireFiniteWeights(), {
    instanceOf: DivergenceError,
    message: 'step 0: the weight conv1_1/kernel is not finite',
  });
});

test.serial(
  'a tf.data-like data set in the form of model.fitDataset is taken, and its batches are disposed',
  async (t) => {
    const trainer = new GainTrainer(smallModel(), options);
    const dataset = {
      async iterator() {
        const items = batches(2).map(({ images, labels }) => ({
          xs: images,
          ys: tf.tidy(() => tf.stack((labels as number[][]).map((row) => tf.max(tf.oneHot(row, 3), 0)))),
        }));
        return {
          async next() {
            const value = items.shift();
            return { value, done: value === undefined };
          },
        };
      },
    };
    await trainer.fitDataset(dataset, { epochs: 1 });
    const before = tf.memory().numTensors;
    await trainer.fitDataset(dataset, { epochs: 1 });
    t.is(tf.memory().numTensors, before);
    t.is(trainer.optimizer.updates, 4);
  },
);

test.serial(
  'a training taken up from a checkpoint in the middle of an epoch ends with the same weights',
  async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'gain-checkpoint-'));
    const data = batches(4);
    const whole = new GainTrainer(smallModel(), options);
    const expected = await whole.fitDataset((_epoch, first) => data.slice(first), {
      epochs: 3,
      batchesPerEpoch: 4,
    });

    const store = new CheckpointStore(folder);
    const first = new GainTrainer(smallModel(), options);
    await first.fitDataset((_epoch, from) => data.slice(from), {
      epochs: 3,
      batchesPerEpoch: 4,
      callbacks: {
        async onBatchEnd(batch, { step }) {
          if (step !== 6) return;
          const progress = { step, epoch: 1, batch: batch + 1, carried: { sums: first.epochSums } };
          await store.save(first.model, first.optimizer, progress);
          first.stopTraining = true;
        },
      },
    });
    t.is(first.optimizer.updates, 6);

    const second = new GainTrainer(smallModel(99), options);
    const progress = await store.restore(second.model, second.optimizer);
    t.like(progress, { step: 6, epoch: 1, batch: 2 });
    const history = await second.fitDataset((_epoch, from) => data.slice(from), {
      epochs: 3,
      batchesPerEpoch: 4,
      start: { epoch: 1, batch: 2, sums: progress!.carried.sums as typeof first.epochSums },
    });
    t.deepEqual(values(second.model), values(whole.model));
    t.deepEqual(history.epoch, [1, 2]);
    for (const [name, of] of Object.entries(expected.history))
      t.deepEqual(history.history[name], of.slice(1), name);
    await rm(folder, { recursive: true });
  },
);

test.serial(
  'the last checkpoint, the one before and the best stay; a damaged one is an error that says where to go on',
  async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'gain-checkpoint-'));
    const store = new CheckpointStore(folder);
    const trainer = new GainTrainer(smallModel(), options);
    t.is(await store.restore(trainer.model, trainer.optimizer), undefined);
    const save = (step: number, best: boolean) =>
      store.save(trainer.model, trainer.optimizer, { step, epoch: 0, batch: step, carried: {} }, { best });
    for (const [step, best] of [
      [1, true],
      [2, false],
      [3, false],
      [3, false],
    ] as const)
      await save(step, best);
    t.deepEqual((await readdir(folder)).sort(), [
      'index.json',
      'step-00000001',
      'step-00000003',
      'step-00000003-again',
    ]);
    t.is(await store.find('best'), join(folder, 'step-00000001'));

    const weights = join(folder, 'step-00000003-again', 'weights.bin');
    const bytes = await readFile(weights);
    bytes[17]! ^= 4;
    await writeFile(weights, bytes);
    const previous = join(folder, 'step-00000003');
    await t.throwsAsync(store.restore(trainer.model, trainer.optimizer), {
      instanceOf: RunError,
      message: `${weights}: damaged, its checksum does not match; without this folder a run goes on from ${previous}`,
    });
    await rm(join(folder, 'step-00000003-again'), { recursive: true });
    t.is(await store.find('last'), previous);
    t.is((await store.restore(trainer.model, trainer.optimizer))?.step, 3);
    await writeFile(join(folder, 'index.json'), '{');
    await t.throwsAsync(store.find('last'), {
      instanceOf: RunError,
      message: /index\.json: does not say which checkpoint is the last .*step-00000001, step-00000003/,
    });
    await rm(folder, { recursive: true });
  },
);

test.serial('a loss that is not finite stops the training and names the step and the term', (t) => {
  const trainer = new GainTrainer(smallModel(), options);
  const [batch] = batches(1);
  const bad = { images: tf.mul(batch!.images as tf.Tensor, Number.NaN), labels: batch!.labels };
  t.throws(() => trainer.trainOnBatch(bad, { epoch: 0, epochs: 1, batchLength: 0.1 }), {
    instanceOf: DivergenceError,
    message: 'step 1: the classification loss is NaN',
  });
});

test.serial('a data set without a batch, and a model without a trainable weight, are refused', async (t) => {
  const trainer = new GainTrainer(smallModel(), options);
  await t.throwsAsync(trainer.fitDataset([], { epochs: 1 }), {
    instanceOf: UsageError,
    message: 'epoch 1: the data set gave no batch',
  });
  const frozen = smallModel();
  for (const layer of frozen.layers) layer.trainable = false;
  t.throws(() => new GainTrainer(frozen, options), {
    instanceOf: UsageError,
    message: /every layer is frozen/,
  });
});
