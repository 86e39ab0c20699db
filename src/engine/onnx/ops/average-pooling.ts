import { util } from '@tensorflow/tfjs-core';
import { type LazyNode, operation, uniform } from '../graph/lazy-node.ts';
import { axesOf, keyOf, type Pooling, pooled } from './pooling.ts';
import { type ActivationAxes, channelsFirst, windowAttributes, windowExtent } from './window.ts';

/** The mean of the elements under the window; padding does not count. */
export function averagePool(x: LazyNode, pool: Pooling): LazyNode {
  return operation({
    kind: 'AveragePool',
    key: keyOf(pool),
    inputs: [x],
    shape: pool.outputShape,
    dtype: x.dtype,
    lower: (l, [input]) => pooled(l, 'AveragePool', input!, pool),
  });
}

/** How many elements that are not padding the window covers, for every position along every axis. */
function coverage(pool: Pooling, axes: ActivationAxes): number[][] {
  const { window } = pool;
  return axes.spatial.map((axis, i) =>
    Array.from({ length: pool.outputShape[axis]! }, (_, position) => {
      const start = position * window.strides[i]! - window.before[i]!;
      const taps = Array.from({ length: window.kernel[i]! }, (_tap, t) => start + t * window.dilations[i]!);
      return taps.filter((at) => at >= 0 && at < pool.inputShape[axis]!).length;
    }),
  );
}

/**
 * The adjoint of the average: dy, divided by the number of elements that were averaged, goes to each of
 * them. (The cpu backend divides by the whole window, which is not the gradient of its own forward pass
 * where the window reaches into the padding.)
 *
 * Written as a transposed depthwise convolution with ones.
 */
export function averagePoolGradient(dy: LazyNode, pool: Pooling): LazyNode {
  if (dy.size === 0) return uniform(0, pool.inputShape, 'float32');
  return operation({
    kind: 'AveragePoolGradient',
    key: keyOf(pool) + pool.inputShape.join(),
    inputs: [dy],
    shape: pool.inputShape,
    dtype: 'float32',
    lower: (l, [derivative]) => {
      const { graph } = l;
      const { window } = pool;
      const axes = axesOf(pool);
      const layout = channelsFirst(axes);
      const n = axes.spatial.length;
      let d = l.as(derivative!, layout);
      coverage(pool, axes).forEach((counts, i) => {
        const dims = Array.from({ length: n + 2 }, (_, axis) => (axis === i + 2 ? counts.length : 1));
        d = graph.node('Mul', [
          d,
          graph.constant(
            'float32',
            dims,
            counts.map((count) => 1 / Math.max(1, count)),
          ),
        ]);
      });
      const channels = pool.inputShape[axes.channels]!;
      const ones = new Float32Array(channels * util.sizeFromShape(window.kernel as number[])).fill(1);
      const extent = windowExtent(window);
      const rest = axes.spatial.map((axis, i) => {
        const reach = (pool.outputShape[axis]! - 1) * window.strides[i]! + extent[i]!;
        return pool.inputShape[axis]! - (reach - window.before[i]! - window.after[i]!);
      });
      const filter = graph.constant('float32', [channels, 1, ...window.kernel], ones);
      const attributes = { ...windowAttributes(window), output_padding: rest, group: channels };
      return { name: graph.node('ConvTranspose', [d, filter], attributes), layout, shape: pool.inputShape };
    },
  });
}
