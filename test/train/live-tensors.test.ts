import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { onnxStats } from '../../src/engine/onnx/index.ts';
import { type GainBatch, GainTrainer } from '../../src/gain/index.ts';
import { buildModel } from '../../src/models/index.ts';
import { startTestEngine } from '../engine/test-engine.ts';

test.before(() => startTestEngine('onnx'));

const size = 8;
const classes = 3;

/** Noise with labels: `perImage` of them on every image, masks on the first `masked`. */
function batch(seed: number, perImage: (b: number) => number, masked: number) {
  const images = tf.randomUniform([4, size, size, 3], 0, 1, 'float32', seed) as tf.Tensor4D;
  const labels = Array.from({ length: 4 }, (_, b) =>
    Array.from({ length: perImage(b) }, (_, k) => (seed + b + k) % classes),
  );
  const maskPairs = labels.slice(0, masked).map(([first], sample) => ({ sample, class: first! }));
  const masks = tf.ones([masked, size, size]) as tf.Tensor3D;
  return { images, labels, masks, maskPairs } satisfies GainBatch;
}

test.serial('live tensors and compiled graphs stay constant over 240 steps whose batches change', (t) => {
  t.timeout(180_000);
  const model = buildModel('small-cnn', {
    inputShape: [size, size, 3],
    classes,
    widths: [2, 3],
    dropout: 0.2,
  });
  const trainer = new GainTrainer(model, {
    link: 'sigmoid',
    weights: { mining: { weight: 1, startEpoch: 1, rampEpochs: 1 }, supervision: 1 },
    schedule: { name: 'cosine', warmupEpochs: 1, milestones: [], gamma: 0.1, minimum: 0 },
    pairCapacity: 8,
    groups: 2,
    clipNorm: 1,
  });
  let seen: { tensors: number; compiles: number | undefined } | undefined;
  for (let step = 0; step < 240; step++) {
    const one = batch(step, (b) => 1 + ((step + b) % 2), step % 3);
    trainer.trainOnBatch(
      one,
      { epoch: step / 60, epochs: 4, batchLength: 1 / 60 },
      { gradients: step % 20 === 0 },
    );
    for (const tensor of [one.images, one.masks]) tensor.dispose();
    // The ramp ends at step 120, and the kinds of batches come round every 60.
    if (step === 180) seen = { tensors: tf.memory().numTensors, compiles: onnxStats()?.compiles };
  }
  t.deepEqual({ tensors: tf.memory().numTensors, compiles: onnxStats()?.compiles }, seen);
});
