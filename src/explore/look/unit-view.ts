import type { tensor } from '@tensorflow/tfjs-core';
import { UsageError } from '../../errors/index.ts';
import { activationName, type Layer, layerAt, networkNodes } from '../../gradcam/index.ts';
import { valuesOf } from './layer-view.ts';
import type { Looked } from './subject.ts';

/** A map, or a vector as a map of one column. */
export interface Plane {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** [height · width · channels] */
  readonly values: Float32Array;
}

/** A window that walks over a plane. */
export interface WindowGeometry {
  readonly size: readonly [number, number];
  readonly strides: readonly [number, number];
  /** Rows above and columns left of the plane that the first window begins with. */
  readonly before: readonly [number, number];
  readonly dilation: readonly [number, number];
}

/** How the values of a unit come about. */
export type Making =
  | {
      readonly kind: 'convolution';
      readonly geometry: WindowGeometry;
      /** [kh · kw · channels of the input plane] */
      readonly kernel: Float32Array;
      readonly bias: number;
      readonly activation: string;
    }
  | { readonly kind: 'pooling'; readonly geometry: WindowGeometry; readonly of: 'max' | 'mean' }
  | {
      readonly kind: 'normalization';
      readonly mean: number;
      readonly variance: number;
      readonly scale: number;
      readonly shift: number;
      readonly epsilon: number;
    }
  | { readonly kind: 'activation'; readonly activation: string }
  | {
      readonly kind: 'dense';
      readonly kernel: Float32Array;
      readonly bias: number;
      readonly activation: string;
    }
  | { readonly kind: 'sum' }
  | { readonly kind: 'values' };

/** One unit of a layer: a channel of its maps, or one number of a vector. */
export interface UnitView {
  readonly node: string;
  readonly op: string;
  readonly channel: number;
  readonly channels: number;
  /** What it answers, as the engine computes it. */
  readonly output: Plane;
  /** What it reads, the channels that it does not read left out. */
  readonly inputs: readonly (Plane & { readonly node: string; readonly first: number })[];
  readonly making: Making;
}

/**
 * A unit, what it reads, and how the one is made of the other.
 *
 * @param node as `networkNodes` names it
 * @throws {ModelError} for a node that does not exist
 * @throws {UsageError} for a channel that it does not have
 */
export async function unitView(
  subject: Looked,
  pixels: Float32Array,
  node: string,
  channel: number,
): Promise<UnitView> {
  const layer = layerAt(subject.model, node);
  const found = networkNodes(subject.model).find(({ name }) => name === node);
  const sources = found?.inputs ?? [];
  const [own, ...read] = await valuesOf(subject, pixels, [node, ...sources]);
  const channels = own!.shape.length === 3 ? own!.shape[2]! : own!.values.length;
  if (channel >= channels) {
    throw new UsageError(`layer "${node}": it has units 0 to ${channels - 1}, received ${channel}`);
  }
  const planes = read.map(({ shape, values }) => planeOf(shape, values));
  const { making, reads } = await makingOf(layer, planes[0], channel, channels);
  return {
    node,
    op: layer.getClassName(),
    channel,
    channels,
    output: part(planeOf(own!.shape, own!.values), channel, 1),
    inputs: planes.map((plane, i) => {
      const [first, count] = reads === 'all' ? [0, plane.channels] : [reads, 1];
      return { node: sources[i]!, first, ...part(plane, first, count) };
    }),
    making,
  };
}

/** A vector of n values is one place with n channels. */
function planeOf(shape: readonly number[], values: Float32Array): Plane {
  const [height, width, channels] =
    shape.length === 3 ? (shape as [number, number, number]) : [1, 1, values.length];
  return { height, width, channels, values };
}

function part(plane: Plane, first: number, count: number): Plane {
  if (count === plane.channels) return plane;
  const { height, width, channels } = plane;
  const values = new Float32Array(height * width * count);
  for (let place = 0; place < height * width; place++) {
    for (let c = 0; c < count; c++) values[place * count + c] = plane.values[place * channels + first + c]!;
  }
  return { height, width, channels: count, values };
}

interface Made {
  readonly making: Making;
  /** Which channel of its inputs it reads, or all. */
  readonly reads: number | 'all';
}

/** What of a layer's fields is read here; tfjs keeps some of them to itself. */
interface LayerFields {
  readonly kernelSize?: readonly number[];
  readonly poolSize?: readonly number[];
  readonly strides?: readonly number[];
  readonly dilationRate?: number | readonly number[];
  readonly padding?: string;
  readonly depthMultiplier?: number;
  readonly epsilon?: number;
  readonly useBias?: boolean;
  readonly center?: boolean;
  readonly scale?: boolean;
  readonly groups?: number;
}

