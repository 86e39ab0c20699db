import * as tf from '@tensorflow/tfjs-core';
import { downsampleArea, upsampleBilinear } from '../../autodiff/index.ts';
import { UsageError } from '../../errors/index.ts';

/**
 * Brings the teacher's maps to the grid of the student's, axis by axis.
 *
 * Where the teacher's grid is finer, its pixels are averaged over the student's cells, so that nothing is
 * skipped; where it is coarser, they are interpolated bilinearly (half-pixel centres).
 *
 * @param maps the teacher's, `[P,h',w']`
 * @param size h, w of the student's maps
 * @returns `[P,h,w]`
 * @throws {UsageError} when the maps are not of rank 3
 */
export function toGrid(maps: tf.Tensor3D, [h, w]: readonly [number, number]): tf.Tensor3D {
  if (maps.rank !== 3) throw new UsageError(`maps: must have shape [P,h,w], had [${maps.shape}]`);
  const [, height, width] = maps.shape;
  const fewer: [number, number] = [Math.min(h, height), Math.min(w, width)];
  return tf.tidy(() => {
    const shrunk = fewer[0] < height || fewer[1] < width ? downsampleArea(maps, fewer) : tf.clone(maps);
    return fewer[0] < h || fewer[1] < w ? upsampleBilinear(shrunk, [h, w]) : shrunk;
  });
}
