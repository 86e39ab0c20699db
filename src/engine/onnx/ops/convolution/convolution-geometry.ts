import type { Shape } from '../../graph/lazy-node.ts';
import { type ActivationAxes, activationAxes, type Window, windowExtent } from '../window.ts';

/** What the three faces of one convolution (value, input gradient, filter gradient) have in common. */
export interface Convolution {
  readonly window: Window;
  readonly channelsLast: boolean;
  /** Depthwise: filter [...spatial, C, M]; each channel has M filters of its own. */
  readonly depthwise: boolean;
  readonly inputShape: Shape;
  readonly filterShape: Shape;
  readonly outputShape: Shape;
}

export interface ConvolutionSizes {
  readonly axes: ActivationAxes;
  readonly batch: number;
  readonly inputSpatial: number[];
  readonly outputSpatial: number[];
  readonly inChannels: number;
  readonly outChannels: number;
  readonly groups: number;
}

export function convolutionSizes(conv: Convolution): ConvolutionSizes {
  const axes = activationAxes(conv.inputShape.length, conv.channelsLast);
  const inChannels = conv.inputShape[axes.channels]!;
  return {
    axes,
    batch: conv.inputShape[0]!,
    inputSpatial: axes.spatial.map((axis) => conv.inputShape[axis]!),
    outputSpatial: axes.spatial.map((axis) => conv.outputShape[axis]!),
    inChannels,
    outChannels: conv.outputShape[axes.channels]!,
    groups: conv.depthwise ? inChannels : inChannels / conv.filterShape.at(-2)!,
  };
}

export function convolutionKey(conv: Convolution): string {
  return JSON.stringify([conv.window, conv.channelsLast, conv.depthwise]);
}

export function isUnitStride({ strides }: Window): boolean {
  return strides.every((stride) => stride === 1);
}

/**
 * The window with which the mirrored filter runs over dy (zeros inserted for a stride) to give the input
 * gradient, or null where its padding would be negative in front.
 */
export function mirroredWindow(conv: Convolution): Window | null {
  const { window } = conv;
  const { inputSpatial, outputSpatial } = convolutionSizes(conv);
  const extent = windowExtent(window);
  const before = extent.map((size, i) => size - 1 - window.before[i]!);
  if (before.some((size) => size < 0)) return null;
  const spread = outputSpatial.map((size, i) => (size - 1) * window.strides[i]! + 1);
  const after = inputSpatial.map((size, i) => size - spread[i]! - before[i]! + extent[i]! - 1);
  return { ...window, strides: window.strides.map(() => 1), before, after };
}
