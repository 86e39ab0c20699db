import { type LazyNode, operation } from '../graph/lazy-node.ts';

/** softmax or log softmax along one axis, in whatever layout the value has. */
export function softmax(type: 'Softmax' | 'LogSoftmax', x: LazyNode, dim: number): LazyNode {
  const axis = dim < 0 ? dim + x.shape.length : dim;
  return operation({
    kind: type,
    key: `${axis}`,
    inputs: [x],
    shape: x.shape,
    dtype: 'float32',
    lower: (l, [input]) => l.result(l.graph.node(type, [l.plain(input!)], { axis }), x.shape),
  });
}
