import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { type Case, type Operand, sameAsCpu } from './compare.ts';

/** One case per line: a name, the operands, what to do with them. */
const cases: Record<string, [Operand[], Case['run']]> = {
  'transpose 3-D': [[[2, 3, 4]], (x) => tf.transpose(x!, [2, 0, 1])],
  'transpose twice, then add': [
    [[2, 3, 4]],
    (x) => tf.add(tf.transpose(tf.transpose(x!, [1, 2, 0]), [2, 0, 1]), x!),
  ],
  'transpose, reduce, reshape': [
    [[2, 3, 4]],
    (x) => tf.reshape(tf.sum(tf.mul(tf.transpose(x!, [2, 1, 0]), 2), 1), [8]),
  ],
  'reshape through ones': [
    [[2, 1, 3, 1]],
    (x) => tf.mul(tf.reshape(tf.transpose(x!, [2, 1, 0, 3]), [3, 2]), 2),
  ],
  'expandDims, squeeze': [[[2, 3]], (x) => tf.squeeze(tf.expandDims(tf.transpose(x!), 1))],
  slice: [[[4, 5]], (x) => tf.slice(x!, [1, 2], [2, 3])],
  'slice of a transpose': [[[4, 5, 2]], (x) => tf.slice(tf.transpose(x!, [1, 0, 2]), [1, 2, 0], [3, 1, 2])],
  'slice to nothing': [[[4, 5]], (x) => tf.slice(x!, [1, 2], [0, 3])],
  reverse: [[[3, 4]], (x) => tf.reverse(x!, [0, 1])],
  'reverse of a transpose': [[[3, 4]], (x) => tf.reverse(tf.transpose(x!), 0)],
  pad: [
    [[2, 3]],
    (x) =>
      tf.pad(
        x!,
        [
          [1, 2],
          [0, 1],
        ],
        0.5,
      ),
  ],
  'pad 4-D': [
    [[1, 2, 3, 2]],
    (x) =>
      tf.pad(tf.transpose(x!, [0, 3, 1, 2]), [
        [0, 0],
        [1, 0],
        [2, 1],
        [0, 0],
      ]),
  ],
  concat: [
    [
      [2, 3],
      [2, 2],
      [2, 1],
    ],
    (...xs) => tf.concat(xs, 1),
  ],
  'concat with an empty part': [
    [
      [2, 3],
      [0, 3],
    ],
    (...xs) => tf.concat(xs, 0),
  ],
  'concat of transposes': [
    [
      [2, 3],
      [4, 3],
    ],
    (...xs) =>
      tf.concat(
        xs.map((x) => tf.transpose(x)),
        1,
      ),
  ],
  stack: [
    [
      [2, 3],
      [2, 3],
    ],
    (...xs) => tf.stack(xs, 1),
  ],
  unstack: [[[2, 3, 2]], (x) => tf.unstack(x!, 1)],
  split: [[[2, 6]], (x) => tf.split(x!, [1, 2, 3], 1)],
  tile: [[[2, 3]], (x) => tf.tile(x!, [2, 3])],
  'tile as broadcast, then reduce': [[[2, 1, 3]], (x) => tf.mean(tf.tile(x!, [1, 4, 1]), [0, 1])],
  broadcastTo: [[[3, 1]], (x) => tf.broadcastTo(x!, [2, 3, 4])],
  depthToSpace: [[[1, 2, 3, 8]], (x) => tf.depthToSpace(x as tf.Tensor4D, 2)],
  spaceToBatchND: [
    [[1, 4, 5, 2]],
    (x) =>
      tf.spaceToBatchND(
        x!,
        [2, 2],
        [
          [0, 0],
          [1, 0],
        ],
      ),
  ],
  batchToSpaceND: [
    [[4, 2, 2, 1]],
    (x) =>
      tf.batchToSpaceND(
        x!,
        [2, 2],
        [
          [0, 1],
          [0, 0],
        ],
      ),
  ],
};

/** tfjs has no gradient for depthToSpace, and one of the wrong shape for the other two. */
const WITHOUT_GRADIENT = /nothing|empty|depthToSpace|spaceToBatchND|batchToSpaceND/;

