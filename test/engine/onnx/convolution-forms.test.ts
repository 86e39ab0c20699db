import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { lowerTrace } from '../../../src/engine/onnx/graph/compile.ts';
import { type LazyNode, leaf } from '../../../src/engine/onnx/graph/lazy-node.ts';
import { traceGraph } from '../../../src/engine/onnx/graph/trace.ts';
import {
  convolve,
  convolveFilterGradient,
  convolveInputGradient,
} from '../../../src/engine/onnx/ops/convolution/convolution.ts';
import { maxPool } from '../../../src/engine/onnx/ops/max-pooling.ts';
import { maxPoolGradient } from '../../../src/engine/onnx/ops/max-pooling-gradient.ts';
import { pad, slice, tile } from '../../../src/engine/onnx/ops/rearrange.ts';
import { maskPositive, relu } from '../../../src/engine/onnx/ops/rectifiers.ts';
import { detectBlockSize } from '../../../src/engine/onnx/runtime/block-size.ts';
import { Evaluator } from '../../../src/engine/onnx/runtime/evaluator.ts';
import { loadNativeRuntime } from '../../../src/engine/onnx/runtime/native-runtime.ts';
import { type Case, random, sameAsCpu } from './compare.ts';

type Four = tf.Tensor4D;

/** A leaf whose values nobody reads: only the form of the program is asked for. */
const image = (...shape: number[]) => leaf(new Float32Array(0), shape, 'float32');

/** How often each operator occurs, with blocks of 16 on one thread. */
function operators(root: LazyNode, threads = 1): Record<string, number> {
  const { nodes } = lowerTrace(traceGraph([root]), { block: 16, threads });
  const counts: Record<string, number> = {};
  for (const { type } of nodes) counts[type] = (counts[type] ?? 0) + 1;
  return counts;
}

function faces(x: readonly number[], filter: readonly number[], before: number, after: number) {
  const sizes = [1, 2].map((axis) => x[axis]! + before + after - filter[axis - 1]! + 1);
  const y = [x[0]!, ...sizes, filter[3]!];
  const two = (value: number) => [value, value];
  const conv = {
    window: {
      kernel: filter.slice(0, 2),
      strides: two(1),
      dilations: two(1),
      before: two(before),
      after: two(after),
    },
    channelsLast: true,
    depthwise: false,
    inputShape: x,
    filterShape: filter,
    outputShape: y,
  };
  return {
    value: convolve(image(...x), image(...filter), conv),
    input: convolveInputGradient(image(...y), image(...filter), conv),
    filter: convolveFilterGradient(image(...x), image(...y), conv),
  };
}

test('Winograd where channels are many', (t) => {
  const { value, input, filter } = faces([16, 8, 8, 256], [3, 3, 256, 256], 1, 1);
  for (const face of [value, input, filter]) t.is(operators(face).Conv, undefined);
  // The image, the filter, their product, the result.
  t.is(operators(value).MatMul, 4);
  t.is(operators(input).MatMul, 3);
  t.is(operators(input).FusedMatMul, 1);
  t.is(operators(filter).FusedMatMul, 1);
  t.is(operators(filter).Slice, undefined);
});

test('convolution in blocks where the image is large', (t) => {
  const { value, input } = faces([16, 56, 56, 64], [3, 3, 64, 64], 1, 1);
  t.is(operators(value).Conv, 1);
  t.is(operators(input).Conv, 1);
});

test('the tiles of the image are made once for value and filter gradient', (t) => {
  const x = image(8, 16, 16, 128);
  const window = { kernel: [3, 3], strides: [1, 1], dilations: [1, 1], before: [1, 1], after: [1, 1] };
  const shapes = { inputShape: x.shape, outputShape: x.shape, filterShape: [3, 3, 128, 128] };
  const conv = { window, channelsLast: true, depthwise: false, ...shapes };
  const y = convolve(x, image(3, 3, 128, 128), conv);
  const gradient = convolveFilterGradient(x, image(...x.shape), conv);
  const { nodes } = lowerTrace(traceGraph([y, gradient]), { block: 16, threads: 1 });
  const gathers = nodes.filter(({ type }) => type === 'Gather');
  // Image into tiles, result out of tiles, dy into tiles.
  t.is(gathers.length, 3);
});

test('columns where borders are wide and channels do not fill blocks', (t) => {
  const { input } = faces([256, 12, 12, 20], [5, 5, 20, 50], 0, 0);
  for (const threads of [1, 2]) t.is(operators(input, threads).Col2Im, 1);
  t.is(operators(faces([16, 56, 56, 64], [5, 5, 64, 64], 2, 2).input).Col2Im, undefined);
});

