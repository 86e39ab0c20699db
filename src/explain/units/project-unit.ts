import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { deconvolution } from '../pixels/index.ts';

/** One unit for each image of a batch: a filter of a layer, at a place of its map. */
export interface UnitAt {
  /** Path of the layer. */
  readonly layer: string;
  readonly filter: number;
  /** [y, x] for each image. */
  readonly positions: readonly (readonly [number, number])[];
}

/** From images [N,H,W,c] and a unit of each to what in them the unit answers to, [N,H,W,c]. */
export type Project = (
  model: tfl.LayersModel,
  images: tf.Tensor4D,
  unit: UnitAt,
) => tf.Tensor | Promise<tf.Tensor>;

/**
 * Projects a unit back to pixels by the deconvolution network: all other units of its layer are set to 0, its own value
 * goes back (Zeiler & Fergus, section 2.1).
 */
export function projectUnit(
  model: tfl.LayersModel,
  images: tf.Tensor4D,
  { layer, filter, positions }: UnitAt,
): tf.Tensor {
  const pairs = positions.map((_, sample) => ({ sample, class: 0 }));
  const score = (values: tf.Tensor) => {
    const [rows, height, width, filters] = values.shape as [number, number, number, number];
    const own = new Float32Array(rows * height * width * filters);
    positions.forEach(([y, x], row) => {
      own[((row * height + y) * width + x) * filters + filter] = 1;
    });
    const unit = tf.sum(tf.mul(values, tf.tensor4d(own, [rows, height, width, filters])), [1, 2, 3]);
    // The derivative of u²/2 is u: what goes back from the unit is its own value.
    return tf.div(tf.square(unit), 2);
  };
  return deconvolution(model, images, pairs, { target: { layer, score }, batchSize: positions.length });
}
