import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test, { type ExecutionContext } from 'ava';
import { ModelError, UsageError } from '../../src/errors/index.ts';
import { type RelevanceComposite, type RelevanceOptions, relevanceMaps } from '../../src/gradcam/index.ts';
import { backgroundRelevance } from '../../src/losses/index.ts';
import { buildModel } from '../../src/models/index.ts';
import { startTestEngine } from './engine.ts';
import { buildCase, type Case, numbers, tensorOf } from './reference-network.ts';

interface RelevanceCase extends Omit<Case, 'results'> {
  scale: number;
  shift: number;
  results: Record<
    string,
    {
      relevance: number[];
      grads: Record<string, number[]>;
      isnet?: number[];
      isnetGradient?: number[];
      isnetGrads?: number[];
    }
  >;
}

const reference: {
  epsilon: number;
  gamma: number;
  range: [number, number];
  cases: RelevanceCase[];
} = JSON.parse(readFileSync(new URL('../fixtures/relevance.json', import.meta.url), 'utf8'));

test.before(startTestEngine);

const largest = (values: ArrayLike<number>) => Math.max(1e-12, ...Array.from(values, Math.abs));
const difference = (a: ArrayLike<number>, b: readonly number[]) =>
  Math.max(...b.map((value, i) => Math.abs(a[i]! - value))) / largest(b);

for (const one of reference.cases) {
  test.serial(`relevance and its gradient for all weights equal PyTorch: ${one.title}`, (t) => {
    const { model, variables } = buildCase({ ...one, results: [] });
    const images = tf.tidy(() => tf.mul(tf.add(tensorOf(7, one.input), one.shift), one.scale));
    const pairs = one.pairs.map(([sample, label]) => ({ sample, class: label }));
    for (const [name, expected] of Object.entries(one.results)) {
      const composite: RelevanceOptions['composite'] =
        name === 'w-square' ? () => ({ rule: 'w-square' }) : (name as 'epsilon');
      const options: RelevanceOptions = {
        composite,
        epsilon: reference.epsilon,
        gamma: reference.gamma,
        range: reference.range,
        ...(one.batchNorm && { batchNorm: one.batchNorm }),
      };
      const live = tf.memory().numTensors;
      const { relevance, logits } = relevanceMaps(model, images, pairs, options);
      t.is(tf.memory().numTensors, live + 2, `${name}: live tensors`);
      const error = difference(relevance.dataSync(), expected.relevance);
      t.true(error < 1e-4, `${name}: relevance differs by ${error}`);

      const v = tf.tensor(numbers(99, relevance.size), relevance.shape);
      const { grads } = tf.variableGrads(
        () => tf.sum(tf.mul(relevanceMaps(model, images, pairs, options).relevance, v)) as tf.Scalar,
        [...variables.values()],
      );
      const whole = largest(Object.values(expected.grads).flat());
      for (const [key, values] of Object.entries(expected.grads)) {
        const found = grads[variables.get(key)!.name]?.dataSync() ?? new Float32Array(values.length);
        const off = Math.max(...values.map((value, i) => Math.abs(found[i]! - value)));
        t.true(off < 1e-4 * (largest(values) + 0.01 * whole), `${name}: gradient of ${key} off by ${off}`);
      }
      if (expected.isnet && relevance.rank === 4) isnetEquals(t, relevance as tf.Tensor4D, expected, name);
      if (expected.isnetGrads && relevance.rank === 4) {
        const masks = masksLike(relevance as tf.Tensor4D);
        const judged = tf.variableGrads(
          () =>
            backgroundRelevance(
              relevanceMaps(model, images, pairs, options).relevance as tf.Tensor4D,
              masks,
              isnet,
            ),
          [...variables.values()],
        );
        const all = [...variables.values()].flatMap((one) => [
          ...(judged.grads[one.name]?.dataSync() ?? new Float32Array(one.size)),
        ]);
        const off = difference(all, expected.isnetGrads);
        t.true(off < 2e-4, `ISNet's loss through the network: gradients differ by ${off}`);
        tf.dispose([judged.value, judged.grads, masks]);
      }
      tf.dispose([relevance, logits, v, grads]);
    }
    tf.dispose(images);
    model.dispose();
  });
}

const isnet = { decay: 0.8, tolerance: 1.5, foreground: [0.5, 2], foregroundWeight: 3 } as const;

