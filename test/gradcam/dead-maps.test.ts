import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { type EngineName, startEngine } from '../../src/engine/index.ts';
import { gainLoss } from '../../src/gain/index.ts';
import { attentionMaps, deadMaps, isDeadMap, normalizeMaps } from '../../src/gradcam/index.ts';

const engines: EngineName[] = ['cpu', 'onnx'];

test.serial(
  'dead means: of one value all over, up to the rounding of that value, at any scale',
  async (t) => {
    await startEngine({ engine: 'cpu' });
    const live = [0, 0.25, 0.5, 1];
    const maps = [
      live,
      live.map((value) => value * 1e-12),
      [0, 0, 0, 0],
      [3, 3, 3, 3],
      [3, 3 + 3e-7, 3, 3],
      [3, 3.001, 3, 3],
      [1e-30, 0, 0, 0],
      live.map((value) => -value),
    ];
    const expected = [0, 0, 1, 1, 1, 0, 1, 0];
    t.deepEqual(Array.from(deadMaps(tf.tensor3d(maps.flat(), [8, 2, 2])).dataSync()), expected);
    t.deepEqual(
      maps.map((map) => Number(isDeadMap(Float32Array.from(map)))),
      expected,
    );
    t.false(isDeadMap([Number.NaN, 0]));
  },
);

test.serial('a map of any scale is normalised alike, and so is its gradient of both orders', async (t) => {
  await startEngine({ engine: 'cpu' });
  const map = tf.tensor3d([0, 0.25, 0.5, 1], [1, 2, 2]);
  for (const mode of ['min-max', 'max', 'l2'] as const) {
    const slope = tf.grad((x: tf.Tensor) => tf.sum(tf.square(normalizeMaps(tf.mul(x, map), mode))));
    const of = tf.grad((x: tf.Tensor) => tf.sum(tf.square(slope(x))));
    const x = tf.tensor3d([1, 2, 1, 1], [1, 2, 2]);
    const expected = [slope(x), of(x)].map((y) => y.dataSync());
    for (const scale of [1e-12, 1e6]) {
      const scaled = (y: tf.Tensor) => normalizeMaps(tf.mul(tf.mul(y, scale), map), mode);
      const slopeAt = tf.grad((y: tf.Tensor) => tf.sum(tf.square(scaled(y))));
      const ofAt = tf.grad((y: tf.Tensor) => tf.sum(tf.square(slopeAt(y))));
      [slopeAt(x), ofAt(x)].forEach((found, order) => {
        const values = found.dataSync();
        for (const [i, value] of values.entries()) {
          t.true(Math.abs(value - expected[order]![i]!) < 1e-4, `${mode}, ${scale}, order ${order + 1}`);
        }
      });
    }
  }
});

/** A batch norm between target layer and scores: trained on images of one class its gradient is 0 by algebra. */
function normalizedHead(): tfl.LayersModel {
  const input = tfl.input({ shape: [12, 12, 3] });
  const kernelInitializer = (seed: number) => tfl.initializers.glorotNormal({ seed });
  const convolution = tfl.layers.conv2d({
    filters: 8,
    kernelSize: 3,
    padding: 'same',
    activation: 'relu',
    name: 'a',
    kernelInitializer: kernelInitializer(1),
  });
  const pooled = tfl.layers.globalAveragePooling2d({}).apply(convolution.apply(input)) as tfl.SymbolicTensor;
  const normalized = tfl.layers.batchNormalization({}).apply(pooled) as tfl.SymbolicTensor;
  const dense = tfl.layers.dense({ units: 3, kernelInitializer: kernelInitializer(2) });
  return tfl.model({ inputs: input, outputs: dense.apply(normalized) as tfl.SymbolicTensor });
}

test.serial('a map that is zero by algebra is dead on every engine', async (t) => {
  const mined: number[] = [];
  for (const engine of engines) {
    await startEngine({ engine });
    const model = normalizedHead();
    const images = tf.randomUniform<tf.Rank.R4>([8, 12, 12, 3], 0, 1, 'float32', 3);
    const loss = (labels: number[]) =>
      gainLoss(
        model,
        { images, labels },
        {
          targetLayer: 'a',
          training: true,
          weights: { classification: 0, mining: 1, supervision: 0 },
        },
      );
    const one = loss([0, 0, 0, 0, 0, 0, 0, 0]);
    t.is(one.deadShare!.dataSync()[0], 1, engine);
    t.true(one.maps!.dataSync().every((value) => value === 0));
    const three = loss([0, 1, 2, 0, 1, 2, 0, 1]);
    t.is(three.deadShare!.dataSync()[0], 0, engine);
    mined.push(one.mining!.dataSync()[0]!, three.mining!.dataSync()[0]!);
  }
  t.true(Math.abs(mined[0]! - mined[2]!) < 1e-6);
  t.true(Math.abs(mined[1]! - mined[3]!) < 1e-4);
});

test.serial('saturated places share the slope of a global max pooling', async (t) => {
  for (const engine of engines) {
    await startEngine({ engine });
    const input = tfl.input({ shape: [2, 2, 1] });
    const saturated = tfl.layers.reLU({ maxValue: 6, name: 'a' }).apply(input) as tfl.SymbolicTensor;
    const pooled = tfl.layers.globalMaxPooling2d({}).apply(saturated) as tfl.SymbolicTensor;
    const dense = tfl.layers.dense({ units: 1, kernelInitializer: 'ones' });
    const model = tfl.model({ inputs: input, outputs: dense.apply(pooled) as tfl.SymbolicTensor });
    const images = tf.tensor4d([7, 8, 1, 9], [1, 2, 2, 1]);
    const { maps } = attentionMaps(model, images, [{ sample: 0, class: 0 }], { targetLayer: 'a' });
    // w = mean of 1/3, 1/3, 0, 1/3, and A = 6, 6, 1, 6.
    const expected = [1.5, 1.5, 0.25, 1.5];
    for (const [i, value] of maps.dataSync().entries()) {
      t.true(Math.abs(value - expected[i]!) < 1e-5, engine);
    }
  }
});
