import * as tf from '@tensorflow/tfjs-core';
import { UsageError } from '../../errors/index.ts';
import type { Pair } from '../../gradcam/index.ts';
import { type Explained, type PerturbationOptions, scoreCopies } from './scored-copies.ts';
import { fillColor, meanColor, subjectsOf, wholeNumber } from './subjects.ts';

export interface OcclusionOptions extends PerturbationOptions {
  /** Side of the occluder in pixels, or one for each axis. @default an eighth of the image */
  patch?: number | readonly number[] | undefined;
  /** How far it moves in a step, at most its side. @default half its side */
  stride?: number | readonly number[] | undefined;
  /** Its colour, a number or one for each channel. @default the mean colour of the image */
  fill?: number | readonly number[] | undefined;
}

/**
 * Occlusion: how much of the score an image loses when a patch of it is covered.
 *
 *     A(x) = mean over the patches Q that cover x of  s^c(I) − s^c(I with Q covered)
 *
 * (Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, section 4.2). The paper draws
 * s^c(I with Q covered) at the centre of Q; here, as in Captum, what a patch costs is shared by the pixels under it, so
 * that the map has the size of the image and evidence is positive. The last patch of each row lies flush with the edge.
 *
 * Good for: a plain statement about the network, whatever it is made of. Fails: where evidence is redundant (each of
 * two wheels can be covered without loss), is larger or smaller than the patch, or where the patch itself is evidence.
 *
 * Passes: one per patch and image, 226 with the defaults on a square image.
 *
 * @param images [B,H,W,c], or [B,D,H,W,c]; or one tensor per input
 * @returns [P,H,W], or [P,D,H,W]
 * @throws {UsageError} when images, pairs or options do not fit
 */
export async function occlusion(
  model: Explained,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  options: OcclusionOptions = {},
): Promise<tf.Tensor> {
  const { shape, subjects } = await subjectsOf(images, pairs, options.input, [4, 5]);
  const extent = shape.slice(0, -1);
  const channels = shape.at(-1)!;
  const patch = perAxis('patch', options.patch, extent, (axis) => Math.max(1, Math.round(extent[axis]! / 8)));
  const stride = perAxis('stride', options.stride, patch, (axis) =>
    Math.max(1, Math.floor(patch[axis]! / 2)),
  );
  const corners = cornersOf(extent, patch, stride);

  const pixels = tf.util.sizeFromShape([...extent]);
  const coverage = new Float32Array(pixels);
  for (const corner of corners) eachPixel(extent, corner, patch, (at) => coverage[at]!++);

  const maps = new Float32Array(pairs.length * pixels);
  const count = corners.length + 1;
  for (const [nth, subject] of subjects.entries()) {
    const { image } = subject;
    const color = options.fill === undefined ? meanColor(image, channels) : fillColor(options.fill, channels);
    const write = (index: number, out: Float32Array) => {
      out.set(image);
      // The first copy is the image itself.
      if (index > 0) eachPixel(extent, corners[index - 1]!, patch, (at) => out.set(color, at * channels));
    };
    const whole = new Map<number, number>();
    for await (const { first, size, score } of scoreCopies(model, subject, { count, write }, options)) {
      for (const pair of subject.pairs) {
        if (first === 0) whole.set(pair, score(0, pair));
        const map = maps.subarray(pair * pixels, (pair + 1) * pixels);
        for (let copy = first === 0 ? 1 : 0; copy < size; copy++) {
          const loss = whole.get(pair)! - score(copy, pair);
          eachPixel(extent, corners[first + copy - 1]!, patch, (at) => {
            map[at]! += loss / coverage[at]!;
          });
        }
      }
      options.onProgress?.(nth * count + first + size, subjects.length * count);
    }
  }
  return tf.tensor(maps, [pairs.length, ...extent]);
}

function perAxis(
  name: string,
  value: number | readonly number[] | undefined,
  limits: readonly number[],
  preset: (axis: number) => number,
): number[] {
  if (Array.isArray(value) && value.length !== limits.length) {
    throw new UsageError(
      `${name}: expected a number, or one for each of ${limits.length} axes, received ${value.length}`,
    );
  }
  return limits.map((limit, axis) => {
    const one = typeof value === 'object' ? value[axis]! : (value ?? preset(axis));
    return wholeNumber(name, one, 1, limit);
  });
}

/** First pixels of the patches, along every axis; together they cover all. */
function cornersOf(
  extent: readonly number[],
  patch: readonly number[],
  stride: readonly number[],
): number[][] {
  let corners: number[][] = [[]];
  for (const [axis, size] of extent.entries()) {
    const last = size - patch[axis]!;
    const starts = Array.from({ length: Math.ceil(last / stride[axis]!) + 1 }, (_, i) =>
      Math.min(i * stride[axis]!, last),
    );
    corners = corners.flatMap((corner) => starts.map((start) => [...corner, start]));
  }
  return corners;
}

function eachPixel(
  extent: readonly number[],
  corner: readonly number[],
  patch: readonly number[],
  visit: (at: number) => void,
): void {
  const walk = (axis: number, before: number): void => {
    for (let i = 0; i < patch[axis]!; i++) {
      const at = before * extent[axis]! + corner[axis]! + i;
      if (axis === extent.length - 1) visit(at);
      else walk(axis + 1, at);
    }
  };
  walk(0, 0);
}