test('zeros around an image become the border of what walks over it', (t) => {
  const window = { kernel: [3, 3], strides: [2, 2], dilations: [1, 1], before: [0, 0], after: [0, 0] };
  const walk = { window, channelsLast: true, inputShape: [2, 10, 10, 16], outputShape: [2, 4, 4, 16] };
  const around = (x: LazyNode, value = 0) => pad(x, [0, 1, 1, 0], [0, 1, 1, 0], value);
  const conv = { ...walk, depthwise: false, filterShape: [3, 3, 16, 16] };
  const filter = image(3, 3, 16, 16);
  const x = image(2, 8, 8, 16);
  t.is(operators(convolve(around(x), filter, conv)).Pad, undefined);
  t.is(operators(convolve(around(x, 1), filter, conv)).Pad, 1);
  t.is(operators(convolve(tile(around(image(1, 8, 8, 16)), [2, 1, 1, 1]), filter, conv)).Pad, 1);
  t.is(operators(maxPool(around(relu(x)), walk)).Pad, undefined);
  // What may be negative can lose against a zero.
  t.is(operators(maxPool(around(x), walk)).Pad, 1);
});

test('the gradient of a pooling behind relu and zeros, as of ResNet: nothing is padded or cut', (t) => {
  const window = { kernel: [3, 3], strides: [2, 2], dilations: [1, 1], before: [0, 0], after: [0, 0] };
  const walk = { window, channelsLast: true, inputShape: [2, 10, 10, 16], outputShape: [2, 4, 4, 16] };
  const [x, dy] = [image(2, 8, 8, 16), image(2, 4, 4, 16)];
  const padded = pad(relu(x), [0, 1, 1, 0], [0, 1, 1, 0], 0);
  const gradient = slice(maxPoolGradient(dy, padded, walk), [0, 1, 1, 0], x.shape);
  const counts = operators(maskPositive(gradient, x));
  t.deepEqual([counts.Pad, counts.Slice], [undefined, undefined]);
  // Of the maxima: one for the result and one for the rows.
  t.is(counts.MaxPool, 2);
  // Without the relu's gradient a zero of the border could win.
  t.true(operators(gradient).Pad! > 0);
});

test('few channels before relu and a pooling of 2 x 2: nothing is interleaved', (t) => {
  const [x, filter] = [image(4, 12, 12, 1), image(5, 5, 1, 20)];
  const { window } = {
    window: { kernel: [5, 5], strides: [1, 1], dilations: [1, 1], before: [0, 0], after: [0, 0] },
  };
  const shapes = { inputShape: x.shape, outputShape: [4, 8, 8, 20], filterShape: filter.shape };
  const conv = { window, channelsLast: true, depthwise: false, ...shapes };
  const half = { ...window, kernel: [2, 2], strides: [2, 2] };
  const pool = { window: half, channelsLast: true, inputShape: conv.outputShape, outputShape: [4, 4, 4, 20] };
  const y = convolve(x, filter, conv);
  const top = maxPool(relu(y), pool);
  const dy = maskPositive(maxPoolGradient(image(4, 4, 4, 20), top.inputs[0]!, pool), y);
  const roots = [top, convolveFilterGradient(x, dy, conv), convolveInputGradient(dy, filter, conv)];
  const { nodes } = lowerTrace(traceGraph(roots), { block: 16, threads: 1 });
  const count = (type: string) => nodes.filter((node) => node.type === type).length;
  // The convolution of a quarter; no MaxPool; neither image nor dy is put together.
  t.deepEqual([count('Conv'), count('MaxPool'), count('ReduceMax'), count('Col2Im')], [1, 0, 1, 1]);
  // Only of the value that is handed out.
  t.true(count('Transpose') <= 3);
});

test('a gradient in quarters that is read whole is put together', (t) => {
  const runtime = loadNativeRuntime();
  const options = { threads: 1, maxSessions: 4, maxSessionBytes: 2 ** 28, provider: 'cpu' } as const;
  const evaluator = new Evaluator(runtime, { ...options, block: detectBlockSize(runtime) });
  const window = { kernel: [3, 3], strides: [1, 1], dilations: [1, 1], before: [1, 1], after: [1, 1] };
  const half = { kernel: [2, 2], strides: [2, 2], dilations: [1, 1], before: [0, 0], after: [0, 0] };
  const values = (seed: number, ...shape: number[]) => {
    const size = shape.reduce((a, b) => a * b, 1);
    return leaf(
      Float32Array.from({ length: size }, (_, i) => Math.sin(seed * (i + 1)) * 3),
      shape,
      'float32',
    );
  };
  for (const outputs of [5, 16]) {
    const gradient = (readsRelu: boolean): number[] => {
      const conv = { window, channelsLast: true, depthwise: false, inputShape: [2, 8, 6, 3] };
      const shapes = { filterShape: [3, 3, 3, outputs], outputShape: [2, 8, 6, outputs] };
      const y = convolve(values(0.7, 2, 8, 6, 3), values(0.3, ...shapes.filterShape), { ...conv, ...shapes });
      const positive = relu(y);
      const outputShape = [2, 4, 3, outputs];
      const pool = { window: half, channelsLast: true, inputShape: shapes.outputShape, outputShape };
      const dy = maskPositive(maxPoolGradient(values(0.9, ...outputShape), positive, pool), y);
      evaluator.evaluate([maxPool(positive, pool), dy, ...(readsRelu ? [positive] : [])]);
      // Zero has two signs.
      return Array.from(dy.values!, (value) => value + 0);
    };
    // A relu that is asked for is there, and is pooled as it lies.
    t.deepEqual(gradient(false), gradient(true), `${outputs} channels`);
  }
  evaluator.dispose();
});

