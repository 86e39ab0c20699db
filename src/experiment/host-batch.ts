import * as tf from '@tensorflow/tfjs-core';
import type { HostBatch } from '../data/index.ts';
import type { GainBatch, MaskMeaning } from '../gain/index.ts';

/**
 * A batch of the data pipeline as tensors; masks and boxes only of the samples that may supervise.
 *
 * A confounder is one whatever the class: it goes with every label of its sample, marked `must-not-matter`.
 *
 * @param maskCapacity masks are padded to this number, so that shapes stay the same from batch to batch;
 *   0 where nothing supervises.
 * @param marks what the masks and boxes of objects mark.
 * @param use which masks supervise, where a data set has both.
 * @param frames T, of clips: images are then [B,T,H,W,3], masks [M,T,H,W].
 * @returns tensors for the caller to dispose.
 */
export function batchToTensors(
  batch: HostBatch,
  [height, width]: readonly [number, number],
  classes: number,
  maskCapacity: number,
  marks: MaskMeaning = 'matters',
  use: 'objects' | 'confounders' = 'objects',
  frames?: number | null,
): GainBatch {
  const extent = frames ? [frames, height, width] : [height, width];
  const images = tf.tensor(batch.images, [batch.size, ...extent, 3]);
  const labels = tf.tensor2d(batch.labels, [batch.size, classes]);
  const labelWeights = batch.labelWeights && tf.tensor2d(batch.labelWeights, [batch.size, classes]);
  const known = { images, labels, ...(labelWeights && { labelWeights }) };
  const origins = batch.ids.map((id, sample) => ({ id, view: batch.views[sample]! }));
  if (maskCapacity === 0) return { ...known, origins };
  const confounders = use === 'confounders';
  const all = confounders ? confoundersOfLabels(batch, classes) : batch.masks;
  const masks = all.filter(({ sample }) => batch.supervised[sample]);
  const size = tf.util.sizeFromShape(extent);
  const values = new Float32Array(Math.max(maskCapacity, masks.length) * size);
  masks.forEach(({ mask }, m) => {
    values.set(mask, m * size);
  });
  return {
    ...known,
    origins,
    masks: tf.tensor<tf.Rank.R3 | tf.Rank.R4>(values, [values.length / size, ...extent] as [
      number,
      number,
      number,
    ]),
    maskPairs: masks.map(({ sample, class: c }) => ({ sample, class: c })),
    boxes: confounders ? [] : batch.boxes.filter(({ sample }) => batch.supervised[sample]),
    marks: confounders ? 'must-not-matter' : marks,
  };
}

function confoundersOfLabels({ confounders = [], labels }: HostBatch, classes: number) {
  return confounders.flatMap(({ sample, mask }) =>
    [...labels.subarray(sample * classes, (sample + 1) * classes)].flatMap((label, c) =>
      label > 0 ? [{ sample, class: c, mask }] : [],
    ),
  );
}
