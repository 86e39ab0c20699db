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
  /** H `[M,H,W]`, of clips and volumes `[M,T,H,W]`; 1 on the object and 0 elsewhere; of any size. */
  readonly masks?: tf.Tensor<tf.Rank.R3 | tf.Rank.R4> | undefined;
  /**
   * The pair that each mask belongs to. Masks beyond the end of this list are padding. Without the list, M
   * must be B and mask b holds for every label of image b.
   */
  readonly maskPairs?: readonly Pair[] | undefined;
  /** B flags: whether the masks of an image count. @default every image's do */
  readonly hasMask?: readonly boolean[] | tf.Tensor1D | undefined;
  /** Boxes, drawn as masks for the pairs that have no pixel mask; several boxes of a pair are united. Not in clips. */
  readonly boxes?: readonly PairBox[] | undefined;
  /** Of masks and boxes alike. @default 'matters' */
  readonly marks?: MaskMeaning | undefined;
}

/** One mask per pair, and the pairs that have one. */
export interface PairMasks<M extends tf.Tensor = tf.Tensor3D> {
  /** `[P,H,W]`, of clips and volumes `[P,T,H,W]`; zeros for a pair without mask. */
  readonly masks: M;
  /** P numbers: 1 / (masked pairs of the pair's image), 0 without mask. */
  readonly weights: readonly number[];
}

/**
 * Brings the masks and boxes of a batch into the order of its pairs.
 *
 * @param pairs P pairs, some of which (padding) may be marked as not real
 * @param isReal whether pair p counts
 * @param imageSize `[H,W]` that boxes are drawn at when there is no pixel mask to take the size from; `[T,H,W]` of clips
 * @returns `undefined` when the batch knows neither masks nor boxes
 * @throws {UsageError} when masks, maskPairs and hasMask do not fit each other, and for boxes in clips
 */
export function masksOfPairs<M extends tf.Tensor = tf.Tensor3D>(
  batch: MaskedBatch,
  pairs: readonly Pair[],
  isReal: (pair: number) => boolean,
  batchSize: number,
  imageSize: readonly number[],
): PairMasks<M> | undefined {
  const { masks } = batch;
  const boxes = imageSize.length === 2 ? batch.boxes : undefined;
  if (imageSize.length > 2 && batch.boxes !== undefined && batch.boxes.length > 0) {
    throw new UsageError('batch.boxes: a box does not say when; clips and volumes take masks');
  }
  if (masks === undefined && boxes === undefined) return undefined;

  const source = pixelMaskOfEachPair(batch, pairs, batchSize, imageSize.length + 1);
  const extent = masks === undefined ? imageSize : masks.shape.slice(1);
  const [height, width] = extent.slice(-2) as [number, number];
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
    const parts: tf.Tensor[] = [];
    if (masks !== undefined && masks.shape[0] > 0) parts.push(inPairOrder(masks, source));
    if (boxes !== undefined) parts.push(tf.tensor3d(drawn, [pairs.length, height, width]));
    return parts.length === 0 ? tf.zeros([pairs.length, ...extent]) : tf.addN(parts);
  });
  return { masks: made as M, weights };
}

/**
 * What matters by the masks of a batch: the masks themselves, or all that they leave free.
 *
 * @param masks `[P,H,W]`, or `[P,T,H,W]`, as the batch gives them
 */
export function whatMatters<M extends tf.Tensor>(masks: M, { marks = 'matters' }: MaskedBatch): M {
  return marks === 'matters' ? masks : (tf.sub(1, masks) as M);
}

/** For each pair the index of its pixel mask, if it has one. */
function pixelMaskOfEachPair(
  { masks, maskPairs, hasMask }: MaskedBatch,
  pairs: readonly Pair[],
  batchSize: number,
  rank: number,
): (number | undefined)[] {
  if (masks === undefined) return pairs.map(() => undefined);
  if (masks.rank !== rank) {
    throw new UsageError(
      `batch.masks: must have shape ${rank === 3 ? '[M,H,W]' : '[M,T,H,W] of clips'}, had [${masks.shape}]`,
    );
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
function inPairOrder(masks: tf.Tensor, source: readonly (number | undefined)[]): tf.Tensor {
  const order = tf.tensor1d(
    source.map((m) => m ?? 0),
    'int32',
  );
  const present = tf.tensor(
    source.map((m) => Number(m !== undefined)),
    masks.shape.map((_, axis) => (axis === 0 ? source.length : 1)),
  );
  return tf.mul(tf.gather(tf.cast(masks, 'float32'), order), present);
}
