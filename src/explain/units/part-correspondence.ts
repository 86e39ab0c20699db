import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { UsageError } from '../../errors/index.ts';
import { lastLayersBySize, layerOutputs } from '../../gradcam/index.ts';
import { randomFor } from '../../random/index.ts';

/** A part of an image, edges as shares of its width and height (0..1). */
export type PartBox = readonly [xmin: number, ymin: number, xmax: number, ymax: number];

export interface PartCorrespondenceOptions {
  /** Paths of the layers. @default the last of each size of map */
  layers?: readonly string[] | undefined;
  /** What an occluded part becomes, a number or one for each channel. @default the mean of each image */
  fill?: number | readonly number[] | undefined;
  /** How often a place is drawn at random in every image, to compare with. @default 10 */
  draws?: number | undefined;
  /** Of the random places. @default 0 */
  seed?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** How consistently a layer answers to the same part, over pairs of images. */
export interface PartDistance {
  /** Mean share of the features whose change has another sign; smaller: the layer takes the parts for the same. */
  readonly mean: number;
  /** Standard deviation over the pairs; of random places over the pairs of all draws. */
  readonly deviation: number;
}

export interface PartCorrespondence {
  readonly layer: string;
  /** By name of the part. */
  readonly parts: Readonly<Record<string, PartDistance>>;
  /** Places drawn in each image by itself, of the sizes of the parts. */
  readonly random: PartDistance;
}

/**
 * Whether a network takes the parts of different images for the same: occlude the left eye in several portraits, and see
 * whether its features change alike.
 *
 *     ε_i = Φ(x_i) − Φ(x̃_i),    Δ = mean over i ≠ j of H(sign ε_i, sign ε_j)
 *
 * x̃_i is the image without the part, H the Hamming distance, here as a share of the features (sign is −1, 0 or 1). Smaller Δ for
 * a part than for places drawn at random: the layer knows a correspondence. (Zeiler & Fergus, ECCV 2014, section 4.4 and
 * table 1, where five dogs have their eyes and noses occluded.)
 *
 * @param images [B,H,W,c], of things that have the same parts; B at least 2
 * @param parts by name, a box for each image
 * @throws {UsageError} for parts that do not fit the images
 * @throws {ModelError} for a layer that does not exist
 */
export async function partCorrespondence(
  model: tfl.LayersModel,
  images: tf.Tensor4D,
  parts: Readonly<Record<string, readonly PartBox[]>>,
  { layers = lastLayersBySize(model), fill, draws = 10, seed = 0, signal }: PartCorrespondenceOptions = {},
): Promise<PartCorrespondence[]> {
  const [count, height, width, channels] = images.shape;
  checkParts(parts, count);
  if (!(Number.isInteger(draws) && draws >= 1)) {
    throw new UsageError(`draws: expected a whole number of at least 1, received ${draws}`);
  }
  const colors = typeof fill === 'number' ? Array<number>(channels).fill(fill) : fill;
  if (colors && colors.length !== channels) {
    throw new UsageError(
      `fill: expected one value for each of ${channels} channels, received ${colors.length}`,
    );
  }
  const pixels = (await images.data()) as Float32Array;
  const whole = await featuresOf(model, pixels, images.shape, layers);

  /** The signs of the changes of every layer, [B·features]. */
  const signsWithout = async (boxes: readonly PartBox[]): Promise<Int8Array[]> => {
    signal?.throwIfAborted();
    const hidden = Float32Array.from(pixels);
    boxes.forEach((box, i) => {
      const image = hidden.subarray(i * height * width * channels, (i + 1) * height * width * channels);
      occlude(image, [height, width, channels], box, colors ?? meanOf(image, channels));
    });
    const changed = await featuresOf(model, hidden, images.shape, layers);
    return changed.map((values, l) => Int8Array.from(values, (value, i) => Math.sign(whole[l]![i]! - value)));
  };

  const ofParts: Record<string, number[][]> = {};
  for (const [name, boxes] of Object.entries(parts)) {
    const signs = await signsWithout(boxes);
    ofParts[name] = signs.map((own) => pairDistances(own, count));
  }
  const random = layers.map(() => [] as number[]);
  const sizes = Object.values(parts);
  for (let draw = 0; draw < draws; draw++) {
    const stream = randomFor(seed, 'part correspondence', draw);
    const boxes = Array.from({ length: count }, (_, i): PartBox => {
      const [xmin, ymin, xmax, ymax] = sizes[draw % sizes.length]![i]!;
      const [left, top] = [stream.uniform(0, 1 - (xmax - xmin)), stream.uniform(0, 1 - (ymax - ymin))];
      return [left, top, left + xmax - xmin, top + ymax - ymin];
    });
    (await signsWithout(boxes)).forEach((own, l) => {
      random[l]!.push(...pairDistances(own, count));
    });
  }
  return layers.map((layer, l) => ({
    layer,
    parts: Object.fromEntries(Object.entries(ofParts).map(([name, own]) => [name, summary(own[l]!)])),
    random: summary(random[l]!),
  }));
}

function checkParts(parts: Readonly<Record<string, readonly PartBox[]>>, count: number): void {
  if (count < 2) throw new UsageError(`images: expected at least 2, received ${count}`);
  if (Object.keys(parts).length === 0) throw new UsageError('parts: expected at least one');
  for (const [name, boxes] of Object.entries(parts)) {
    if (boxes.length !== count) {
      throw new UsageError(
        `parts.${name}: expected a box for each of ${count} images, received ${boxes.length}`,
      );
    }
    for (const [i, [xmin, ymin, xmax, ymax]] of boxes.entries()) {
      if (xmin >= 0 && ymin >= 0 && xmax <= 1 && ymax <= 1 && xmin < xmax && ymin < ymax) continue;
      throw new UsageError(
        `parts.${name}.${i}: expected xmin < xmax and ymin < ymax from 0 to 1, received ${boxes[i]!.join(', ')}`,
      );
    }
  }
}

/** What the layers answer, [B·features] each. */
async function featuresOf(
  model: tfl.LayersModel,
  pixels: Float32Array,
  shape: [number, number, number, number],
  layers: readonly string[],
): Promise<Float32Array[]> {
  const found = tf.tidy(() => layerOutputs(model, tf.tensor4d(pixels, shape), layers));
  const values = await Promise.all(found.map(async (one) => Float32Array.from(await one.data())));
  tf.dispose(found);
  return values;
}

/** Sets the pixels whose centre lies in a box; at least one. */
function occlude(
  image: Float32Array,
  [height, width, channels]: readonly [number, number, number],
  [xmin, ymin, xmax, ymax]: PartBox,
  color: readonly number[],
): void {
  const span = (low: number, high: number, size: number): [number, number] => {
    const first = Math.min(size - 1, Math.max(0, Math.ceil(low * size - 0.5)));
    return [first, Math.max(first + 1, Math.min(size, Math.floor(high * size - 0.5) + 1))];
  };
  const [left, right] = span(xmin, xmax, width);
  const [top, bottom] = span(ymin, ymax, height);
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) image.set(color, (y * width + x) * channels);
  }
}

function meanOf(image: Float32Array, channels: number): number[] {
  const sums = Array<number>(channels).fill(0);
  for (let i = 0; i < image.length; i++) sums[i % channels]! += image[i]!;
  return sums.map((sum) => (sum * channels) / image.length);
}

/** The share of features with another sign, for each pair of images. */
function pairDistances(signs: Int8Array, count: number): number[] {
  const size = signs.length / count;
  const distances: number[] = [];
  for (let a = 0; a < count; a++) {
    for (let b = a + 1; b < count; b++) {
      let differ = 0;
      for (let k = 0; k < size; k++) differ += Number(signs[a * size + k] !== signs[b * size + k]);
      distances.push(differ / size);
    }
  }
  return distances;
}

function summary(values: readonly number[]): PartDistance {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(squares) };
}
