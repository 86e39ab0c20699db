import * as tf from '@tensorflow/tfjs-core';
import { UsageError } from '../../errors/index.ts';
import type { Pair } from '../../gradcam/index.ts';
import { randomFor } from '../../random/index.ts';
import { type RiseMaskSize, riseMask } from './rise-mask.ts';
import { type Explained, type PerturbationOptions, scoreCopies } from './scored-copies.ts';
import { fillColor, subjectsOf, wholeNumber } from './subjects.ts';

export interface RiseOptions extends PerturbationOptions {
  /** N, how many masks. @default 4000 */
  masks?: number | undefined;
  /** Cells of a mask along each axis, before it is enlarged. @default 7 */
  cells?: number | undefined;
  /** p, the probability that a cell stays. @default 0.5 */
  keep?: number | undefined;
  /**
   * Take the mean score off every score: the same map without its background, which is about as high as that mean.
   * What hides evidence then is below 0.
   * @default false
   */
  center?: boolean | undefined;
  /** What is hidden becomes this, a number or one for each channel. @default 0 */
  fill?: number | readonly number[] | undefined;
}

/**
 * RISE: the mean of random masks, each weighted by the score of what it leaves of the image.
 *
 *     S^c(x) = 1/(N p) Σ_i s^c(I ⊙ M_i) M_i(x)
 *
 * (Petsiuk, Das & Saenko, "RISE: Randomized Input Sampling for Explanation of Black-box Models", BMVC 2018,
 * arXiv 1806.07421, Eq 6.) The masks are the same for every image. A constant added to all scores raises the whole map,
 * and its noise with it; `center` takes that away.
 *
 * Good for: the region of a class in any model that scores images, with finer outlines than occlusion for the same
 * number of passes. Fails: as an estimate: with too few masks the map shows their noise, which a low score makes
 * stronger; small objects fall between the cells.
 *
 * Passes: N per image.
 *
 * @param images [B,H,W,c], or one tensor per input
 * @returns [P,H,W]
 * @throws {UsageError} when images, pairs or options do not fit
 */
export async function rise(
  model: Explained,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  options: RiseOptions = {},
): Promise<tf.Tensor3D> {
  const { masks: count = 4000, cells = 7, keep = 0.5, fill = 0, center = false } = options;
  const { seed = 0, batchSize = 16 } = options;
  wholeNumber('masks', count, 1);
  wholeNumber('cells', cells, 1);
  if (!(keep > 0 && keep < 1))
    throw new UsageError(`keep: expected a number between 0 and 1, received ${keep}`);
  const { shape, subjects } = await subjectsOf(images, pairs, options.input);
  const [height, width, channels] = shape as [number, number, number];
  const pixels = height * width;
  const color = fillColor(fill, channels);
  const maskSize: RiseMaskSize = { cells, height, width };

  const maps = new Float64Array(pairs.length * pixels);
  const masks = new Float32Array(batchSize * pixels);
  for (const [nth, subject] of subjects.entries()) {
    const { image } = subject;
    const write = (index: number, out: Float32Array) => {
      const at = (index % batchSize) * pixels;
      const mask = masks.subarray(at, at + pixels);
      drawMask(mask, maskSize, keep, seed, index);
      for (let i = 0; i < out.length; i++) {
        const share = mask[Math.trunc(i / channels)]!;
        out[i] = share * image[i]! + (1 - share) * color[i % channels]!;
      }
    };
    const shown = new Float64Array(pixels);
    const means = new Map(subject.pairs.map((pair) => [pair, 0]));
    for await (const { first, size, score } of scoreCopies(model, subject, { count, write }, options)) {
      for (let copy = 0; copy < size; copy++) {
        for (let i = 0; i < pixels; i++) shown[i]! += masks[copy * pixels + i]! / (count * keep);
      }
      for (const pair of subject.pairs) {
        const map = maps.subarray(pair * pixels, (pair + 1) * pixels);
        for (let copy = 0; copy < size; copy++) {
          const weight = score(copy, pair) / (count * keep);
          means.set(pair, means.get(pair)! + score(copy, pair) / count);
          for (let i = 0; i < pixels; i++) map[i]! += weight * masks[copy * pixels + i]!;
        }
      }
      options.onProgress?.(nth * count + first + size, subjects.length * count);
    }
    if (center) {
      for (const [pair, mean] of means) {
        for (let i = 0; i < pixels; i++) maps[pair * pixels + i]! -= mean * shown[i]!;
      }
    }
  }
  return tf.tensor3d(Float32Array.from(maps), [pairs.length, height, width]);
}

/** Mask number `index` of a seed. */
function drawMask(out: Float32Array, size: RiseMaskSize, keep: number, seed: number, index: number): void {
  const random = randomFor(seed, 'rise', index);
  const grid = Float32Array.from({ length: size.cells ** 2 }, () => Number(random.next() < keep));
  riseMask(grid, [random.next(), random.next()], size, out);
}
