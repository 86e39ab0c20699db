import * as tf from '@tensorflow/tfjs-core';
import test, { type ExecutionContext } from 'ava';
import { random } from './compare.ts';

/**
 * What every kernel makes of its axes: negative ones, unsorted lists, ones out of range, ones named twice. Both
 * backends must give the same shape and values, or both must refuse.
 */
interface AxisCase {
  readonly name: string;
  readonly run: (axis: number | number[]) => tf.Tensor | tf.Tensor[];
  readonly axes: readonly (number | number[])[];
}

const x = (shape: number[] = [2, 3, 4]) => random(shape, 7);
const truths = () => tf.greater(x(), 0);
const integers = () => tf.cast(tf.mul(x(), 3), 'int32');

/** One axis, from -rank - 2 to rank + 1. */
const one = [-5, -4, -3, -2, -1, 0, 1, 2, 3, 4];
/** Lists of axes: none, out of order, negative, twice the same by two names, out of range. */
const lists = [[], [0, 1], [1, 0], [-1, 0], [-1, -3], [0, 0], [2, -1], [0, 1, 2], [-1, -2, -3], [0, 3], [-4]];

const reductions: AxisCase[] = (
  [
    ['sum', (axis) => tf.sum(x(), axis)],
    ['sum, kept', (axis) => tf.sum(x(), axis, true)],
    ['sum of int32', (axis) => tf.sum(integers(), axis)],
    ['mean', (axis) => tf.mean(x(), axis)],
    ['mean, kept', (axis) => tf.mean(x(), axis, true)],
    ['max', (axis) => tf.max(x(), axis)],
    ['max, kept', (axis) => tf.max(x(), axis, true)],
    ['min', (axis) => tf.min(x(), axis)],
    ['min of int32', (axis) => tf.min(integers(), axis)],
    ['prod', (axis) => tf.prod(x(), axis)],
    ['prod, kept', (axis) => tf.prod(x(), axis, true)],
    ['all', (axis) => tf.all(truths(), axis)],
    ['any, kept', (axis) => tf.any(truths(), axis, true)],
    ['logSumExp', (axis) => tf.logSumExp(x(), axis)],
    ['moments', (axis) => Object.values(tf.moments(x(), axis))],
    ['norm', (axis) => tf.norm(x(), 'euclidean', axis)],
  ] as const satisfies readonly (readonly [string, AxisCase['run']])[]
).map(([name, run]) => ({ name, run: run as AxisCase['run'], axes: [...one, ...lists] }));

const single = (name: string, run: (axis: number) => tf.Tensor | tf.Tensor[]): AxisCase => ({
  name,
  run: run as AxisCase['run'],
  axes: one,
});

const cases: AxisCase[] = [
  ...reductions,
  single('argMax', (axis) => tf.argMax(x(), axis)),
  single('argMin of int32', (axis) => tf.argMin(integers(), axis)),
  single('cumsum', (axis) => tf.cumsum(x(), axis)),
  single('cumsum, exclusive, reverse', (axis) => tf.cumsum(x(), axis, true, true)),
  single('softmax', (axis) => tf.softmax(x(), axis)),
  single('logSoftmax', (axis) => tf.logSoftmax(x(), axis)),
  single('concat', (axis) => tf.concat([x(), x()], axis)),
  single('concat of two sizes', (axis) => tf.concat([x([2, 3, 4]), x([2, 3, 1])], axis)),
  single('stack', (axis) => tf.stack([x(), tf.neg(x())], axis)),
  single('stack of scalars', (axis) => tf.stack([tf.scalar(1), tf.scalar(2)], axis)),
  single('unstack', (axis) => tf.unstack(x(), axis)),
  single('split', (axis) => tf.split(x([2, 4, 4]), 2, axis)),
  single('split by sizes', (axis) => tf.split(x([2, 3, 4]), [1, -1], axis)),
  single('gather', (axis) => tf.gather(x(), tf.tensor1d([1, 0], 'int32'), axis)),
  single('gather, one batch axis', (axis) =>
    tf.gather(
      x(),
      tf.tensor2d(
        [
          [1, 0],
          [0, 1],
        ],
        [2, 2],
        'int32',
      ),
      axis,
      1,
    ),
  ),
  single('gather, last batch axis', (axis) =>
    tf.gather(x([2, 3]), tf.tensor2d([1, 0], [2, 1], 'int32'), axis, -1),
  ),
  single('expandDims', (axis) => tf.expandDims(x(), axis)),
  single('squeeze', (axis) => tf.squeeze(x([1, 3, 1]), [axis])),
  single('oneHot depth', (depth) => tf.oneHot(tf.tensor1d([0, 2, -1, 5], 'int32'), depth)),
  single('topk', (k) => Object.values(tf.topk(x(), k))),
  single('tile', (n) => tf.tile(x(), [1, n, 2])),
  single('unsortedSegmentSum', (n) => tf.unsortedSegmentSum(x([3, 2]), tf.tensor1d([0, 2, 1], 'int32'), n)),
  { name: 'reverse', run: (axis) => tf.reverse(x(), axis), axes: [...one, ...lists] },
  {
    name: 'transpose',
    run: (perm) => tf.transpose(x(), perm as number[]),
    axes: [
      [0, 1, 2],
      [2, 1, 0],
      [-1, 0, 1],
      [0, 0, 1],
      [0, 1],
      [0, 1, 3],
      [0, 1, 2, 3],
    ],
  },
  {
    name: 'slice from',
    run: (begin) => tf.slice(x(), begin as number[]),
    axes: [[1], [1, 2], [1, 2, 3], [-1, 0, 0], [2, 0, 0], [0, 3, 0], [3, 0, 0]],
  },
  {
    name: 'slice of size',
    run: (size) => tf.slice(x(), [0, 1, 0], size as number[]),
    axes: [
      [1, 1, 1],
      [-1, -1, -1],
      [2, 3, 4],
      [2, 0, 4],
      [2, 2, 5],
      [-2, 1, 1],
    ],
  },
  {
    name: 'pad',
    run: (amounts) =>
      tf.pad(
        x(),
        (amounts as number[]).map((n) => [n, 0] as [number, number]),
      ),
    axes: [
      [0, 0, 0],
      [1, 0, 2],
      [1, 1],
      [-1, 0, 0],
    ],
  },
  {
    name: 'mirrorPad',
    run: (amounts) =>
      tf.mirrorPad(
        x(),
        (amounts as number[]).map((n) => [n, n] as [number, number]),
        'reflect',
      ),
    axes: [
      [0, 0, 0],
      [1, 1, 1],
      [1, 2, 3],
      [2, 0, 0],
      [1, 1],
    ],
  },
  {
    name: 'stridedSlice from',
    run: (begin) => tf.stridedSlice(x(), begin as number[], [2, 3, 4], [1, 1, 2]),
    axes: [
      [0, 0, 0],
      [-1, -2, -3],
      [1, 5, 0],
      [-9, 0, 0],
      [0, 1],
    ],
  },
  {
    name: 'stridedSlice backwards',
    run: (strides) => tf.stridedSlice(x(), [1, 2, 3], [-9, -9, -9], strides as number[]),
    axes: [
      [-1, -1, -1],
      [-1, -2, -3],
      [1, -1, -1],
      [0, 1, 1],
    ],
  },
];

