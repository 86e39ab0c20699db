import { type LazyNode, operation } from '../graph/lazy-node.ts';
import { axisOf } from './axes.ts';

/** softmax or log softmax along one axis. */
export function softmax(type: 'Softmax' | 'LogSoftmax', x: LazyNode, dim: number): LazyNode {
  const axis = axisOf(type === 'Softmax' ? 'softmax' : 'logSoftmax', dim, x.shape.length);
  return operation({
    kind: type,
    key: `${axis}`,
    inputs: [x],
    shape: x.shape,
    dtype: 'float32',
    lower: (l, [input]) => l.result(l.graph.node(type, [l.plain(input!)], { axis }), x.shape),
  });
}
