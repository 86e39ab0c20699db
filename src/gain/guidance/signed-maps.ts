import * as tf from '@tensorflow/tfjs-core';
import { downsampleArea } from '../../autodiff/index.ts';
import { attentionMaps, type Pair } from '../../gradcam/index.ts';
import { type PairMasks, type StepContext, whatMatters } from '../objective/index.ts';
import type { GuidedMaps } from './guided-step.ts';

/** Signed maps, and on the same grid what must not matter for each of them. */
export interface SignedMaps {
  /** M `[P,h,w]`, neither clipped nor normalised. */
  readonly maps: tf.Tensor3D;
  /** E `[P,h,w]`, 0..1. */
  readonly irrelevant: tf.Tensor3D;
  /** `[P]`; those of an image sum to 1, or 0 where nothing of it counts. */
  readonly weights: tf.Tensor1D;
}

/**
 * Signed maps of classes in every image: of those that are in it and have a mask, and of those that are not in it.
 *
 * Every class of the list has a map in every image, counted or not, so that shapes stay the same from batch to batch.
 *
 * @param masks of the step's own pairs
 * @param classes @default all
 * @returns undefined where nothing counts
 */
export function signedMaps(
  { model, inputs, pairs: own, pass, batch, labels, logits }: StepContext,
  masks: PairMasks | undefined,
  { method, targetLayer, differentiateWeights }: GuidedMaps,
  { classes, absent }: { readonly classes: readonly number[] | undefined; readonly absent: boolean },
): SignedMaps | undefined {
  const judged = classes ?? Array.from({ length: logits.shape[1] }, (_, c) => c);
  const ownOf = new Map(
    own.flatMap(({ sample, class: c }, p) =>
      masks && masks.weights[p]! > 0 ? [[`${sample}/${c}`, p] as const] : [],
    ),
  );
  // Of each pair: the mask of the step's own pair, or that it has none because the class is not there.
  const pairs: (Pair & { readonly mask: number | undefined; readonly counts: boolean })[] = labels.flatMap(
    (present, sample) =>
      judged.map((c) => {
        const mask = ownOf.get(`${sample}/${c}`);
        return { sample, class: c, mask, counts: present.includes(c) ? mask !== undefined : absent };
      }),
  );
  if (!pairs.some(({ counts }) => counts)) return undefined;

  const { maps } = attentionMaps(model, inputs, pairs, {
    method,
    targetLayer,
    differentiateWeights,
    relu: false,
    groups: judged.length,
    ...pass,
  });
  const [, h, w] = maps.shape;
  const perImage = labels.map((_, b) => pairs.filter(({ sample, counts }) => counts && sample === b).length);
  const weights = pairs.map(({ sample, counts }) => (counts ? 1 / perImage[sample]! : 0));
  return { maps, irrelevant: offObject(), weights: tf.tensor1d(weights) };

  function offObject(): tf.Tensor3D {
    if (!masks) return tf.ones([pairs.length, h, w]);
    const relevant = downsampleArea(whatMatters(masks.masks, batch), [h, w]);
    const rows = tf.gather(
      relevant,
      tf.tensor1d(
        pairs.map(({ mask }) => mask ?? 0),
        'int32',
      ),
    );
    const present = tf.tensor3d(
      pairs.map(({ mask }) => Number(mask !== undefined)),
      [pairs.length, 1, 1],
    );
    return tf.sub(1, tf.mul(rows, present));
  }
}
