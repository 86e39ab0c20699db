import * as tf from '@tensorflow/tfjs-core';
import { boxesOf } from '../../explain/core.ts';
import { networkNodes, nodeOutputs } from '../../gradcam/index.ts';
import { type Looked, shapeOfImages } from './subject.ts';

/** All that a node answers to an image. */
export interface LayerView {
  readonly node: string;
  /** Without the batch: [h,w,K], [n], … */
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** A few maps of every layer, small, for the drawing of the network. */
export interface StripsView {
  readonly strips: readonly Strip[];
}

export interface Strip {
  /** Id of the box that they are drawn in. */
  readonly box: string;
  /** The node whose values they are: the last in the box. */
  readonly node: string;
  readonly channels: readonly number[];
  readonly height: number;
  readonly width: number;
  /** [channels · height · width], 0 … 255 from the smallest value of the layer to the largest. */
  readonly pixels: Uint8Array;
  readonly range: readonly [number, number];
}

/** Maps in a box, and the longest side of one. */
const most = { maps: 5, side: 40 };

/**
 * What a node answers to one image.
 *
 * @throws {ModelError} for a node that does not exist
 */
export async function layerView(subject: Looked, pixels: Float32Array, node: string): Promise<LayerView> {
  const [values] = await valuesOf(subject, pixels, [node]);
  return { node, ...values! };
}

/** The values of several nodes from one pass. */
export async function valuesOf(
  subject: Looked,
  pixels: Float32Array,
  nodes: readonly string[],
): Promise<{ shape: number[]; values: Float32Array }[]> {
  const image = tf.tensor(pixels, [1, ...shapeOfImages(subject)]);
  const outputs = nodeOutputs(subject.model, image, nodes);
  image.dispose();
  try {
    return await Promise.all(
      outputs.map(async (output) => ({
        shape: output.shape.slice(1),
        values: Float32Array.from(await output.data()),
      })),
    );
  } finally {
    tf.dispose(outputs);
  }
}

/** For every box of the drawing, the maps in it that answer most; of a vector, its values in a row. */
export async function stripsView(subject: Looked, pixels: Float32Array): Promise<StripsView> {
  const boxes = boxesOf(networkNodes(subject.model));
  const nodes = boxes.map(({ members }) => members.at(-1)!.name);
  const found = await valuesOf(subject, pixels, nodes);
  return {
    strips: boxes.map(({ id }, i) => ({ box: id, node: nodes[i]!, ...stripOf(found[i]!) })),
  };
}

function stripOf({ shape, values }: { shape: readonly number[]; values: Float32Array }) {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const byte = (value: number) => (high > low ? Math.round((255 * (value - low)) / (high - low)) : 0);
  const range = [low, high] as const;
  if (shape.length !== 3) {
    const width = Math.min(values.length, 256);
    const row = Uint8Array.from({ length: width }, (_, i) => byte(values[i]!));
    return { channels: [0], height: 1, width, pixels: row, range };
  }
  const [h, w, channels] = shape as [number, number, number];
  const peaks = new Float32Array(channels).fill(Number.NEGATIVE_INFINITY);
  for (let i = 0; i < values.length; i++) {
    const channel = i % channels;
    if (values[i]! > peaks[channel]!) peaks[channel] = values[i]!;
  }
  const chosen = [...peaks.keys()]
    .sort((a, b) => peaks[b]! - peaks[a]! || a - b)
    .slice(0, most.maps)
    .sort((a, b) => a - b);
  const step = Math.max(1, Math.ceil(Math.max(h, w) / most.side));
  const [height, width] = [Math.ceil(h / step), Math.ceil(w / step)];
  const small = new Uint8Array(chosen.length * height * width);
  for (const [c, channel] of chosen.entries()) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        // The strongest value of a field: thin answers would be lost in its mean.
        let peak = Number.NEGATIVE_INFINITY;
        for (let v = y * step; v < Math.min(h, (y + 1) * step); v++) {
          for (let u = x * step; u < Math.min(w, (x + 1) * step); u++) {
            peak = Math.max(peak, values[(v * w + u) * channels + channel]!);
          }
        }
        small[(c * height + y) * width + x] = byte(peak);
      }
    }
  }
  return { channels: chosen, height, width, pixels: small, range };
}
