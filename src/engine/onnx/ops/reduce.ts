import { util } from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../graph/graph-builder.ts';
import {
  blockedAxis,
  isPlain,
  mergeBlocks,
  physicalAxes,
  physicalShape,
  plainLayout,
  withoutAxes,
} from '../graph/layout.ts';
import { type ElementType, type LazyNode, operation, type Shape, uniform } from '../graph/lazy-node.ts';
import type { Lowered, Lowering } from '../graph/lowering.ts';
import { axesOf } from './axes.ts';
import { ChannelSum, channelProducts, leavesChannels } from './channel-sum.ts';
import { cast } from './elementwise.ts';
import { splitProduct } from './product.ts';
import { sumOfQuarters } from './quartered-pooling.ts';

export type Reduction = 'ReduceSum' | 'ReduceMean' | 'ReduceMax' | 'ReduceMin' | 'ReduceProd';

/** The reduced shape, and the axes as numbers from 0 in ascending order. */
function reducedShape(
  what: string,
  x: LazyNode,
  axis: number | number[],
  keepDims: boolean,
): { axes: number[]; shape: number[] } {
  const axes = axesOf(what.replace('Reduce', '').toLowerCase(), axis, x.shape.length).toSorted(
    (a, b) => a - b,
  );
  const shape = keepDims
    ? x.shape.map((size, i) => (axes.includes(i) ? 1 : size))
    : x.shape.filter((_, i) => !axes.includes(i));
  return { axes, shape };
}

const EMPTY: Record<Reduction, number> = {
  ReduceSum: 0,
  ReduceMean: Number.NaN,
  ReduceMax: Number.NEGATIVE_INFINITY,
  ReduceMin: Number.POSITIVE_INFINITY,
  ReduceProd: 1,
};

/**
 * Reduces over `axis` in whatever layout the value has. What a broadcast value was never expanded along is
 * not expanded for this either: its sum is a multiple, its mean and maximum are itself.
 */
export function reduce(type: Reduction, x: LazyNode, axis: number | number[], keepDims: boolean): LazyNode {
  const { axes, shape } = reducedShape(type, x, axis, keepDims);
  if (axes.length === 0) return x;
  if (x.size === 0) return uniform(EMPTY[type], shape, x.dtype);
  return operation({
    kind: type,
    key: `${axes.join()}${keepDims ? 'k' : ''}`,
    inputs: [x],
    shape,
    dtype: x.dtype,
    lower: (l, [input]) => {
      const wraps = x.dtype === 'int32' && (type === 'ReduceProd' || type === 'ReduceSum');
      const whole = (value: Lowered, how: Reduction): Lowered =>
        reduceValue(l, how, value, { full: input!.shape, axes, keepDims, dtype: wraps ? 'int64' : x.dtype });
      if (wraps) return wrapped(l, l.whole(input!), (value) => whole(value, type));
      if (type === 'ReduceProd') return whole(l.whole(input!), type);
      if ((type === 'ReduceMax' || type === 'ReduceMin') && x.dtype === 'float32') {
        return keepNaN(l, l.value(input!), whole, type);
      }
      const isLinear = type === 'ReduceSum' || (type === 'ReduceMean' && x.dtype === 'float32');
      const { quarters } = l.value(input!);
      if (type === 'ReduceSum' && quarters !== undefined && input!.kind === 'MaskPositive') {
        if (axes.join() === '0,1,2')
          return l.result(l.graph.reshape(sumOfQuarters(l, quarters()), shape), shape);
      }
      const split = isLinear ? splitProduct(l, input!, axes) : null;
      const total = (value: Lowered): Lowered =>
        isLinear
          ? (sumOfChannels(l, type, value, input!.shape, axes, shape) ?? whole(value, type))
          : whole(value, type);
      if (split === null) return total(l.value(input!));
      const { varying, constant } = split;
      const sum = 'pair' in varying ? sumOfPair(l, type, varying.pair, input!.shape, shape) : total(varying);
      if (constant === null) return sum;
      // The mean of what does not change along the axes is itself.
      const factors = [sum, whole(constant, 'ReduceMean')];
      return l.combine(factors, shape.length, (names) => l.graph.node('Mul', names));
    },
  });
}

