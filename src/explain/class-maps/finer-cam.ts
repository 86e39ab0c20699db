import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { UsageError } from '../../errors/index.ts';
import { attentionMaps, forward, type MapMethod, type Pair } from '../../gradcam/index.ts';
import type { MethodOptions } from '../method.ts';

export interface FinerCamOptions extends Omit<MethodOptions, 'target'> {
  /** Any method that takes a gradient. @default 'grad-cam' */
  method?: MapMethod | undefined;
  /** How many similar classes are compared with, or their numbers. @default 3 */
  compare?: number | readonly number[] | undefined;
  /** α, how much of a similar class is taken off. @default 1 */
  strength?: number | undefined;
}

/**
 * Finer-CAM: what tells a class from those most like it.
 *
 *     y = Σ_d p_d (s^c − α s^d) / Σ_d p_d,   d the classes whose logits are closest to s^c;   the map of y by any method
 *
 * (Zhang et al., "Finer-CAM: Spotting the Difference Reveals Finer Details for Visual Explanation", CVPR 2025,
 * arXiv 2501.11309, Eq 5 and 6.) As in pytorch-grad-cam, p = softmax(s) is differentiated too.
 *
 * Good for: fine-grained classes, whose common parts Grad-CAM shows. Fails: where the similar classes are similar by
 * chance: two classes leave but one to compare with.
 *
 * @param images [B,H,W,c], or one tensor per input
 * @returns [P,h,w]
 * @throws {UsageError}, ModelError as `attentionMaps` does
 */
export function finerCam(
  model: tfl.LayersModel,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  { method = 'grad-cam', compare = 3, strength = 1, targetLayer, output }: FinerCamOptions = {},
): tf.Tensor {
  const logits = tf.tidy(() => forward(model, images, { output }));
  const rows = logits.arraySync() as number[][];
  logits.dispose();
  const classes = rows[0]?.length ?? 0;
  const compared = pairs.map((pair, p) => {
    const row = rows[pair.sample];
    if (!row || !(pair.class >= 0 && pair.class < classes)) {
      throw new UsageError(
        `pair ${p} { sample: ${pair.sample}, class: ${pair.class} }: there are ${rows.length} images and ${classes} classes`,
      );
    }
    return similar(row, pair.class, compare);
  });
  const one = (columns: readonly (readonly number[])[]) => {
    const values = new Float32Array(pairs.length * classes);
    for (const [p, list] of columns.entries()) for (const c of list) values[p * classes + c] = 1;
    return tf.tensor2d(values, [pairs.length, classes]);
  };
  return tf.tidy(() => {
    if (pairs.length === 0) return attentionMaps<tf.Tensor>(model, images, [], { targetLayer, output }).maps;
    const [own, others] = [one(pairs.map((pair) => [pair.class])), one(compared)];
    const score = (values: tf.Tensor) => {
      const s = values as tf.Tensor2D;
      const p = tf.softmax(s);
      const along = (a: tf.Tensor, b: tf.Tensor2D) => tf.matMul(a as tf.Tensor2D, b, false, true);
      const total = along(p, others);
      const difference = tf.sub(tf.mul(along(s, own), total), tf.mul(along(tf.mul(p, s), others), strength));
      return tf.div(difference, tf.add(total, 1e-9));
    };
    const columns = pairs.map(({ sample }, p) => ({ sample, class: p }));
    const { maps } = attentionMaps<tf.Tensor>(model, images, columns, {
      method,
      targetLayer,
      output,
      target: { score },
      differentiateWeights: false,
    });
    return maps;
  });
}

/** The classes whose logits are closest to that of a class. */
function similar(row: readonly number[], own: number, compare: number | readonly number[]): number[] {
  const others = row.map((_, c) => c).filter((c) => c !== own);
  if (typeof compare !== 'number') {
    const wrong = compare.find((c) => !others.includes(c));
    if (wrong === undefined && compare.length > 0) return [...compare];
    throw new UsageError(`compare: expected other classes than ${own}, received ${compare.join(', ')}`);
  }
  if (!(Number.isInteger(compare) && compare >= 1)) {
    throw new UsageError(`compare: expected a whole number of at least 1, received ${compare}`);
  }
  if (others.length === 0) throw new UsageError('Finer-CAM compares classes, and there is only one');
  return others
    .sort((a, b) => Math.abs(row[a]! - row[own]!) - Math.abs(row[b]! - row[own]!))
    .slice(0, compare);
}
