import { util } from '@tensorflow/tfjs-core';
import { blockedLayout, convertLayout, permuted, physicalShape } from '../../graph/layout.ts';
import type { LazyNode, Shape } from '../../graph/lazy-node.ts';
import type { Epilogue, Lowered, Lowering } from '../../graph/lowering.ts';
import { emitRelu } from '../relu.ts';
import type { ActivationAxes, Window } from '../window.ts';
import {
  type Convolution,
  type ConvolutionSizes,
  convolutionSizes,
  isUnitStride,
  mirroredWindow,
} from './convolution-geometry.ts';
import { padSpatial } from './filter-gradient.ts';

/** Rows of at most so many pixels are mostly border, with which blocked convolutions are slow. */
const SHORT_ROW = 5;
/** Filters of at least so many numbers cost more to bring into blocks than the image costs to be gathered. */
const LARGE_FILTER = 1 << 18;

/**
 * A convolution of small images with a large filter as one matrix product: every position with all that its
 * window sees, [positions, taps · I], times the filter as it lies, [taps · I, O].
 *
 * @returns null where the images are not small
 */
export function smallImageConvolution(
  l: Lowering,
  x: LazyNode,
  filter: LazyNode,
  conv: Convolution,
  { bias, ceiling, relu }: Epilogue,
): Lowered | null {
  const sizes = convolutionSizes(conv);
  if (!isSmall(l, conv, sizes)) return null;
  const { graph } = l;
  const taps = util.sizeFromShape(conv.window.kernel as number[]);
  const weights = graph.reshape(l.plain(filter), [taps * sizes.inChannels, sizes.outChannels]);
  let name = graph.node('MatMul', [windows(l, x, conv.window, sizes), weights]);
  if (bias !== undefined) name = graph.node('Add', [name, graph.reshape(l.plain(bias), [sizes.outChannels])]);
  if (relu) name = emitRelu(graph, name, ceiling);
  return channelsLastResult(l, name, conv.outputShape, sizes.axes);
}

/** Its input gradient at stride 1: the same with dy and the mirrored filter whose channels changed places. */
export function smallImageGradient(
  l: Lowering,
  dy: LazyNode,
  filter: LazyNode,
  conv: Convolution,
): Lowered | null {
  const sizes = convolutionSizes(conv);
  const window = isSmall(l, conv, sizes) && isUnitStride(conv.window) ? mirroredWindow(conv) : null;
  if (window === null || window.after.some((size) => size < 0)) return null;
  const { graph } = l;
  const { inChannels, outChannels, inputSpatial, outputSpatial } = sizes;
  const taps = util.sizeFromShape(window.kernel as number[]);
  const backwards = Array.from({ length: taps }, (_, i) => taps - 1 - i);
  const list = graph.reshape(l.plain(filter), [taps, inChannels, outChannels]);
  const flipped = graph.node('Gather', [list, graph.constant('int32', [taps], backwards)], { axis: 0 });
  const exchanged = graph.node('Transpose', [flipped], { perm: [0, 2, 1] });
  const weights = graph.reshape(exchanged, [taps * outChannels, inChannels]);
  const turned = {
    ...sizes,
    inChannels: outChannels,
    inputSpatial: outputSpatial,
    outputSpatial: inputSpatial,
  };
  const name = graph.node('MatMul', [windows(l, dy, window, turned), weights]);
  return channelsLastResult(l, name, conv.inputShape, sizes.axes);
}

function isSmall(l: Lowering, conv: Convolution, sizes: ConvolutionSizes): boolean {
  const { groups, inChannels, outChannels, inputSpatial, outputSpatial } = sizes;
  const taps = util.sizeFromShape(conv.window.kernel as number[]);
  if (l.block === 1 || conv.depthwise || groups > 1 || inputSpatial.length !== 2 || taps === 1) return false;
  if (inChannels % l.block !== 0 || outChannels % l.block !== 0) return false;
  if (outputSpatial[1]! > SHORT_ROW || inputSpatial[1]! > 2 * SHORT_ROW) return false;
  return taps * inChannels * outChannels >= LARGE_FILTER;
}

/** What the window sees at every position: [positions, taps · I]. */
function windows(l: Lowering, x: LazyNode, window: Window, sizes: ConvolutionSizes): string {
  const { graph } = l;
  const { axes, batch, inChannels, inputSpatial, outputSpatial } = sizes;
  const { kernel, strides, dilations, before, after } = window;
  const padded = padSpatial(graph, l.as(x, permuted([0, ...axes.spatial, axes.channels])), window, 1);
  const [height, width] = inputSpatial.map((size, i) => size + before[i]! + after[i]!) as [number, number];
  const seen: number[] = [];
  for (let n = 0; n < batch; n++) {
    for (let y = 0; y < outputSpatial[0]!; y++) {
      for (let column = 0; column < outputSpatial[1]!; column++) {
        for (let ky = 0; ky < kernel[0]!; ky++) {
          const line = (n * height + y * strides[0]! + ky * dilations[0]!) * width + column * strides[1]!;
          for (let kx = 0; kx < kernel[1]!; kx++) seen.push(line + kx * dilations[1]!);
        }
      }
    }
  }
  const pixels = graph.reshape(padded, [batch * height * width, inChannels]);
  const gathered = graph.node('Gather', [pixels, graph.constant('int32', [seen.length], seen)], { axis: 0 });
  const taps = util.sizeFromShape(kernel as number[]);
  return graph.reshape(gathered, [seen.length / taps, taps * inChannels]);
}

/** An image whose channels come last, in blocks where the channels fill them. */
export function channelsLastResult(l: Lowering, name: string, shape: Shape, axes: ActivationAxes): Lowered {
  const { graph, block } = l;
  const layout = permuted([0, ...axes.spatial, axes.channels]);
  const image = graph.reshape(name, physicalShape(shape, layout));
  if (block === 1 || shape[axes.channels]! % block !== 0) return { name: image, layout, shape };
  const blocked = blockedLayout(axes.channels, axes.spatial, block);
  return { name: convertLayout(graph, image, shape, layout, blocked), layout: blocked, shape };
}
