import { blockedLayout, NCHWC, physicalShape, sameLayout } from '../graph/layout.ts';
import type { LazyNode, Shape } from '../graph/lazy-node.ts';
import type { Lowered, Lowering } from '../graph/lowering.ts';
import { reshape } from './reshape.ts';
import {
  type ActivationAxes,
  activationAxes,
  channelsFirst,
  type Window,
  windowAttributes,
} from './window.ts';

export interface Pooling {
  readonly window: Window;
  readonly channelsLast: boolean;
  readonly inputShape: Shape;
  readonly outputShape: Shape;
}

/** Of a pooling, in the key of its program. */
export const keyOf = (pool: Pooling): string => JSON.stringify([pool.window, pool.channelsLast]);

export const axesOf = (pool: Pooling): ActivationAxes =>
  activationAxes(pool.inputShape.length, pool.channelsLast);

/**
 * A pooling of volumes that leaves time alone, as one of images: frames go into the batch.
 *
 * @param nodes of the volumes' shapes
 * @param run the pooling, or its gradient
 */
export function poolFrames<Nodes extends LazyNode[]>(
  pool: Pooling,
  nodes: Nodes,
  run: (...args: [...Nodes, Pooling]) => LazyNode,
): LazyNode {
  const { window, inputShape, outputShape, channelsLast } = pool;
  const alone = [window.kernel, window.strides, window.dilations].every((list) => list[0] === 1);
  const whole = window.before[0] === 0 && window.after[0] === 0;
  if (window.kernel.length !== 3 || !channelsLast || !alone || !whole) return run(...nodes, pool);
  const ofFrames = ([batch, length, ...rest]: Shape): number[] => [batch! * length!, ...rest];
  const later = (list: readonly number[]): number[] => list.slice(1);
  const frames: Pooling = {
    channelsLast,
    window: {
      kernel: later(window.kernel),
      strides: later(window.strides),
      dilations: later(window.dilations),
      before: later(window.before),
      after: later(window.after),
    },
    inputShape: ofFrames(inputShape),
    outputShape: ofFrames(outputShape),
  };
  const result = run(...(nodes.map((node) => reshape(node, ofFrames(node.shape))) as Nodes), frames);
  return reshape(result, [...inputShape.slice(0, 2), ...result.shape.slice(1)]);
}

/** A pooling in the layout that the value has: in blocks where it has blocks, else channels first. */
export function pooled(l: Lowering, type: 'MaxPool' | 'AveragePool', x: LazyNode, pool: Pooling): Lowered {
  const axes = axesOf(pool);
  const { graph } = l;
  const shape = pool.outputShape;
  const attributes = windowAttributes(pool.window);
  const blocked = blockedLayout(axes.channels, axes.spatial, l.block);
  if (l.block > 1 && sameLayout(l.value(x).layout, blocked))
    return { name: pooledBlocks(l, type, x, pool), layout: blocked, shape };
  const layout = channelsFirst(axes);
  return { name: graph.node(type, [l.as(x, layout)], attributes), layout, shape };
}

/** A pooling in blocks, [N, C/b, H, W, b]. */
export function pooledBlocks(
  l: Lowering,
  type: 'MaxPool' | 'AveragePool',
  x: LazyNode,
  pool: Pooling,
): string {
  const axes = axesOf(pool);
  const { graph } = l;
  const blocked = blockedLayout(axes.channels, axes.spatial, l.block);
  const image = [0, axes.channels, ...axes.spatial].map((axis) => pool.inputShape[axis]!);
  const input = graph.reshape(l.as(x, blocked), image);
  const shape = [0, axes.channels, ...axes.spatial].map((axis) => pool.outputShape[axis]!);
  const result = graph.shaped(graph.node(type, [input], windowAttributes(pool.window), NCHWC), shape);
  return graph.reshape(result, physicalShape(pool.outputShape, blocked));
}
