import { util } from '@tensorflow/tfjs-core';
import { type LazyNode, operation, type Shape } from './lazy-node.ts';
import type { Lowering } from './lowering.ts';
import {
  type ActivationAxes,
  activationAxes,
  channelsFirst,
  type Window,
  windowAttributes,
  windowExtent,
} from './window.ts';

export interface Pooling {
  readonly window: Window;
  readonly channelsLast: boolean;
  readonly inputShape: Shape;
  readonly outputShape: Shape;
}

const keyOf = (pool: Pooling): string => JSON.stringify([pool.window, pool.channelsLast]);
const axesOf = (pool: Pooling): ActivationAxes => activationAxes(pool.inputShape.length, pool.channelsLast);

/** Maximum and the place of the first maximum, as a flat index into the channels-first input. */
function maxWithIndices(l: Lowering, x: LazyNode, pool: Pooling): readonly string[] {
  const attributes = windowAttributes(pool.window);
  return l.graph.nodes('MaxPool', [l.as(x, channelsFirst(axesOf(pool)))], 2, { attributes });
}

export function maxPool(x: LazyNode, pool: Pooling): LazyNode {
  return operation({
    kind: 'MaxPool',
    key: keyOf(pool),
    inputs: [x],
    shape: pool.outputShape,
    dtype: x.dtype,
    lower: (l, [input]) => {
      const layout = channelsFirst(axesOf(pool));
      // A graph that also asks for the gradient shares the pass that finds the places.
      const name = l.kinds.has('MaxPoolGradient')
        ? maxWithIndices(l, input!, pool)[0]!
        : l.graph.node('MaxPool', [l.as(input!, layout)], windowAttributes(pool.window));
      return { name, layout, shape: pool.outputShape };
    },
  });
}

/** Sends every element of dy to the place of the maximum that it came from; overlapping windows add up. */
export function maxPoolGradient(dy: LazyNode, x: LazyNode, pool: Pooling): LazyNode {
  return operation({
    kind: 'MaxPoolGradient',
    key: keyOf(pool),
    inputs: [dy, x],
    shape: pool.inputShape,
    dtype: 'float32',
    lower: (l, [derivative, input]) => {
      const { graph } = l;
      const axes = axesOf(pool);
      const layout = channelsFirst(axes);
      const places = maxWithIndices(l, input!, pool)[1]!;
      const size = util.sizeFromShape(pool.inputShape as number[]);
      const physical = layout.axes.map((axis) => pool.inputShape[axis]!);
      const d = l.as(derivative!, layout);
      if (tiles(pool, axes)) {
        const name = graph.node('MaxUnpool', [d, places, graph.ints(physical)], {
          kernel_shape: pool.window.kernel,
          strides: pool.window.strides,
        });
        return { name, layout, shape: pool.inputShape };
      }
      const zeros = graph.node('Expand', [graph.fill(0, 'float32', [1]), graph.ints([size])]);
      const inputs = [zeros, graph.reshape(places, [-1]), graph.reshape(d, [-1])];
      const sum = graph.node('ScatterElements', inputs, { axis: 0, reduction: 'add' });
      return { name: graph.reshape(sum, physical), layout, shape: pool.inputShape };
    },
  });
}

/** Whether 2-D windows lie side by side within the input: then no two of them meet at one element. */
function tiles({ window, inputShape, outputShape }: Pooling, { spatial }: ActivationAxes): boolean {
  const extent = windowExtent(window);
  return (
    spatial.length === 2 &&
    spatial.every(
      (axis, i) =>
        window.strides[i]! >= extent[i]! &&
        (outputShape[axis]! - 1) * window.strides[i]! + extent[i]! <= inputShape[axis]!,
    )
  );
}

/** The places of the maxima as TensorFlow counts them: ((b · H + y) · W + x) · C + c, or without b. */
export function maxPoolPlaces(x: LazyNode, pool: Pooling, withBatch: boolean): LazyNode {
  return operation({
    kind: 'MaxPoolPlaces',
    key: `${keyOf(pool)}${withBatch}`,
    inputs: [x],
    shape: pool.outputShape,
    dtype: 'int32',
    lower: (l, [input]) => {
      const { graph } = l;
      const [batch, height, width, channels] = pool.inputShape as [number, number, number, number];
      const number = (value: number): string => graph.fill(value, 'int64');
      const places = maxWithIndices(l, input!, pool)[1]!;
      const plane = graph.node('Mod', [places, number(height * width)]);
      const counters = (size: number, dims: number[]): string =>
        graph.constant(
          'int64',
          dims,
          Array.from({ length: size }, (_, i) => i),
        );
      let result = graph.node('Add', [
        graph.node('Mul', [plane, number(channels)]),
        counters(channels, [1, channels, 1, 1]),
      ]);
      if (withBatch) {
        const offset = graph.node('Mul', [
          counters(batch, [batch, 1, 1, 1]),
          number(height * width * channels),
        ]);
        result = graph.node('Add', [result, offset]);
      }
      return {
        name: graph.cast(result, 'int32'),
        layout: channelsFirst(axesOf(pool)),
        shape: pool.outputShape,
      };
    },
  });
}

/** The mean of the elements under the window; padding does not count. */
export function averagePool(x: LazyNode, pool: Pooling): LazyNode {
  return operation({
    kind: 'AveragePool',
    key: keyOf(pool),
    inputs: [x],
    shape: pool.outputShape,
    dtype: x.dtype,
    lower: (l, [input]) => {
      const layout = channelsFirst(axesOf(pool));
      const name = l.graph.node('AveragePool', [l.as(input!, layout)], windowAttributes(pool.window));
      return { name, layout, shape: pool.outputShape };
    },
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