test('one image, or too large a filter for it: no Winograd', (t) => {
  t.is(operators(faces([1, 8, 8, 256], [3, 3, 256, 256], 1, 1).value).Conv, 1);
  t.is(operators(faces([1, 4, 4, 512], [3, 3, 512, 512], 1, 1).value).MatMul, 1);
});

test('tiles that take much memory are not kept for the filter gradient', (t) => {
  const x = image(16, 64, 64, 64);
  const window = { kernel: [3, 3], strides: [1, 1], dilations: [1, 1], before: [1, 1], after: [1, 1] };
  const shapes = { inputShape: x.shape, outputShape: x.shape, filterShape: [3, 3, 64, 64] };
  const conv = { window, channelsLast: true, depthwise: false, ...shapes };
  const y = convolve(x, image(3, 3, 64, 64), conv);
  const { nodes } = lowerTrace(traceGraph([y, convolveFilterGradient(x, image(...x.shape), conv)]), {
    block: 16,
    threads: 1,
  });
  // The value is computed as if there were no tiles: in blocks.
  t.is(nodes.filter(({ type }) => type === 'Conv').length, 1);
});

const many = [
  { input: [2, 6, 6, 128], filter: [3, 3, 128, 96], pad: 'same' },
  { input: [1, 7, 5, 96], filter: [3, 3, 96, 128], pad: 'same' },
  { input: [2, 8, 7, 96], filter: [3, 3, 96, 96], pad: 'valid' },
  { input: [2, 5, 6, 100], filter: [3, 3, 100, 130], pad: 'same' },
  { input: [1, 6, 5, 96], filter: [3, 3, 96, 96], pad: 2 },
] as const;

for (const { input, filter, pad: padding } of many) {
  test(`Winograd, ${input} * ${filter}, ${padding}`, (t) => {
    const run: Case['run'] = (x, w) => tf.conv2d(x as Four, w as Four, 1, padding);
    sameAsCpu(t, { name: 'conv2d', inputs: [[...input], [...filter]], run, tolerance: 1e-5 });
  });
}

test('Winograd with bias and relu, and NCHW', (t) => {
  const ended: Case['run'] = (x, w, b) => tf.relu(tf.add(tf.conv2d(x as Four, w as Four, 1, 'same'), b!));
  sameAsCpu(t, { name: 'bias and relu', inputs: [[1, 6, 6, 96], [3, 3, 96, 96], [96]], run: ended });
  const first: Case['run'] = (x, w) => tf.conv2d(x as Four, w as Four, 1, 'valid', 'NCHW');
  const inputs = [
    [1, 96, 6, 7],
    [3, 3, 96, 96],
  ];
  sameAsCpu(t, { name: 'NCHW', inputs, run: first, gradients: false });
});

test('columns, 5 x 5 without padding', (t) => {
  const run: Case['run'] = (x, w) => tf.conv2d(x as Four, w as Four, 1, 'valid');
  const inputs = [
    [3, 12, 12, 20],
    [5, 5, 20, 50],
  ];
  sameAsCpu(t, { name: 'columns', inputs, run });
});

test('zeros around an image: values and gradients', (t) => {
  const around = (x: tf.Tensor, value = 0): Four =>
    tf.pad(
      x,
      [
        [0, 0],
        [2, 1],
        [1, 1],
        [0, 0],
      ],
      value,
    ) as Four;
  const inputs = [
    [2, 7, 6, 16],
    [3, 3, 16, 16],
  ];
  for (const value of [0, 1]) {
    const run: Case['run'] = (x, w) => tf.conv2d(around(x!, value), w as Four, 2, 'valid');
    sameAsCpu(t, { name: `convolution, ${value}`, inputs, run });
  }
  for (const [name, before] of Object.entries({ relu: tf.relu, relu6: tf.relu6, nothing: tf.neg })) {
    const run: Case['run'] = (x) => tf.maxPool(around(before(x!)), 3, 2, 'valid');
    sameAsCpu(t, { name: `pooling after ${name}`, inputs: inputs.slice(0, 1), run });
    sameAsCpu(t, { name: `pooling after ${name}`, inputs: inputs.slice(0, 1), run, gradients: false });
  }
});

test('a relu that was read is a leaf: a program that was compiled for it fits others too', (t) => {
  const around: [number, number][] = [
    [0, 0],
    [1, 1],
    [1, 1],
    [0, 0],
  ];
  const corner = (x: tf.Tensor) => tf.maxPool(tf.pad(x, around) as Four, 3, 2, 'valid').dataSync()[0];
  tf.tidy(() => {
    const positive = tf.relu(random([1, 6, 6, 16], 1));
    positive.dataSync();
    corner(positive);
    const negative = tf.sub(random([1, 6, 6, 16], 1), 10);
    negative.dataSync();
    t.is(corner(negative), 0);
  });
});
