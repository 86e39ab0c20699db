import * as tf from '@tensorflow/tfjs-core';
import { ModelError, UsageError } from '../../errors/index.ts';
import { type RiseOptions, rise } from './rise.ts';

/** What a detector answers to a batch: N proposals for each image. */
export interface Detections {
  /** Boxes [B,N,4] as xmin, ymin, xmax, ymax, in any unit, the same for all. */
  readonly boxes: tf.Tensor3D;
  /** [B,N,C], probabilities of the classes. */
  readonly scores: tf.Tensor3D;
  /** O, [B,N]: how sure the detector is that there is an object, where it says so apart. @default 1 */
  readonly objectness?: tf.Tensor2D | undefined;
}

/** From images [B,H,W,c] to detections. Called inside `tf.tidy`. */
export type Detect = (images: tf.Tensor4D) => Detections;

/** A detection to be explained: of the detector itself, or one that it missed. */
export interface DetectionTarget {
  /** Row of the batch. */
  readonly sample: number;
  /** xmin, ymin, xmax, ymax, in the detector's unit. */
  readonly box: readonly [number, number, number, number];
  /** Probabilities of the classes; or the number of the one class that it is. */
  readonly classes: number | readonly number[];
}

export interface DRiseOptions extends Omit<RiseOptions, 'target' | 'output' | 'input' | 'targetLayer'> {
  /** N, how many masks. @default 5000 */
  masks?: number | undefined;
  /** Cells of a mask along each axis, before it is enlarged. @default 16 */
  cells?: number | undefined;
}

/**
 * D-RISE: what in an image a detection depends on, of any detector, from its answers alone.
 *
 *     s(d_t, d_j) = IoU(L_t, L_j) · (P_t · P_j) / (‖P_t‖ ‖P_j‖) · O_j        (Eq 2 to 5)
 *     S(d_t) = 1/(N p) Σ_i max_j s(d_t, d_j(I ⊙ M_i)) M_i                    (Eq 1, and RISE's Eq 6)
 *
 * d_t is the detection that is explained, d_j the proposals for a masked image; L boxes, P class probabilities, O
 * objectness. Give the proposals before non-maximum suppression where they are to be had: the maximum does its work. As in
 * RISE `center` takes off the mean.
 *
 * Good for: why a detector sees an object there, and calls it so; with a target of one's own (`classes` a number) why it misses
 * one. Fails: as RISE: coarse, and noisy with few masks; the context that many masks leave free is seldom found.
 *
 * Passes: N per image. Memory on the host for the answers of one batch.
 *
 * (Petsiuk et al., "Black-box Explanation of Object Detectors via Saliency Maps", CVPR 2021, arXiv 2006.03204.)
 *
 * @param images [B,H,W,c]
 * @returns [P,H,W], a map for each target
 * @throws {UsageError} when targets or options do not fit
 * @throws {ModelError} when the detector answers something else
 */
export async function dRise(
  detect: Detect,
  images: tf.Tensor4D,
  targets: readonly DetectionTarget[],
  { masks = 5000, cells = 16, ...options }: DRiseOptions = {},
): Promise<tf.Tensor3D> {
  const samples = images.shape[0];
  for (const [t, { sample, box, classes }] of targets.entries()) {
    if (!(Number.isInteger(sample) && sample >= 0 && sample < samples)) {
      throw new UsageError(
        `targets.${t}.sample: expected a row from 0 to ${samples - 1}, received ${sample}`,
      );
    }
    const [xmin, ymin, xmax, ymax] = box;
    if (!(xmin < xmax && ymin < ymax)) {
      throw new UsageError(
        `targets.${t}.box: expected xmin < xmax and ymin < ymax, received ${box.join(', ')}`,
      );
    }
    const list = typeof classes === 'number' ? [classes] : classes;
    if (typeof classes !== 'number' && !list.some((value) => value > 0)) {
      throw new UsageError(`targets.${t}.classes: expected a probability above 0`);
    }
  }
  const [, height, width] = images.shape;
  const maps = new Float32Array(targets.length * height * width);
  for (const sample of new Set(targets.map((target) => target.sample))) {
    const own = targets.flatMap((target, t) => (target.sample === sample ? [{ target, t }] : []));
    const image = tf.slice(images, sample, 1);
    try {
      const predict = (input: tf.Tensor | tf.Tensor[]) =>
        tf.tidy(() => {
          const found = detect((Array.isArray(input) ? input[0]! : input) as tf.Tensor4D);
          return likeness(
            found,
            own.map(({ target }) => target),
          );
        });
      const pairs = own.map((_, column) => ({ sample: 0, class: column }));
      const made = await rise({ predict }, image, pairs, { ...options, masks, cells });
      const values = await made.data();
      made.dispose();
      own.forEach(({ t }, i) => {
        maps.set(values.subarray(i * height * width, (i + 1) * height * width), t * height * width);
      });
    } finally {
      image.dispose();
    }
  }
  return tf.tensor3d(maps, [targets.length, height, width]);
}

