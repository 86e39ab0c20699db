import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { enableHigherOrderGradients } from '../../../src/autodiff/index.ts';
import { backend, random, sameAsCpu } from './compare.ts';

const use = (backend: string): void => void tf.setBackend(backend);

/** x[:, ::s, ::s, ::s, :] */
const everyOther = (x: tf.Tensor, stride: number): tf.Tensor =>
  tf.stridedSlice(x, [0, 0, 0, 0, 0], x.shape, [1, stride, stride, stride, 1]);

// Volumes go to the cpu backend where a device computes.
(backend.isDevice ? test.skip : test)(
  '3-D windows smaller than their stride: TensorFlow begins with the first element',
  (t) => {
    use('onnx');
    for (const [size, stride] of [
      [4, 2],
      [5, 2],
      [7, 3],
      [6, 3],
    ] as const) {
      const x = random([2, size, size + 1, size, 3], 4) as tf.Tensor5D;
      const filter = random([1, 1, 1, 3, 2], 5) as tf.Tensor5D;
      const taken = everyOther(x, stride);
      const expected = tf.matMul(tf.reshape(taken, [-1, 3]), tf.reshape(filter, [3, 2]));
      const same = (found: tf.Tensor, right: tf.Tensor, what: string): void => {
        const difference = tf.max(tf.abs(tf.sub(tf.reshape(found, [-1]), tf.reshape(right, [-1]))));
        t.true(difference.dataSync()[0]! < 1e-5, `${what}, size ${size}, stride ${stride}`);
      };
      const convolve = (a: tf.Tensor) => tf.conv3d(a as tf.Tensor5D, filter, stride, 'same');
      same(convolve(x), expected, 'conv3d');
      same(tf.maxPool3d(x, 1, stride, 'same'), taken, 'maxPool3d');
      same(tf.avgPool3d(x, 1, stride, 'same'), taken, 'avgPool3d');
      const onTaken = (a: tf.Tensor) =>
        tf.sum(tf.square(tf.matMul(tf.reshape(a, [-1, 3]), tf.reshape(filter, [3, 2]))));
      const gradient = tf.grad((a) => tf.sum(tf.square(convolve(a))))(x);
      same(everyOther(gradient, stride), tf.grad(onTaken)(taken), 'gradient of conv3d');
      t.is(
        tf.sum(tf.cast(tf.notEqual(gradient, 0), 'int32')).dataSync()[0],
        taken.size,
        'all other elements have none',
      );
    }
  },
);

const paddedBySide: tf.backend_util.ExplicitPadding = [
  [0, 0],
  [1, 1],
  [1, 1],
  [0, 0],
];

for (const [name, run] of [
  ['conv2d, 3 x 2', (x, f) => tf.conv2d(x, f, 1, paddedBySide)],
  ['conv2d, 3 x 2, rounded up', (x, f) => tf.conv2d(x, f, 2, paddedBySide, 'NHWC', 1, 'ceil')],
  ['depthwiseConv2d, 3 x 2', (x, f) => tf.depthwiseConv2d(x, f, 1, paddedBySide)],
] as const satisfies readonly (readonly [string, (x: tf.Tensor4D, f: tf.Tensor4D) => tf.Tensor])[]) {
  test(`a padding by side: ${name}`, (t) => {
    sameAsCpu(t, {
      name,
      inputs: [
        [2, 7, 5, 3],
        [3, 2, 3, 2],
      ],
      run: (x, f) => run(x as tf.Tensor4D, f as tf.Tensor4D),
    });
  });
}

/** A padding of 1 on the engine; by side on the CPU backend, which takes the width from the height of the window. */
const one = () => (tf.getBackend() === 'cpu' ? paddedBySide : 1);