/**
 * Sums and products of integers modulo 2^32, by way of 64 bits: ONNX Runtime's own for 32 bits end at the largest
 * integer, because they are computed as floats.
 */
function wrapped(l: Lowering, value: Lowered, reduceAs: (value: Lowered) => Lowered): Lowered {
  const { graph } = l;
  const total = reduceAs({ ...value, name: graph.cast(value.name, 'int64') });
  return { ...total, name: graph.cast(total.name, 'int32') };
}

/** ONNX Runtime's maximum passes over NaN; a result whose inputs held one must be NaN. */
function keepNaN(
  l: Lowering,
  value: Lowered,
  reduceAs: (value: Lowered, type: Reduction) => Lowered,
  type: Reduction,
): Lowered {
  const { graph } = l;
  const mask = graph.cast(graph.node('IsNaN', [value.name]), 'float32');
  const found = graph.cast(reduceAs({ ...value, name: mask }, 'ReduceMax').name, 'bool');
  const result = reduceAs(value, type);
  return { ...result, name: graph.node('Where', [found, graph.fill(Number.NaN, 'float32'), result.name]) };
}

/** Σ x · y per channel; a factor per channel of x or y is multiplied afterwards. */
function sumOfPair(
  l: Lowering,
  type: Reduction,
  pair: readonly [Lowered, Lowered],
  full: Shape,
  shape: Shape,
): Lowered {
  const { graph } = l;
  const scales: string[] = [];
  const bases = pair.map((value) => {
    if (!(value instanceof ChannelSum) || value.isWritten) return value;
    const [term, ...others] = value.terms;
    if (others.length > 0 || value.shift !== null || term!.scale === null) return value;
    scales.push(term!.scale);
    return { name: term!.base, layout: value.layout, shape: value.shape };
  });
  bases.sort((a, b) => (a.name < b.name ? -1 : 1));
  const products = channelProducts(l, bases[0]!, bases[1]!);
  if (type === 'ReduceMean') {
    const channels = full[blockedAxis(pair[0].layout)]!;
    scales.push(graph.fill(channels / util.sizeFromShape(full as number[]), 'float32', [1]));
  }
  const sum = scales.reduce((name, scale) => graph.node('Mul', [name, scale]), products);
  return l.result(graph.reshape(sum, shape), shape);
}

/** The sum of a sum over channels that is not written out: Σ scale · Σ base + count · shift. */
function sumOfChannels(
  l: Lowering,
  type: Reduction,
  value: Lowered,
  full: Shape,
  axes: readonly number[],
  shape: Shape,
): Lowered | null {
  if (!(value instanceof ChannelSum) || value.isWritten || !leavesChannels(value, axes, full)) return null;
  const { graph } = l;
  const { layout } = value;
  const options = { full, axes, keepDims: false, dtype: 'float32' as const };
  const parts = value.terms.map(({ base, scale }) => {
    const { name } = reduceValue(l, type, { name: base, layout, shape: value.shape }, options);
    return scale === null ? name : graph.node('Mul', [name, scale]);
  });
  if (value.shift !== null) {
    const count = type === 'ReduceMean' ? 1 : util.sizeFromShape(axes.map((axis) => full[axis]!));
    parts.push(graph.node('Mul', [value.shift, graph.fill(count, 'float32', [1])]));
  }
  const sum = parts.reduce((a, b) => graph.node('Add', [a, b]));
  return l.result(graph.reshape(sum, shape), shape);
}

interface ReduceOptions {
  readonly full: Shape;
  readonly axes: readonly number[];
  readonly keepDims: boolean;
  readonly dtype: ElementType | 'int64';
}

function reduceValue(l: Lowering, type: Reduction, value: Lowered, options: ReduceOptions): Lowered {
  const { full, axes, keepDims, dtype } = options;
  const { graph } = l;
  const physical = axes.flatMap((a) => physicalAxes(value.layout, a)).toSorted((a, b) => a - b);
  let name = reduceRuns(graph, type, value.name, physical, physicalShape(value.shape, value.layout));
  const repeats = axes.reduce((n, a) => (n * full[a]!) / value.shape[a]!, 1);
  if (type === 'ReduceSum' && repeats > 1) name = graph.node('Mul', [name, graph.fill(repeats, dtype)]);
  const left = mergeBlocks(withoutAxes(value.layout, axes));
  const stored = value.shape.filter((_, i) => !axes.includes(i));
  const kept = value.shape.map((size, i) => (axes.includes(i) ? 1 : size));
  if (keepDims) {
    const layout = isPlain(left) ? plainLayout(kept.length) : value.layout;
    return { name: graph.reshape(name, physicalShape(kept, layout)), layout, shape: kept };
  }
  if (value.layout.block > 1) name = graph.reshape(name, physicalShape(stored, left));
  return { name, layout: left, shape: stored };
}