for (const [name, [inputs, run]] of Object.entries(cases)) {
  test(`${name}: value and gradient`, (t) => {
    sameAsCpu(t, {
      name,
      inputs,
      run,
      gradients: !WITHOUT_GRADIENT.test(name),
    });
  });
}

test('mirrorPad, stridedSlice', (t) => {
  const values: Case[] = [
    {
      name: 'reflect',
      inputs: [[4, 5]],
      run: (x) =>
        tf.mirrorPad(
          x!,
          [
            [2, 1],
            [0, 3],
          ],
          'reflect',
        ),
    },
    {
      name: 'symmetric',
      inputs: [[4, 5]],
      run: (x) =>
        tf.mirrorPad(
          x!,
          [
            [2, 1],
            [4, 5],
          ],
          'symmetric',
        ),
    },
    { name: 'steps', inputs: [[4, 6]], run: (x) => tf.stridedSlice(x!, [0, 1], [4, 6], [2, 2]) },
    { name: 'backwards', inputs: [[4, 6]], run: (x) => tf.stridedSlice(x!, [3, 5], [0, -7], [-1, -2], 0, 2) },
    {
      name: 'shrink',
      inputs: [[4, 6]],
      run: (x) => tf.stridedSlice(x!, [2, 0], [3, 6], [1, 1], 0, 0, 0, 0, 1),
    },
  ];
  for (const item of values) sameAsCpu(t, { ...item, gradients: false });
});

test('fill, range, linspace, eye, onesLike, zerosLike', (t) => {
  const values: Record<string, () => tf.Tensor> = {
    fill: () => tf.fill([2, 3], 2.5),
    'fill int32': () => tf.fill([3], 7, 'int32'),
    range: () => tf.range(2, 9, 3),
    'range down': () => tf.range(3, 0, -1, 'int32'),
    linspace: () => tf.linspace(0, 1, 5),
    eye: () => tf.eye(3),
    like: () => tf.add(tf.onesLike(tf.tensor([1, 2, 3])), tf.zerosLike(tf.tensor([1, 2, 3]))),
  };
  for (const [name, run] of Object.entries(values)) sameAsCpu(t, { name, inputs: [], run, gradients: false });
});

test('gather, gatherND, scatterND, oneHot, unsortedSegmentSum', (t) => {
  const rows: Operand = { shape: [4], values: [2, 0, 2, 1], dtype: 'int32' };
  const places: Operand = { shape: [3, 2], values: [0, 1, 2, 0, 0, 1], dtype: 'int32' };
  const perBatch: Operand = { shape: [2, 2], values: [1, 0, 2, 2], dtype: 'int32' };
  const list: Record<string, [Operand[], Case['run']]> = {
    'gather 0': [[[3, 4], rows], (x, i) => tf.gather(x!, i as tf.Tensor1D)],
    'gather 1': [[[2, 3, 2], rows], (x, i) => tf.gather(x!, i as tf.Tensor1D, 1)],
    'gather with batch': [[[2, 3, 2], perBatch], (x, i) => tf.gather(x!, i as tf.Tensor1D, 1, 1)],
    gatherND: [[[3, 2], places], (x, i) => tf.gatherND(x!, i!)],
    unsortedSegmentSum: [[[4, 3], rows], (x, i) => tf.unsortedSegmentSum(x!, i as tf.Tensor1D, 3)],
  };
  for (const [name, [inputs, run]] of Object.entries(list)) {
    // gatherND has no gradient, and the batched gather's is wrong for repeated indices in tfjs.
    sameAsCpu(t, { name, inputs, run, gradients: !name.includes('ND') && !name.includes('batch') });
  }
  const scatter: Case['run'] = (i, x) => tf.scatterND(i!, x!, [3, 2, 4]);
  sameAsCpu(t, { name: 'scatterND adds up', inputs: [places, [3, 4]], run: scatter, gradients: false });
  const hot: Case['run'] = (i) => tf.oneHot(i!, 3, 0.9, 0.1);
  sameAsCpu(t, {
    name: 'oneHot',
    inputs: [{ shape: [2, 2], values: [0, 2, 5, -1], dtype: 'int32' }],
    run: hot,
  });
});