function masksLike(relevance: tf.Tensor4D): tf.Tensor3D {
  const shape = relevance.shape.slice(0, 3) as [number, number, number];
  return tf.tensor3d(
    numbers(55, tf.util.sizeFromShape(shape)).map((value) => Number(value > 0)),
    shape,
  );
}

function isnetEquals(
  t: ExecutionContext,
  relevance: tf.Tensor4D,
  expected: { isnet?: number[]; isnetGradient?: number[] },
  title: string,
): void {
  tf.tidy(() => {
    const masks = masksLike(relevance);
    const { value, grad } = tf.valueAndGrad((r: tf.Tensor) =>
      backgroundRelevance(r as tf.Tensor4D, masks, isnet),
    )(relevance);
    const mean = expected.isnet!.reduce((a, b) => a + b, 0) / expected.isnet!.length;
    const found = value.dataSync()[0]!;
    t.true(Math.abs(found - mean) < 1e-4 * mean, `${title}: ISNet's loss is ${found}, expected ${mean}`);
    const error = difference(grad.dataSync(), expected.isnetGradient!);
    t.true(error < 1e-4, `${title}: the gradient of ISNet's loss differs by ${error}`);
  });
}

/** No biases, so that nothing is lost on the way. */
function unbiased(): tfl.LayersModel {
  const { conv2d, dense, globalAveragePooling2d, maxPooling2d, separableConv2d } = tfl.layers;
  const model = tfl.sequential({
    layers: [
      conv2d({ inputShape: [8, 8, 2], filters: 4, kernelSize: 3, activation: 'relu', useBias: false }),
      maxPooling2d({ poolSize: 2 }),
      separableConv2d({ filters: 5, kernelSize: 3, padding: 'same', activation: 'relu', useBias: false }),
      globalAveragePooling2d({}),
      dense({ units: 3, useBias: false, activation: 'softmax' }),
    ],
  });
  model.setWeights(model.getWeights().map((weight, i) => tensorOf(100 * (i + 1), weight.shape)));
  return model;
}

test('what a score is worth arrives at the pixels whole, without biases', (t) => {
  const model = unbiased();
  const images = tf.add(tensorOf(5, [2, 8, 8, 2]), 0.5);
  const pairs = [
    { sample: 0, class: 0 },
    { sample: 1, class: 2 },
  ];
  // Not by z⁺: between the two maps of a separable convolution there is no ReLU, and what negative values are worth is lost.
  for (const composite of ['epsilon', 'epsilon-box'] as const) {
    const { relevance, logits } = relevanceMaps(model, images, pairs, { composite, epsilon: 1e-9 });
    const sums = tf.sum(relevance, [1, 2, 3]).dataSync();
    const scores = logits.arraySync();
    pairs.forEach(({ sample, class: label }, p) => {
      const score = scores[sample]![label]!;
      t.true(Math.abs(score) > 1e-4);
      t.true(Math.abs(sums[p]! - score) < 1e-3 * Math.abs(score), `${composite}: ${sums[p]} of ${score}`);
    });
  }
});

test('a batch norm behind a transposed convolution is a layer of its own: the score arrives whole', (t) => {
  const model = tfl.sequential({
    layers: [
      tfl.layers.conv2dTranspose({
        inputShape: [3, 3, 2],
        filters: 3,
        kernelSize: 2,
        strides: 2,
        useBias: false,
      }),
      tfl.layers.batchNormalization({ center: false }),
      tfl.layers.reLU(),
      tfl.layers.flatten(),
      tfl.layers.dense({ units: 2, useBias: false }),
    ],
  });
  model.setWeights(
    model.getWeights().map((weight, i) => {
      // Kernel, γ, dense kernel, moving mean 0, moving variance 1.
      if (i === 3) return tf.zerosLike(weight);
      if (i === 4) return tf.onesLike(weight);
      return tf.add(tensorOf(100 * (i + 1), weight.shape), i === 1 ? 2 : 0);
    }),
  );
  const images = tf.add(tensorOf(5, [1, 3, 3, 2]), 0.5);
  const pairs = [{ sample: 0, class: 1 }];
  const { relevance, logits } = relevanceMaps(model, images, pairs, { composite: 'epsilon', epsilon: 1e-9 });
  const [sum, score] = [tf.sum(relevance).dataSync()[0]!, logits.arraySync()[0]![1]!];
  t.true(Math.abs(sum - score) < 1e-3 * Math.abs(score), `${sum} of ${score}`);
});

