import { blockedLayout, NCHWC, physicalShape, sameLayout } from '../graph/layout.ts';
import type { LazyNode, Shape } from '../graph/lazy-node.ts';
import type { Lowered, Lowering } from '../graph/lowering.ts';
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
  const result = graph.node(type, [input], windowAttributes(pool.window), NCHWC);
  return graph.reshape(result, physicalShape(pool.outputShape, blocked));
}
