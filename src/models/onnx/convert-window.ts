import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { DilatedDepthwiseConv2D, GroupedConv2D } from '../layers/index.ts';
import { fail, type NodeContext } from './node-converter.ts';
import { isConstant, type Operand, tensorOf } from './operand.ts';

type Pair = [number, number];
/** top, left, bottom, right */
type Pads = [number, number, number, number];

interface Window {
  kernel: Pair;
  strides: Pair;
  dilations: Pair;
  pads: Pads;
  /** Whether the padding is TensorFlow's own, the larger part at the end. */
  same: boolean;
}

function windowOf(
  { node, ints }: NodeContext,
  kernel: readonly number[],
  size: readonly (number | null)[],
): Window {
  if (kernel.length !== 2) return fail(`of ${kernel.length} dimensions`);
  const pair = (name: string): Pair => (ints(name) ?? [1, 1]) as Pair;
  const strides = pair('strides');
  const dilations = pair('dilations');
  const auto = node.attributes.get('auto_pad') ?? 'NOTSET';
  const own = (ints('pads') ?? [0, 0, 0, 0]) as Pads;
  const extent = kernel.map((k, i) => dilations[i]! * (k - 1) + 1) as Pair;
  if (auto === 'SAME_LOWER') return fail('with auto_pad SAME_LOWER');
  const total = (axis: 0 | 1) => {
    const full = size[axis];
    if (full === null || full === undefined) return strides[axis] === 1 ? extent[axis] - 1 : undefined;
    return Math.max(0, (Math.ceil(full / strides[axis]) - 1) * strides[axis] + extent[axis] - full);
  };
  const [vertical, horizontal] = [total(0), total(1)];
  const upper: Pads | undefined =
    vertical === undefined || horizontal === undefined
      ? undefined
      : [
          Math.floor(vertical / 2),
          Math.floor(horizontal / 2),
          Math.ceil(vertical / 2),
          Math.ceil(horizontal / 2),
        ];
  const same = auto === 'SAME_UPPER' || upper?.join() === own.join();
  const pads: Pads = auto === 'NOTSET' ? own : [0, 0, 0, 0];
  return { kernel: kernel as Pair, strides, dilations, pads, same };
}

/** A convolution of images, in groups too. */
export function convertConvolution(context: NodeContext): Operand[] {
  const { operands, layers, name, int, computed } = context;
  const [, weight, bias] = operands;
  if (!isConstant(weight) || (bias && !isConstant(bias))) return fail('its weights are computed');
  const { tensor, image } = computed(0);
  if (!image) return fail('of values that are no images');
  const [filters, perGroup, ...kernel] = weight.shape as [number, number, ...number[]];
  const channels = tensor.shape[3]!;
  const groups = int('group', 1);
  const window = windowOf(context, kernel, tensor.shape.slice(1, 3));
  const { kernel: kernelSize, strides, dilations: dilationRate, pads, same } = window;
  let x = tensor;
  if (!same && pads.some((pad) => pad > 0)) {
    const [top, left, bottom, right] = pads;
    const padding: [Pair, Pair] = [
      [top, bottom],
      [left, right],
    ];
    x = layers.apply(tfl.layers.zeroPadding2d({ name: layers.name(`${name}.pad`), padding }), x);
  }
  const shared = {
    name: layers.name(name),
    kernelSize,
    strides,
    padding: same ? ('same' as const) : ('valid' as const),
    dilationRate,
    useBias: bias !== undefined,
  };
  const full = tensorOf(weight);
  const biases = bias ? [tensorOf(bias)] : [];
  const [h, w] = kernelSize;
  if (groups === channels && perGroup === 1 && groups > 1) {
    const depthMultiplier = filters / channels;
    const turned = tf.transpose(tf.reshape(full, [channels, depthMultiplier, h, w]), [2, 3, 0, 1]);
    const dilated = dilationRate.some((rate) => rate > 1);
    const layer = dilated
      ? new DilatedDepthwiseConv2D({ ...shared, depthMultiplier })
      : tfl.layers.depthwiseConv2d({ ...shared, depthMultiplier });
    return [{ tensor: layers.apply(layer, x, [turned, ...biases]), image: true }];
  }
  const turned = tf.transpose(full, [2, 3, 1, 0]);
  const layer =
    groups === 1
      ? tfl.layers.conv2d({ ...shared, filters })
      : new GroupedConv2D({ ...shared, filters, groups });
  return [{ tensor: layers.apply(layer, x, [turned, ...biases]), image: true }];
}