test('the way back may end at a layer, may start at 1, and repeats a sample', (t) => {
  const model = unbiased();
  const images = tf.add(tensorOf(5, [2, 8, 8, 2]), 0.5);
  const pairs = [
    { sample: 1, class: 0 },
    { sample: 1, class: 2 },
    { sample: 1, class: 0 },
  ];
  const options = { composite: 'epsilon', epsilon: 1e-9, targetLayer: model.layers[1]!.name } as const;
  const { relevance, logits } = relevanceMaps(model, images, pairs, options);
  t.deepEqual(relevance.shape, [3, 3, 3, 4]);
  const sums = tf.sum(relevance, [1, 2, 3]).dataSync();
  const scores = logits.arraySync()[1]!;
  t.true(Math.abs(sums[0]! - scores[0]!) < 1e-4 && Math.abs(sums[1]! - scores[2]!) < 1e-4);
  t.is(sums[0], sums[2]);
  const ones = tf.sum(relevanceMaps(model, images, pairs, { ...options, start: 'one' }).relevance, [1, 2, 3]);
  t.true(Array.from(ones.dataSync()).every((sum) => Math.abs(sum - 1) < 1e-3));
  t.deepEqual(relevanceMaps(model, images, []).relevance.shape, [0, 8, 8, 2]);
});

test('a composite is told of each layer with weights, the last first', (t) => {
  const model = unbiased();
  const told: string[] = [];
  const composite: RelevanceComposite = ({ kind, first }) => {
    told.push(`${kind}${first ? ', first' : ''}`);
    return { rule: 'epsilon' };
  };
  relevanceMaps(model, tf.ones([1, 8, 8, 2]), [{ sample: 0, class: 0 }], { composite });
  t.deepEqual(told, ['dense', 'convolution', 'convolution, first']);
});

test('networks of this package have rules for all of their layers', (t) => {
  const inputShape: [number, number, number] = [32, 32, 3];
  // Narrow and shallow: with all the kinds of layers that the whole ones have.
  const networks = [
    ['mobilenet-v3-small', { alpha: 0.25 }],
    ['resnet18', { baseWidth: 8 }],
    ['convnext-tiny', { widths: [8, 8, 16, 16], depths: [1, 1, 1, 1] }],
    ['vit-tiny', { width: 16, depth: 2, heads: 2 }],
  ] as const;
  for (const [name, options] of networks) {
    const model = buildModel(name as 'resnet18', { inputShape, classes: 2, seed: 1, ...(options as object) });
    const images = tf.add(tensorOf(3, [1, ...inputShape]), 0.5);
    const { relevance } = relevanceMaps(model, images, [{ sample: 0, class: 1 }], { epsilon: 1e-4 });
    const values = relevance.dataSync();
    t.true(values.every(Number.isFinite) && largest(values) > 0, name);
    model.dispose();
  }
});

test('what has no rule is named, and numbers that rules do not allow', (t) => {
  const model = tfl.sequential({
    layers: [
      tfl.layers.reshape({ inputShape: [4, 4, 1], targetShape: [4, 4] }),
      tfl.layers.simpleRNN({ name: 'memory', units: 2 }),
      tfl.layers.dense({ units: 2 }),
    ],
  });
  t.throws(() => relevanceMaps(model, tf.ones([1, 4, 4, 1]), [{ sample: 0, class: 0 }]), {
    instanceOf: ModelError,
    message: 'layer-wise relevance propagation has no rule for layer "memory" (SimpleRNN)',
  });
  const fails = (options: RelevanceOptions, message: string | RegExp) =>
    t.throws(() => relevanceMaps(unbiased(), tf.ones([1, 8, 8, 2]), [{ sample: 0, class: 0 }], options), {
      instanceOf: UsageError,
      message,
    });
  fails({ composite: 'delta' as 'gamma' }, /^composite: expected one of epsilon, .* received "delta"$/);
  fails({ epsilon: -1 }, 'epsilon: expected a finite number of at least 0, received -1');
  fails({ composite: () => ({ rule: 'alpha-beta', alpha: 0.5 }) }, /^alpha: expected a finite number/);
  fails({ range: [0.2, 1] }, /^range: expected a least value of at most 0/);
});