/**
 * Reduces one run of neighbouring axes after the other, the innermost first: ONNX Runtime is fast for those
 * and slow for scattered axes.
 */
function reduceRuns(
  graph: GraphBuilder,
  type: Reduction,
  name: string,
  axes: readonly number[],
  shape: readonly number[],
): string {
  const runs: number[][] = [];
  for (const axis of axes) {
    const run = runs.at(-1);
    if (run !== undefined && run.at(-1) === axis - 1) run.push(axis);
    else runs.push([axis]);
  }
  let left = shape;
  return runs.reduceRight((result, run) => {
    const reduced = reduceRun(graph, type, result, run, left);
    left = left.filter((_, axis) => !run.includes(axis));
    return reduced;
  }, name);
}

/** Rows of so few numbers are summed in rows of up to FOLD of them first: their threads would meet in memory. */
const NARROW = 64;
const FOLD = 64;

function reduceRun(
  graph: GraphBuilder,
  type: Reduction,
  name: string,
  run: readonly number[],
  shape: readonly number[],
): string {
  const reduced = (source: string, axes: readonly number[]): string =>
    graph.node(type, [source, graph.ints(axes)], { keepdims: 0 });
  const isSum = type === 'ReduceSum' || type === 'ReduceMean';
  const rows = util.sizeFromShape(run.map((axis) => shape[axis]!));
  const inner = util.sizeFromShape(shape.slice(run.length));
  if (!isSum || run[0] !== 0 || inner === 1 || inner > NARROW) return reduced(name, run);
  const fold = powerOfTwoIn(rows, FOLD);
  if (rows < FOLD * fold || fold === 1) return reduced(name, run);
  const folded = reduced(graph.reshape(name, [rows / fold, fold * inner]), [0]);
  return reduced(graph.reshape(folded, [fold, ...shape.slice(run.length)]), [0]);
}

/** The largest power of two, up to `most`, that divides `count`. */
function powerOfTwoIn(count: number, most: number): number {
  let power = 1;
  while (2 * power <= most && count % (2 * power) === 0) power *= 2;
  return power;
}

/** all / any: the minimum / maximum of the truth values. */
export function reduceBool(
  kind: 'All' | 'Any',
  x: LazyNode,
  axis: number | number[],
  keepDims: boolean,
): LazyNode {
  if (x.size === 0)
    return uniform(kind === 'All' ? 1 : 0, reducedShape(kind, x, axis, keepDims).shape, 'bool');
  const type = kind === 'All' ? 'ReduceMin' : 'ReduceMax';
  return cast(reduce(type, cast(x, 'int32'), axis, keepDims), 'bool');
}

/** The index of the first largest / smallest element along one axis. */
export function reduceIndex(type: 'ArgMax' | 'ArgMin', x: LazyNode, axis: number): LazyNode {
  const { axes, shape } = reducedShape(type, x, axis, false);
  return operation({
    kind: type,
    key: `${axes.join()}`,
    inputs: [x],
    shape,
    dtype: 'int32',
    lower: (l, [input]) => {
      const candidates = comparable(l.graph, l.plain(input!), x, type);
      const indices = l.graph.node(type, [candidates], {
        axis: axes[0]!,
        keepdims: 0,
      });
      return l.result(l.graph.cast(indices, 'int32'), shape);
    },
  });
}

/** bool as numbers; NaN never wins. */
function comparable(graph: GraphBuilder, name: string, x: LazyNode, type: 'ArgMax' | 'ArgMin'): string {
  if (x.dtype === 'bool') return graph.cast(name, 'int32');
  if (x.dtype === 'int32') return name;
  const worst = graph.fill(
    type === 'ArgMax' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY,
    'float32',
  );
  return graph.node('Where', [graph.node('IsNaN', [name]), worst, name]);
}
