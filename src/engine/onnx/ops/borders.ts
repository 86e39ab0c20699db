import type { LazyNode, Shape } from '../graph/lazy-node.ts';
import type { Lowering } from '../graph/lowering.ts';
import { activationAxes, type Window, windowExtent } from './window.ts';

interface Windowed {
  readonly window: Window;
  readonly channelsLast: boolean;
  readonly inputShape: Shape;
}

/**
 * Zeros that were put around an image (`ZeroPadding2D`, `tf.pad`) become the border of the window that walks
 * over it, so that the larger image is not written.
 *
 * @returns the image and what walks over it: without the zeros, or as they came
 */
export function zerosAsBorder<T extends Windowed>(l: Lowering, x: LazyNode, walk: T): [LazyNode, T] {
  const { unpadded } = l.value(x);
  if (unpadded === undefined) return [x, walk];
  const { node, before, after } = unpadded;
  const { spatial } = activationAxes(walk.inputShape.length, walk.channelsLast);
  if (before.some((amount, axis) => !spatial.includes(axis) && amount + after[axis]! > 0)) return [x, walk];
  const { window } = walk;
  const border = {
    before: window.before.map((amount, i) => amount + before[spatial[i]!]!),
    after: window.after.map((amount, i) => amount + after[spatial[i]!]!),
  };
  // A window that saw nothing but border is left to whoever padded.
  const extent = windowExtent(window);
  if ([border.before, border.after].flat().some((amount, i) => amount >= extent[i % extent.length]!)) {
    return [x, walk];
  }
  return [node, { ...walk, window: { ...window, ...border }, inputShape: node.shape }];
}