/** A transposed convolution of images: the gradient of a convolution by its input, cut by the padding. */
export function convertTransposedConvolution(context: NodeContext): Operand[] {
  const { operands, layers, name, int, ints, node, computed } = context;
  const [, weight, bias] = operands;
  if (!isConstant(weight) || (bias && !isConstant(bias))) return fail('its weights are computed');
  const { tensor, image } = computed(0);
  if (!image) return fail('of values that are no images');
  const [, filters, ...kernel] = weight.shape as [number, number, ...number[]];
  if (kernel.length !== 2) return fail(`of ${kernel.length} dimensions`);
  if (int('group', 1) !== 1) return fail('in groups');
  if ((ints('dilations') ?? []).some((rate) => rate !== 1)) return fail('with dilations');
  if ((node.attributes.get('auto_pad') ?? 'NOTSET') !== 'NOTSET' || ints('output_shape')) {
    return fail('with auto_pad or output_shape');
  }
  const [top, left, bottom, right] = (ints('pads') ?? [0, 0, 0, 0]) as Pads;
  const [down, across] = (ints('output_padding') ?? [0, 0]) as Pair;
  if (down > bottom || across > right) return fail('with more output_padding than padding');
  const layer = tfl.layers.conv2dTranspose({
    name: layers.name(name),
    filters,
    kernelSize: kernel as Pair,
    strides: (ints('strides') ?? [1, 1]) as Pair,
    padding: 'valid',
    useBias: bias !== undefined,
  });
  const turned = tf.transpose(tensorOf(weight), [2, 3, 1, 0]);
  const whole = layers.apply(layer, tensor, [turned, ...(bias ? [tensorOf(bias)] : [])]);
  const cropping: [Pair, Pair] = [
    [top, bottom - down],
    [left, right - across],
  ];
  if (cropping.flat().every((pixels) => pixels === 0)) return [{ tensor: whole, image: true }];
  const crop = tfl.layers.cropping2D({ name: layers.name(`${name}.crop`), cropping });
  return [{ tensor: layers.apply(crop, whole), image: true }];
}

/** Larger than any value, and still a number when it is added to. */
const lowest = -1e30;

/** A pooling of images. */
export function convertPool(context: NodeContext): Operand[] {
  const { node, layers, name, int, ints, computed } = context;
  const { tensor, image } = computed(0);
  if (!image) return fail('of values that are no images');
  const size = tensor.shape.slice(1, 3);
  const window = windowOf(context, ints('kernel_shape') ?? [], size);
  const { kernel: poolSize, strides, dilations, same } = window;
  if (dilations.some((rate) => rate > 1)) return fail('with dilations');
  const isMax = node.op === 'MaxPool';
  const [top, left, bottom, right] = window.pads;
  const ceil = int('ceil_mode', 0) === 1;
  const more = (axis: 0 | 1, pads: number) => {
    const full = size[axis];
    if (!ceil) return 0;
    if (full === null || full === undefined) return fail('with ceil_mode on images of any size');
    const over = (full + pads - poolSize[axis]) % strides[axis];
    return over === 0 ? 0 : strides[axis] - over;
  };
  const [down, across] = [more(0, top + bottom), more(1, left + right)];
  const padded = top + left + bottom + right + down + across > 0;
  const counted = int('count_include_pad', 0) === 1;
  // Padding beyond the image does not count in an average of TensorFlow either.
  const own = same && down + across === 0 && (isMax || !counted || !padded);
  let x = tensor;
  if (padded && !own) {
    if (!isMax && !(counted && down + across === 0)) return fail('of padding that does not count');
    const pads = [0, 0, top, bottom + down, left, right + across, 0, 0];
    x = layers.operation(`${name}.pad`, 'pad', [x], { pads, value: isMax ? lowest : 0 });
  }
  const args = {
    name: layers.name(name),
    poolSize,
    strides,
    padding: own && same ? ('same' as const) : ('valid' as const),
  };
  const layer = isMax ? tfl.layers.maxPooling2d(args) : tfl.layers.averagePooling2d(args);
  return [{ tensor: layers.apply(layer, x), image: true }];
}