/** Where the cpu backend gives values of nonsense: what must happen instead. */
const CPU_IS_WRONG: Readonly<Record<string, 'refused' | readonly number[]>> = {
  'cumsum [3]': 'refused',
  'cumsum [4]': 'refused',
  'cumsum, exclusive, reverse [3]': 'refused',
  'cumsum, exclusive, reverse [4]': 'refused',
  'unsortedSegmentSum [0]': [0, 2],
  'transpose [0,0,1]': 'refused',
  'pad [1,1]': 'refused',
};

const isTwice = (axis: number | number[]): boolean => {
  const fromFront = [axis].flat().map((one) => (one < 0 ? one + 3 : one));
  return new Set(fromFront).size < fromFront.length;
};

test('axes mean the same on the cpu backend and here', (t) => {
  for (const { name, run, axes } of cases) {
    for (const axis of axes) {
      const label = `${name} [${axis}]`;
      const [expected, found] = ['cpu', 'onnx'].map((backend) => outcome(backend, () => run(axis))) as [
        Outcome,
        Outcome,
      ];
      const wanted = CPU_IS_WRONG[label];
      const hasHoles = expected.shapes?.flat().some((size) => !Number.isInteger(size) || size < 0);
      if (wanted === 'refused' || (lists.includes(axis as number[]) && isTwice(axis))) {
        t.truthy(found.refused, label);
      } else if (wanted !== undefined) {
        t.deepEqual(found.shapes, [wanted], label);
      } else if (hasHoles) {
        // Of a negative axis that exists, the positive one says what is right.
        const isNegative = typeof axis === 'number' && axis >= -3 && axis < 0;
        if (isNegative)
          same(
            t,
            label,
            outcome('cpu', () => run(axis + 3)),
            found,
          );
        else t.truthy(found.refused, label);
      } else if (expected.refused || found.refused) {
        t.is(Boolean(found.refused), Boolean(expected.refused), `${label}: ${found.refused}`);
      } else {
        same(t, label, expected, found);
      }
    }
  }
});

test('an axis that cannot be is refused by name', (t) => {
  void tf.setBackend('onnx');
  t.throws(() => tf.sum(x(), [0, -3]), { message: 'sum: axes [0,-3] name axis 0 twice' });
  t.throws(() => tf.stack([x()], -5), {
    message: 'stack: axis -5 of a tensor of rank 4: expected a whole number from -4 to 3',
  });
  t.throws(() => tf.tile(x(), [1, -2, 1]), { message: 'engine onnx: Tile would have the shape [2,-6,4]' });
});

function same(t: ExecutionContext, label: string, expected: Outcome, found: Outcome): void {
  t.deepEqual(found.shapes, expected.shapes, label);
  const worst = expected.values!.reduce((most, want, i) => {
    const got = found.values![i]!;
    return Object.is(want, got) || want === got ? most : Math.max(most, Math.abs(want - got) || Number.NaN);
  }, 0);
  t.true(worst < 1e-4, `${label}: ${found.values} against ${expected.values}`);
}

interface Outcome {
  readonly refused?: string;
  readonly shapes?: number[][];
  readonly values?: number[];
}

function outcome(backend: string, run: () => tf.Tensor | tf.Tensor[]): Outcome {
  void tf.setBackend(backend);
  tf.engine().startScope();
  try {
    const results = [run()].flat();
    return {
      shapes: results.map(({ shape }) => shape),
      values: results.flatMap((result) => Array.from(result.dataSync())),
    };
  } catch (error) {
    return { refused: (error as Error).message };
  } finally {
    tf.engine().endScope();
  }
}