/**
 * How alike the likest proposal of each image is to each target, max_j s(d_t, d_j).
 *
 * @returns [B,T]; 0 where there is no proposal
 * @throws {ModelError} when shapes do not fit
 * @throws {UsageError} for a target of other classes
 */
export function likeness(
  { boxes, scores, objectness }: Detections,
  targets: readonly Pick<DetectionTarget, 'box' | 'classes'>[],
): tf.Tensor2D {
  const [batch, proposals, classes] = scores.shape;
  const fits =
    boxes.rank === 3 && boxes.shape[0] === batch && boxes.shape[1] === proposals && boxes.shape[2] === 4;
  if (!fits || (objectness && (objectness.shape[0] !== batch || objectness.shape[1] !== proposals))) {
    throw new ModelError(
      `detector: expected boxes [B,N,4], scores [B,N,C] and objectness [B,N], received [${boxes.shape}], ` +
        `[${scores.shape}] and ${objectness ? `[${objectness.shape}]` : 'none'}`,
    );
  }
  const [place, chance] = [boxes.dataSync(), scores.dataSync()];
  const sure = objectness?.dataSync();
  const wanted = targets.map(({ classes: asked }, t) => {
    const vector = typeof asked === 'number' ? oneHot(asked, classes) : asked;
    if (vector?.length === classes) return vector;
    throw new UsageError(
      `targets.${t}.classes: the detector has ${classes} classes, received ${typeof asked === 'number' ? `class ${asked}` : `${asked.length} probabilities`}`,
    );
  });
  const best = new Float32Array(batch * targets.length);
  for (let i = 0; i < batch * proposals; i++) {
    const box = place.subarray(4 * i, 4 * i + 4);
    const own = chance.subarray(i * classes, (i + 1) * classes);
    for (const [t, target] of targets.entries()) {
      const alike = iou(target.box, box) * cosine(wanted[t]!, own) * (sure?.[i] ?? 1);
      const at = Math.trunc(i / proposals) * targets.length + t;
      if (alike > best[at]!) best[at] = alike;
    }
  }
  return tf.tensor2d(best, [batch, targets.length]);
}

function oneHot(index: number, classes: number): readonly number[] | undefined {
  if (!(Number.isInteger(index) && index >= 0 && index < classes)) return undefined;
  return Array.from({ length: classes }, (_, c) => Number(c === index));
}

/** Of two boxes whose edges are lines: no pixel is counted. 0 where one has no area. */
function iou(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const across = Math.min(a[2]!, b[2]!) - Math.max(a[0]!, b[0]!);
  const down = Math.min(a[3]!, b[3]!) - Math.max(a[1]!, b[1]!);
  if (across <= 0 || down <= 0) return 0;
  const area = (box: ArrayLike<number>) => (box[2]! - box[0]!) * (box[3]! - box[1]!);
  return (across * down) / (area(a) + area(b) - across * down);
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [dot, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    dot += a[i]! * b[i]!;
    aa += a[i]! ** 2;
    bb += b[i]! ** 2;
  }
  return aa > 0 && bb > 0 ? dot / Math.sqrt(aa * bb) : 0;
}
