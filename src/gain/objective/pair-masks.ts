import * as tf from '@tensorflow/tfjs-core';
import { UsageError } from '../../errors/index.ts';
import type { Pair } from '../../gradcam/index.ts';
import { type BoxEdges, rasterizeBox } from '../../metrics/index.ts';
import { shareOfImage } from './pairs.ts';

/** A box of an object, its edges as shares of the image's width and height (0..1). */
export interface PairBox extends Pair, BoxEdges {}

/** What masks and boxes mark: the objects that matter, or what must not matter, such as a confounder. */
export type MaskMeaning = 'matters' | 'must-not-matter';

/** The part of a batch that says where objects are, for any subset of its images. */
export interface MaskedBatch {
  /** H `[M,H,W]`, 1 on the object and 0 elsewhere; of any size. */
  readonly masks?: tf.Tensor3D | undefined;
  /**
   * The pair that each mask belongs to. Masks beyond the end of this list are padding. Without the list, M
   * must be B and mask b holds for every label of image b.
   */
  readonly maskPairs?: readonly Pair[] | undefined;
  /** B flags: whether the masks of an image count. @default every image's do */
  readonly hasMask?: readonly boolean[] | tf.Tensor1D | undefined;
  /** Boxes, drawn as masks for the pairs that have no pixel mask; several boxes of a pair are united. */
  readonly boxes?: readonly PairBox[] | undefined;
  /** Of masks and boxes alike. @default 'matters' */
  readonly marks?: MaskMeaning | undefined;
}

/** One mask per pair, and the pairs that have one. */
export interface PairMasks {
  /** `[P,H,W]`, zeros for a pair without mask. */
  readonly masks: tf.Tensor3D;
  /** P numbers: 1 / (masked pairs of the pair's image), 0 without mask. */
  readonly weights: readonly number[];
}

/**
 * Brings the masks and boxes of a batch into the order of its pairs.
 *
 * @param pairs P pairs, some of which (padding) may be marked as not real
 * @param isReal whether pair p counts
 * @param imageSize `[H,W]` that boxes are drawn at when there is no pixel mask to take the size from
 * @returns `undefined` when the batch knows neither masks nor boxes
 * @throws {UsageError} when masks, maskPairs and hasMask do not fit each other
 */
export function masksOfPairs(
  batch: MaskedBatch,
  pairs: readonly Pair[],
  isReal: (pair: number) => boolean,
  batchSize: number,
  imageSize: readonly [number, number],
): PairMasks | undefined {
  const { masks, boxes } = batch;
  if (masks === undefined && boxes === undefined) return undefined;

  const source = pixelMaskOfEachPair(batch, pairs, batchSize);
  const [height, width] = masks === undefined ? imageSize : [masks.shape[1], masks.shape[2]];
  const drawn = new Float32Array(boxes === undefined ? 0 : pairs.length * height * width);
  const hasBox = pairs.map(() => false);
  for (const box of boxes ?? []) {
    pairs.forEach((pair, p) => {
      if (pair.sample !== box.sample || pair.class !== box.class || source[p] !== undefined) return;
      hasBox[p] = true;
      rasterizeBox(box, height, width, drawn.subarray(p * height * width, (p + 1) * height * width));
    });
  }
  const weights = shareOfImage(pairs, (p) => isReal(p) && (source[p] !== undefined || hasBox[p]!));
  const made = tf.tidy(() => {
    const parts: tf.Tensor3D[] = [];
    if (masks !== undefined && masks.shape[0] > 0) parts.push(inPairOrder(masks, source));
    if (boxes !== undefined) parts.push(tf.tensor3d(drawn, [pairs.length, height, width]));
    return parts.length === 0 ? tf.zeros<tf.Rank.R3>([pairs.length, height, width]) : tf.addN(parts);
  });
  return { masks: made, weights };
}

/**
 * What matters by the masks of a batch: the masks themselves, or all that they leave free.
 *
 * @param masks `[P,H,W]` as the batch gives them
 */
export function whatMatters(masks: tf.Tensor3D, { marks = 'matters' }: MaskedBatch): tf.Tensor3D {
  return marks === 'matters' ? masks : tf.sub(1, masks);
}

/** For each pair the index of its pixel mask, if it has one. */
function pixelMaskOfEachPair(
  { masks, maskPairs, hasMask }: MaskedBatch,
  pairs: readonly Pair[],
  batchSize: number,
): (number | undefined)[] {
  if (masks === undefined) return pairs.map(() => undefined);
  if (masks.rank !== 3) {
    throw new UsageError(`batch.masks: must have shape [M,H,W], had [${masks.shape}]`);
  }
  if (maskPairs === undefined && masks.shape[0] !== batchSize) {
    throw new UsageError(
      `batch.masks: without maskPairs there must be one mask per image (${batchSize}), were ${masks.shape[0]}`,
    );
  }
  if (maskPairs !== undefined && maskPairs.length > masks.shape[0]) {
    throw new UsageError(
      `batch.maskPairs: must be at most one per mask (${masks.shape[0]}), were ${maskPairs.length}`,
    );
  }
  const flags = hasMask instanceof tf.Tensor ? Array.from(hasMask.dataSync(), (flag) => flag > 0) : hasMask;
  if (flags !== undefined && flags.length !== batchSize) {
    throw new UsageError(`batch.hasMask: must be one flag per image (${batchSize}), were ${flags.length}`);
  }
  const indexOf = new Map(maskPairs?.map((pair, m) => [`${pair.sample}/${pair.class}`, m]));
  return pairs.map((pair) => {
    if (flags !== undefined && !flags[pair.sample]) return undefined;
    return maskPairs === undefined ? pair.sample : indexOf.get(`${pair.sample}/${pair.class}`);
  });
}

/** `[M,H,W]` to `[P,H,W]`, zeros for a pair without mask. */
function inPairOrder(masks: tf.Tensor3D, source: readonly (number | undefined)[]): tf.Tensor3D {
  const order = tf.tensor1d(
    source.map((m) => m ?? 0),
    'int32',
  );
  const present = tf.tensor3d(
    source.map((m) => Number(m !== undefined)),
    [source.length, 1, 1],
  );
  return tf.mul(tf.gather(tf.cast(masks, 'float32'), order), present);
}
