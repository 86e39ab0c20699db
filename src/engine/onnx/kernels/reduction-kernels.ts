import type { ArgMaxAttrs, CumsumAttrs, MaxAttrs, SumAttrs, TopKAttrs } from '@tensorflow/tfjs-core';
import { type LazyNode, operation } from '../graph/lazy-node.ts';
import { axisOf } from '../ops/axes.ts';
import { asFloat, cast } from '../ops/elementwise.ts';
import { reduce, reduceBool, reduceIndex } from '../ops/reduce.ts';
import { type KernelTable, kernel } from './kernel.ts';

type ReduceAttrs = SumAttrs;

/** bool is summed as int32, as TensorFlow does. */
const countable = (x: LazyNode): LazyNode => (x.dtype === 'bool' ? cast(x, 'int32') : x);

function cumulativeSum(x: LazyNode, { axis, exclusive, reverse }: CumsumAttrs): LazyNode {
  const along = axisOf('cumsum', axis, x.shape.length);
  const attributes = { exclusive: exclusive ? 1 : 0, reverse: reverse ? 1 : 0 };
  return operation({
    kind: 'CumSum',
    key: JSON.stringify([along, attributes]),
    inputs: [x],
    shape: x.shape,
    dtype: x.dtype,
    lower: (l, [input]) =>
      l.result(l.graph.node('CumSum', [l.plain(input!), l.graph.ints([along], [])], attributes), x.shape),
  });
}

/** The k largest values of the last axis and their places. */
function topK(x: LazyNode, { k, sorted }: TopKAttrs): LazyNode[] | null {
  const last = x.shape.length - 1;
  if (x.dtype === 'bool' || last < 0 || k === 0) return null;
  const shape = [...x.shape.slice(0, -1), k];
  const part = (index: 0 | 1): LazyNode =>
    operation({
      kind: `TopK${index}`,
      key: `${k}${sorted}`,
      inputs: [x],
      shape,
      dtype: index === 0 ? x.dtype : 'int32',
      lower: (l, [input]) => {
        const attributes = { axis: last, sorted: 1 };
        const names = l.graph.nodes('TopK', [l.plain(input!), l.graph.ints([k])], 2, { attributes });
        return l.result(index === 0 ? names[0]! : l.graph.cast(names[1]!, 'int32'), shape);
      },
    });
  return [part(0), part(1)];
}

export const reductionKernels: KernelTable = {
  Sum: kernel<'x', ReduceAttrs>(({ x }, { axis, keepDims }) =>
    reduce('ReduceSum', countable(x), axis, keepDims),
  ),
  Mean: kernel<'x', ReduceAttrs>(({ x }, { axis, keepDims }) =>
    reduce('ReduceMean', asFloat(x), axis, keepDims),
  ),
  Prod: kernel<'x', ReduceAttrs>(({ x }, { axis, keepDims }) =>
    reduce('ReduceProd', countable(x), axis, keepDims),
  ),
  Max: kernel<'x', MaxAttrs>(({ x }, { reductionIndices, keepDims }) =>
    x.dtype === 'bool' ? null : reduce('ReduceMax', x, reductionIndices, keepDims),
  ),
  Min: kernel<'x', ReduceAttrs>(({ x }, { axis, keepDims }) =>
    x.dtype === 'bool' ? null : reduce('ReduceMin', x, axis, keepDims),
  ),
  All: kernel<'x', ReduceAttrs>(({ x }, { axis, keepDims }) => reduceBool('All', x, axis, keepDims)),
  Any: kernel<'x', ReduceAttrs>(({ x }, { axis, keepDims }) => reduceBool('Any', x, axis, keepDims)),
  ArgMax: kernel<'x', ArgMaxAttrs>(({ x }, { axis }) =>
    x.size === 0 ? null : reduceIndex('ArgMax', x, axis),
  ),
  ArgMin: kernel<'x', ArgMaxAttrs>(({ x }, { axis }) =>
    x.size === 0 ? null : reduceIndex('ArgMin', x, axis),
  ),
  Cumsum: kernel<'x', CumsumAttrs>(({ x }, attributes) =>
    x.dtype === 'bool' ? null : cumulativeSum(x, attributes),
  ),
  TopK: kernel<'x', TopKAttrs>(({ x }, attributes) => topK(x, attributes)),
};
