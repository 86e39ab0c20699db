import { util } from '@tensorflow/tfjs-core';
import { type Convolution, convolutionSizes } from './convolution-geometry.ts';
import { permuted } from './layout.ts';
import type { LazyNode } from './lazy-node.ts';
import type { Lowered, Lowering } from './lowering.ts';
import { channelsFirst } from './window.ts';

/** With fewer input channels (those of an image) blocks and convolutions would do mostly nothing. */
const FEW_CHANNELS = 8;

/**
 * The gradient with respect to an image of few channels: what every output sends to every tap is one matrix
 * product, [I · kh · kw, O] · [O, positions], and Col2Im adds it up where the taps lie.
 *
 * @returns null for many channels, groups, and other than two spatial axes
 */
export function fewChannelsGradient(
  l: Lowering,
  dy: LazyNode,
  filter: LazyNode,
  conv: Convolution,
): Lowered | null {
  const { axes, batch, groups, inChannels, outChannels, inputSpatial, outputSpatial } =
    convolutionSizes(conv);
  if (conv.depthwise || groups > 1 || axes.spatial.length !== 2 || inChannels >= FEW_CHANNELS) return null;
  const { graph } = l;
  const { kernel, strides, dilations, before, after } = conv.window;
  const layout = channelsFirst(axes);
  const d = graph.reshape(l.as(dy, layout), [batch, outChannels, util.sizeFromShape(outputSpatial)]);
  // [kh, kw, I, O] with the taps behind the inputs, as Col2Im counts them.
  const taps = graph.reshape(l.as(filter, permuted([2, 0, 1, 3])), [
    inChannels * util.sizeFromShape(kernel as number[]),
    outChannels,
  ]);
  const columns = graph.node('MatMul', [taps, d]);
  const attributes = { strides, dilations, pads: [...before, ...after] };
  const name = graph.node('Col2Im', [columns, graph.ints(inputSpatial), graph.ints(kernel)], attributes);
  return { name, layout, shape: conv.inputShape };
}
