import type { Layout } from '../graph/layout.ts';
import { permuted } from '../graph/layout.ts';

/** How a filter or a pooling window moves over the spatial axes; one entry per spatial axis. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** The attributes of ONNX convolutions and poolings for this window. */
export function windowAttributes(window: Window): Record<string, readonly number[]> {
  const { kernel, strides, dilations, before, after } = window;
  return { kernel_shape: kernel, strides, dilations, pads: [...before, ...after] };
}

/** Extent of the window along each axis, dilation included. */
export function windowExtent({ kernel, dilations }: Window): number[] {
  return kernel.map((size, i) => (size - 1) * dilations[i]! + 1);
}

/** Shape letters of an activation: which axes are spatial, and which one holds the channels. */
export interface ActivationAxes {
  readonly channels: number;
  readonly spatial: readonly number[];
}

export function activationAxes(rank: number, channelsLast: boolean): ActivationAxes {
  const spatial = Array.from({ length: rank - 2 }, (_, i) => i + (channelsLast ? 1 : 2));
  return { channels: channelsLast ? rank - 1 : 1, spatial };
}

/** Batch, channels, spatial axes: the order that ONNX convolutions read. */
export function channelsFirst({ channels, spatial }: ActivationAxes): Layout {
  return permuted([0, channels, ...spatial]);
}

/** Output channels, input channels, spatial axes of a filter of shape [...spatial, in, out]. */
export function filterLayout(spatialRank: number, order: 'out-in' | 'in-out'): Layout {
  const spatial = Array.from({ length: spatialRank }, (_, i) => i);
  const [input, output] = [spatialRank, spatialRank + 1];
  return permuted(order === 'out-in' ? [output, input, ...spatial] : [input, output, ...spatial]);
}