for (const [name, filter, run] of [
  ['conv2d, 3 x 2', [3, 2, 3, 2], (x, f) => tf.conv2d(x, f, 1, one())],
  ['conv2d, strides of 2 x 1', [3, 3, 3, 2], (x, f) => tf.conv2d(x, f, [2, 1], one())],
  ['conv2d, dilated 1 x 2', [3, 3, 3, 2], (x, f) => tf.conv2d(x, f, 1, one(), 'NHWC', [1, 2])],
  ['depthwiseConv2d, 2 x 3', [2, 3, 3, 2], (x, f) => tf.depthwiseConv2d(x, f, 1, one())],
  ['conv2dTranspose, 3 x 2', [3, 2, 4, 3], (x, f) => tf.conv2dTranspose(x, f, [2, 7, 4, 4], 1, one())],
  ['maxPool, 3 x 2', [], (x) => tf.maxPool(x, [3, 2], 1, one())],
  ['avgPool, strides of 1 x 2', [], (x) => tf.avgPool(x, 3, [1, 2], one())],
] as const satisfies readonly (readonly [
  string,
  readonly number[],
  (x: tf.Tensor4D, f: tf.Tensor4D) => tf.Tensor,
])[]) {
  test(`a padding in numbers around a window that is not square: ${name}`, (t) => {
    sameAsCpu(t, {
      name,
      inputs: [[2, 7, 5, 3], ...(filter.length > 0 ? [[...filter]] : [])],
      run: (x, f) => run(x as tf.Tensor4D, f as tf.Tensor4D),
      // The CPU backend's gradient of a padded average divides by the whole window; dilated filters have none.
      gradients: !/avgPool|dilated/.test(name),
    });
  });
}

/** The largest difference of a gradient from finite differences, on an image of 8 x 8. */
function differenceFromSteps(run: (x: tf.Tensor) => tf.Tensor): number {
  use('onnx');
  return tf.tidy(() => {
    const x = random([1, 8, 8, 1], 3);
    const weigh = (y: tf.Tensor) => tf.mul(y, random([1, ...y.shape.slice(1)], 9));
    const gradient = tf.grad((image) => tf.sum(weigh(run(image))))(x);
    const steps = tf.mul(tf.reshape(tf.eye(64), [64, 8, 8, 1]), 1 / 128);
    const change = tf.sub(weigh(run(tf.add(x, steps))), weigh(run(x)));
    const slopes = tf.mul(tf.sum(change, [1, 2, 3]), 128);
    return tf.max(tf.abs(tf.sub(slopes, tf.reshape(gradient, [64])))).dataSync()[0]!;
  });
}

for (const mode of ['ceil', 'round', 'floor'] as const) {
  for (const pad of [0, 1]) {
    test(`the number of windows is rounded: ${mode}, padding ${pad}`, (t) => {
      const inputs = [[2, 8, 8, 3]];
      const max = (x: tf.Tensor) => tf.maxPool(x as tf.Tensor4D, 3, 2, pad, mode);
      const average = (x: tf.Tensor) => tf.avgPool(x as tf.Tensor4D, 3, 2, pad, mode);
      // The gradients of the cpu backend do not know of the rounding.
      sameAsCpu(t, { name: `maxPool ${mode}`, inputs, run: max, gradients: false });
      sameAsCpu(t, { name: `avgPool ${mode}`, inputs, run: average, gradients: false });
      t.true(differenceFromSteps(max) < 1e-3, `gradient of maxPool ${mode}`);
      t.true(differenceFromSteps(average) < 1e-3, `gradient of avgPool ${mode}`);
      const convolve = (x: tf.Tensor, f: tf.Tensor) =>
        tf.conv2d(x as tf.Tensor4D, f as tf.Tensor4D, 2, pad, 'NHWC', 1, mode);
      sameAsCpu(t, {
        name: `conv2d ${mode}`,
        inputs: [...inputs, [3, 3, 3, 2]],
        run: convolve,
        gradients: false,
      });
      const filter = random([3, 3, 1, 2], 5);
      t.true(differenceFromSteps((x) => convolve(x, filter)) < 1e-3, `gradient of conv2d ${mode}`);
      const image = random([1, 8, 8, 1], 6);
      const [value, slope] = tf.tidy(() => {
        const slopes = tf.grad((f) => tf.sum(convolve(image, f)))(filter);
        return [tf.sum(convolve(image, filter)), tf.sum(tf.mul(slopes, filter))].map((x) => x.dataSync()[0]!);
      }) as unknown as [number, number];
      t.true(Math.abs(value - slope) < 1e-3, `filter gradient of conv2d ${mode}`);
    });
  }
}

