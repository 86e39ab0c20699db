import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { UsageError } from '../../errors/index.ts';
import { type SplitModel, splitModel } from '../../gradcam/index.ts';
import { imageShapeOf } from './image-shape.ts';
import { commonWindows, type PatchWindow } from './patch-window.ts';
import { type Project, projectUnit } from './project-unit.ts';

/** Images on the host, such as the batches of a data set. */
export interface ImageBatch {
  readonly size: number;
  /** [size·H·W·c] */
  readonly images: Float32Array;
  readonly ids: readonly string[];
}

export interface TopImagesOptions {
  /** Path of the layer, see `resolveTargetLayer`. @default 'auto' */
  targetLayer?: string | undefined;
  /** Numbers of the filters. @default all of the layer */
  filters?: readonly number[] | undefined;
  /** How many images of each. @default 9 */
  top?: number | undefined;
  /** [H,W] of the images, where the model takes any. @default what the model says */
  imageSize?: readonly [number, number] | undefined;
  /** What projects a unit back to pixels. @default the deconvolution network */
  project?: Project | undefined;
  /** Told how many images, and then how many filters, are done. */
  onProgress?: ((what: 'images' | 'filters', done: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** An image that a filter answers to, and what in it. */
export interface TopImage {
  readonly id: string;
  /** The largest value of the filter's map. */
  readonly value: number;
  /** Where in the map, [y, x]. */
  readonly position: readonly [number, number];
  /** The image, [H·W·c]. */
  readonly pixels: Float32Array;
  /** The unit at that place, projected back to pixels, [H·W·c]. */
  readonly projection: Float32Array;
  /** The part of the image that the projection fills, as large as for the filter's other images. */
  readonly window: PatchWindow;
}

export interface TopImages {
  /** Path of the layer. */
  readonly layer: string;
  /** [H,W,c] */
  readonly imageShape: readonly [number, number, number];
  /** By falling value; fewer than asked for where the filter answers 0 to all other images. */
  readonly filters: readonly { readonly filter: number; readonly top: readonly TopImage[] }[];
}

type Found = Pick<TopImage, 'id' | 'value' | 'position' | 'pixels'>;

/**
 * The images of a set that each filter of a layer answers to most, with what in them it answers to.
 *
 * An image counts by the largest value of the filter's map. That unit alone is projected back to pixels by the
 * deconvolution network, which shows the pattern; the part of the image that the projection fills is the unit's
 * receptive field, which shows what the pattern is in the world.
 *
 * (Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, arXiv 1311.2901, section 4 and
 * Figure 2.)
 *
 * Good for: what a filter stands for, and how much its images differ in all else. Fails: nine images are the extreme of
 * a distribution, and a filter may answer to much more; a small or narrow set shows what the set holds.
 *
 * Memory: every image that is among the best of a filter is kept, once.
 *
 * @param batches images with the values that the model takes; read once. The last batch may be smaller
 * @throws {UsageError} for a filter that does not exist, or images that do not fit
 * @throws {ModelError} for a layer that does not exist, or has no maps
 */
export async function topImages(
  model: tfl.LayersModel,
  batches: Iterable<ImageBatch> | AsyncIterable<ImageBatch>,
  options: TopImagesOptions = {},
): Promise<TopImages> {
  const { targetLayer, top = 9, project = projectUnit, onProgress, signal } = options;
  if (!Number.isInteger(top) || top < 1) {
    throw new UsageError(`top: expected a whole number of at least 1, received ${top}`);
  }
  const split = splitModel(model, targetLayer);
  const imageShape = imageShapeOf(model, options.imageSize);
  const filters = filtersOf(split, options.filters);
  const best = filters.map(() => [] as Found[]);
  let [capacity, seen] = [0, 0];
  for await (const batch of batches) {
    signal?.throwIfAborted();
    capacity = Math.max(capacity, batch.size);
    await addBatch(split, batch, { best, filters, imageShape, capacity, top });
    seen += batch.size;
    onProgress?.('images', seen);
  }
  const result: TopImages['filters'][number][] = [];
  for (const [i, filter] of filters.entries()) {
    signal?.throwIfAborted();
    const projections = await projected(split, best[i]!, { filter, top, imageShape, project });
    const windows = commonWindows(projections, imageShape);
    result.push({
      filter,
      top: best[i]!.map((found, n) => ({ ...found, projection: projections[n]!, window: windows[n]! })),
    });
    onProgress?.('filters', i + 1);
  }
  return { layer: split.target.path, imageShape, filters: result };
}

interface Search {
  readonly best: Found[][];
  readonly filters: readonly number[];
  readonly imageShape: readonly [number, number, number];
  /** Images of the largest batch so far; smaller ones are filled up to it. */
  readonly capacity: number;
  readonly top: number;
}

async function addBatch(split: SplitModel, batch: ImageBatch, search: Search): Promise<void> {
  const { best, filters, imageShape, capacity, top } = search;
  const pixels = tf.util.sizeFromShape([...imageShape]);
  if (batch.images.length !== batch.size * pixels) {
    throw new UsageError(
      `images: expected ${batch.size} x [${imageShape.join(', ')}] values, received ${batch.images.length}`,
    );
  }
  let width = 1;
  const [peaks, places] = tf.tidy(() => {
    const padded = new Float32Array(capacity * pixels);
    padded.set(batch.images);
    const { activations } = split.features(tf.tensor(padded, [capacity, ...imageShape]));
    const [, h, w, channels] = activations.shape as [number, number, number, number];
    width = w;
    const flat = tf.reshape(activations, [capacity, h * w, channels]);
    const chosen =
      filters.length === channels ? flat : tf.gather(flat, tf.tensor1d([...filters], 'int32'), 2);
    return [tf.max(chosen, 1), tf.argMax(chosen, 1)];
  }) as unknown as [tf.Tensor, tf.Tensor];
  const [values, positions] = [await peaks.data(), await places.data()];
  tf.dispose([peaks, places]);
  for (let image = 0; image < batch.size; image++) {
    let own: Float32Array | undefined;
    for (const [i, list] of best.entries()) {
      const value = values[image * filters.length + i]!;
      if (!(value > 0) || (list.length === top && value <= list.at(-1)!.value)) continue;
      own ??= batch.images.slice(image * pixels, (image + 1) * pixels);
      const at = positions[image * filters.length + i]!;
      const place = list.findIndex((other) => other.value < value);
      list.splice(place < 0 ? list.length : place, 0, {
        id: batch.ids[image] ?? '',
        value,
        position: [Math.trunc(at / width), at % width],
        pixels: own,
      });
      if (list.length > top) list.pop();
    }
  }
}

/** The unit of each image, projected back to pixels; filled up to `top` images, so that there is one shape. */
async function projected(
  split: SplitModel,
  found: readonly Found[],
  {
    filter,
    top,
    imageShape,
    project,
  }: { filter: number; top: number } & Pick<TopImages, 'imageShape'> & {
      project: Project;
    },
): Promise<Float32Array[]> {
  if (found.length === 0) return [];
  const pixels = tf.util.sizeFromShape([...imageShape]);
  const rows = Array.from({ length: top }, (_, i) => found[i] ?? found[0]!);
  const batch = new Float32Array(top * pixels);
  for (const [i, row] of rows.entries()) batch.set(row.pixels, i * pixels);
  const images = tf.tensor4d(batch, [top, ...imageShape]);
  const unit = { layer: split.target.path, filter, positions: rows.map(({ position }) => position) };
  try {
    const back = await project(split.model, images, unit);
    const values = (await back.data()) as Float32Array;
    back.dispose();
    return found.map((_, i) => values.slice(i * pixels, (i + 1) * pixels));
  } finally {
    images.dispose();
  }
}

function filtersOf({ target }: SplitModel, asked: readonly number[] | undefined): number[] {
  const channels = target.shape.at(-1)!;
  if (target.shape.length !== 4) {
    throw new UsageError(`layer "${target.path}": expected maps [batch, h, w, channels]`);
  }
  if (asked === undefined) return Array.from({ length: channels }, (_, k) => k);
  const wrong = asked.find((k) => !(Number.isInteger(k) && k >= 0 && k < channels));
  if (wrong !== undefined) {
    throw new UsageError(
      `filters: layer "${target.path}" has filters 0 to ${channels - 1}, received ${wrong}`,
    );
  }
  return [...new Set(asked)];
}