async function makingOf(
  layer: Layer,
  input: Plane | undefined,
  channel: number,
  channels: number,
): Promise<Made> {
  const fields = layer as unknown as LayerFields;
  const op = layer.getClassName();
  const activation = activationName(layer) ?? 'linear';
  const weights = layer.getWeights();
  if (!input) return { making: { kind: 'values' }, reads: 'all' };
  switch (op) {
    case 'Conv2D': {
      const [kernel, bias] = await Promise.all(weights.map(read));
      const geometry = geometryOf(fields, fields.kernelSize!, input);
      return {
        making: {
          kind: 'convolution',
          geometry,
          kernel: column(kernel!, channels, channel),
          bias: bias?.[channel] ?? 0,
          activation,
        },
        reads: 'all',
      };
    }
    case 'DepthwiseConv2D':
    case 'DilatedDepthwiseConv2D': {
      const [kernel, bias] = await Promise.all(weights.map(read));
      return {
        making: {
          kind: 'convolution',
          geometry: geometryOf(fields, fields.kernelSize!, input),
          kernel: column(kernel!, channels, channel),
          bias: bias?.[channel] ?? 0,
          activation,
        },
        reads: Math.floor(channel / (fields.depthMultiplier ?? 1)),
      };
    }
    case 'Dense': {
      const [kernel, bias] = await Promise.all(weights.map(read));
      if (input.height * input.width !== 1) break;
      return {
        making: {
          kind: 'dense',
          kernel: column(kernel!, channels, channel),
          bias: bias?.[channel] ?? 0,
          activation,
        },
        reads: 'all',
      };
    }
    case 'BatchNormalization': {
      const values = await Promise.all(weights.map(read));
      const scale = fields.scale === false ? undefined : values.shift();
      const shift = fields.center === false ? undefined : values.shift();
      const [mean, variance] = values;
      return {
        making: {
          kind: 'normalization',
          mean: mean![channel]!,
          variance: variance![channel]!,
          scale: scale?.[channel] ?? 1,
          shift: shift?.[channel] ?? 0,
          epsilon: fields.epsilon ?? 1e-3,
        },
        reads: channel,
      };
    }
    case 'MaxPooling2D':
    case 'AveragePooling2D':
      return {
        making: {
          kind: 'pooling',
          geometry: geometryOf(fields, fields.poolSize!, input),
          of: op === 'MaxPooling2D' ? 'max' : 'mean',
        },
        reads: channel,
      };
    case 'GlobalAveragePooling2D':
    case 'GlobalMaxPooling2D':
      return {
        making: {
          kind: 'pooling',
          geometry: {
            size: [input.height, input.width],
            strides: [1, 1],
            before: [0, 0],
            dilation: [1, 1],
          },
          of: op === 'GlobalMaxPooling2D' ? 'max' : 'mean',
        },
        reads: channel,
      };
    case 'ReLU':
      return { making: { kind: 'activation', activation: 'relu' }, reads: channel };
    case 'Activation':
      return { making: { kind: 'activation', activation }, reads: channel };
    case 'Add':
      return { making: { kind: 'sum' }, reads: channel };
  }
  const pointwise = input.channels === channels;
  return { making: { kind: 'values' }, reads: pointwise ? channel : 'all' };
}

/** Column of a kernel whose last axis are the output channels. */
function column(kernel: Float32Array, channels: number, channel: number): Float32Array {
  return Float32Array.from({ length: kernel.length / channels }, (_, i) => kernel[i * channels + channel]!);
}

async function read(weight: ReturnType<typeof tensor>): Promise<Float32Array> {
  return Float32Array.from(await weight.data());
}

function geometryOf(fields: LayerFields, size: readonly number[], input: Plane): WindowGeometry {
  const two = (value: number | readonly number[] | undefined): [number, number] =>
    Array.isArray(value) ? [value[0]!, value.at(-1)!] : [Number(value ?? 1), Number(value ?? 1)];
  const [window, strides, dilation] = [two(size), two(fields.strides), two(fields.dilationRate)];
  const before = [input.height, input.width].map((extent, axis) => {
    if (fields.padding !== 'same') return 0;
    const covered = dilation[axis]! * (window[axis]! - 1) + 1;
    const steps = Math.ceil(extent / strides[axis]!) - 1;
    return Math.floor(Math.max(0, steps * strides[axis]! + covered - extent) / 2);
  }) as [number, number];
  return { size: window, strides, before, dilation };
}