test('nothing comes out of a filter that is larger than the image by its stride, and the gradients are zero', (t) => {
  enableHigherOrderGradients();
  const results: Record<string, [tf.Tensor[], (...inputs: tf.Tensor[]) => tf.Tensor]> = {
    conv2d: [
      [random([1, 2, 5, 16], 1), random([3, 3, 16, 2], 2)],
      (x, f) => tf.conv2d(x as tf.Tensor4D, f as tf.Tensor4D, 2, 'valid'),
    ],
    depthwiseConv2d: [
      [random([1, 1, 7, 3], 1), random([2, 2, 3, 3], 2)],
      (x, f) => tf.depthwiseConv2d(x as tf.Tensor4D, f as tf.Tensor4D, 2, 'valid'),
    ],
    conv3d: [
      [random([1, 1, 4, 4, 2], 1), random([2, 2, 2, 2, 2], 2)],
      (x, f) => tf.conv3d(x as tf.Tensor5D, f as tf.Tensor5D, 2, 'valid'),
    ],
    'conv2d of no image': [
      [tf.zeros([0, 4, 4, 3]), random([3, 3, 3, 2], 2)],
      (x, f) => tf.conv2d(x as tf.Tensor4D, f as tf.Tensor4D, 1, 'same'),
    ],
    maxPool: [[random([1, 1, 4, 2], 1)], (x) => tf.maxPool(x as tf.Tensor4D, 2, 2, 'valid')],
    avgPool: [[random([1, 1, 4, 2], 1)], (x) => tf.avgPool(x as tf.Tensor4D, 2, 2, 'valid')],
    maxPool3d: [[random([1, 1, 4, 4, 2], 1)], (x) => tf.maxPool3d(x as tf.Tensor5D, 2, 2, 'valid')],
    matMul: [[tf.zeros([3, 0]), tf.zeros([0, 2])], (a, b) => tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D)],
    'matMul without rows': [
      [tf.zeros([0, 3]), random([3, 2], 1)],
      (a, b) => tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D),
    ],
    resizeBilinear: [[tf.zeros([0, 4, 4, 2])], (x) => tf.image.resizeBilinear(x as tf.Tensor4D, [8, 8])],
    gather: [[random([3, 2], 1)], (x) => tf.gather(x, tf.tensor1d([], 'int32'))],
    'slice of nothing': [[random([3, 2], 1)], (x) => tf.slice(x, [1, 0], [0, 2])],
    'concat with nothing': [[random([3, 2], 1), tf.zeros([0, 2])], (a, b) => tf.slice(tf.concat([a, b]), 3)],
    batchNorm: [
      [tf.zeros([0, 4]), random([4], 1)],
      (x, m) => tf.batchNorm(x, m as tf.Tensor1D, tf.ones([4])),
    ],
  };
  use('onnx');
  for (const [name, [inputs, run]] of Object.entries(results)) {
    const values = tf.grads((...xs) => tf.sum(run(...xs)))(inputs);
    for (const [i, gradient] of values.entries()) {
      t.deepEqual(gradient.shape, inputs[i]!.shape, name);
      t.true(
        gradient.dataSync().every((value) => value === 0),
        `${name}, input ${i}`,
      );
    }
  }
});

test('a filter that does not fit at all is refused by name', (t) => {
  use('onnx');
  const x = random([1, 2, 5, 1], 1) as tf.Tensor4D;
  t.throws(() => tf.conv2d(x, random([4, 4, 1, 1], 2) as tf.Tensor4D, 1, 'valid'), {
    message: 'a filter of 4x4 does not fit into an image of 2x5 pixels',
  });
  t.throws(() => tf.maxPool(x, 4, 1, 'valid'), { message: /^a window of 4x4 does not fit/ });
});
