import { util } from '@tensorflow/tfjs-core';
import { type LazyNode, operation, type Shape, uniform } from '../graph/lazy-node.ts';
import { cast, elementwise } from './elementwise.ts';
import { reshape } from './reshape.ts';

/** x[…, indices, …] along `axis`; the first `batchDims` axes of x and indices go together. */
export function gather(x: LazyNode, indices: LazyNode, axis: number, batchDims: number): LazyNode {
  const shape = [...x.shape.slice(0, axis), ...indices.shape.slice(batchDims), ...x.shape.slice(axis + 1)];
  if (batchDims > 0) return gatherBatched(x, indices, axis, batchDims, shape);
  return operation({
    kind: 'Gather',
    key: `${axis}`,
    inputs: [x, indices],
    shape,
    dtype: x.dtype,
    lower: (l, [data, at]) =>
      l.result(l.graph.node('Gather', [l.plain(data!), l.plain(at!)], { axis }), shape),
  });
}

/** Batch axes are folded into one, and the axis to gather from is reached by GatherElements. */
function gatherBatched(
  x: LazyNode,
  indices: LazyNode,
  axis: number,
  batchDims: number,
  shape: Shape,
): LazyNode {
  const product = (part: Shape): number => part.reduce((a, b) => a * b, 1);
  const batch = product(x.shape.slice(0, batchDims));
  const middle = product(x.shape.slice(batchDims, axis));
  const tail = product(x.shape.slice(axis + 1));
  const count = product(indices.shape.slice(batchDims));
  return operation({
    kind: 'GatherBatched',
    key: `${axis},${batchDims}`,
    inputs: [x, indices],
    shape,
    dtype: x.dtype,
    lower: (l, [data, at]) => {
      const { graph } = l;
      const flat = graph.reshape(l.plain(data!), [batch, middle, x.shape[axis]!, tail]);
      const places = graph.reshape(l.plain(at!), [batch, 1, count, 1]);
      const full = graph.node('Expand', [places, graph.ints([batch, middle, count, tail])]);
      const picked = graph.node('GatherElements', [flat, full], { axis: 2 });
      return l.result(graph.reshape(picked, shape), shape);
    },
  });
}

/** params[indices[…, 0], indices[…, 1], …] */
export function gatherNd(params: LazyNode, indices: LazyNode): LazyNode {
  const depth = indices.shape.at(-1)!;
  const shape = [...indices.shape.slice(0, -1), ...params.shape.slice(depth)];
  return operation({
    kind: 'GatherND',
    inputs: [params, indices],
    shape,
    dtype: params.dtype,
    lower: (l, [data, at]) =>
      l.result(l.graph.node('GatherND', [l.plain(data!), l.graph.cast(l.plain(at!), 'int64')]), shape),
  });
}

/**
 * Adds rows to the places that `places` names: out[places[i], :] += rows[i, :], into zeros of
 * `count` rows. Rows for places that do not exist go into one more row, which is cut off. ONNX Runtime walks the rows one after the other, so sums have a fixed order.
 */
export function scatterAdd(places: LazyNode, rows: LazyNode, count: number): LazyNode {
  const [amount, width] = rows.shape as [number, number];
  if (amount === 0 || width === 0) return uniform(0, [count, width], rows.dtype);
  return operation({
    kind: 'ScatterAdd',
    inputs: [places, rows],
    shape: [count, width],
    dtype: rows.dtype,
    lower: (l, [at, values]) => {
      const { graph } = l;
      const zeros = graph.node('Expand', [graph.fill(0, rows.dtype, [1, 1]), graph.ints([count + 1, width])]);
      const number = (value: number): string => graph.fill(value, 'int32');
      const given = l.plain(at!);
      const outside = graph.node('Or', [
        graph.node('Less', [given, number(0)]),
        graph.node('Greater', [given, number(count)]),
      ]);
      const column = graph.reshape(graph.node('Where', [outside, number(count), given]), [amount, 1]);
      const targets = graph.node('Expand', [column, graph.ints([amount, width])]);
      const sum = graph.node('ScatterElements', [zeros, targets, l.plain(values!)], {
        axis: 0,
        reduction: 'add',
      });
      const kept = graph.node('Slice', [sum, graph.ints([0]), graph.ints([count]), graph.ints([0])]);
      return l.result(kept, [count, width]);
    },
  });
}

/** Row numbers of multi-dimensional indices into the leading axes of `shape`. */
export function flatIndices(indices: LazyNode, shape: Shape): LazyNode {
  const depth = indices.shape.at(-1)!;
  const strides = util.computeStrides([...shape.slice(0, depth), 1]).slice(0, depth);
  const amount = util.sizeFromShape(indices.shape.slice(0, -1));
  const table = reshape(indices, [amount, depth]);
  return operation({
    kind: 'FlatIndices',
    key: strides.join(),
    inputs: [table],
    shape: [amount],
    dtype: 'int32',
    lower: (l, [at]) => {
      const { graph } = l;
      const scaled = graph.node('Mul', [l.plain(at!), graph.constant('int32', [depth], strides)]);
      return l.result(graph.node('ReduceSum', [scaled, graph.ints([1])], { keepdims: 0 }), [amount]);
    },
  });
}

/** onValue where the class matches, offValue elsewhere; an index outside [0, depth) matches nothing. */
export function oneHot(
  indices: LazyNode,
  depth: number,
  onValue: number,
  offValue: number,
  dtype: 'float32' | 'int32' | 'bool',
): LazyNode {
  const column = reshape(cast(indices, 'int32'), [...indices.shape, 1]);
  const classes = operation({
    kind: 'Classes',
    key: `${depth}`,
    inputs: [],
    shape: [depth],
    dtype: 'int32',
    lower: (l) =>
      l.result(
        l.graph.constant(
          'int32',
          [depth],
          Array.from({ length: depth }, (_, i) => i),
        ),
        [depth],
      ),
  });
  return elementwise(
    'OneHot',
    [column, classes],
    (g, [a, b]) => {
      const type = dtype === 'bool' ? 'int32' : dtype;
      const chosen = g.node('Where', [
        g.node('Equal', [a!, b!]),
        g.fill(onValue, type),
        g.fill(offValue, type),
      ]);
      return dtype === 'bool' ? g.cast(chosen, 'bool') : chosen;
    },
    { dtype, key: `${onValue},${offValue}` },
  );
}
