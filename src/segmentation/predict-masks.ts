import * as tf from '@tensorflow/tfjs-core';
import type { PredictedMask } from '../data/index.ts';
import { largestBlobs } from './blobs.ts';
import type { PixelClassifier } from './pixel-classifier.ts';
import type { TruthBox } from './pixel-truth.ts';

/** An image to be segmented: its labels say which classes to look for, its boxes where. */
export interface UnsegmentedImage {
  readonly id: string;
  /** [H,W,3] in [0, 1]. */
  readonly pixels: Float32Array;
  readonly labels: readonly number[];
  readonly boxes?: readonly TruthBox[];
}

/**
 * Which class each pixel of some images shows, among the labels of its image and the background.
 *
 * The probabilities of the image and (with `mirror`, the default) of its mirror image are averaged. Of each class the
 * largest piece is kept, and those at least a third of it.
 *
 * @param classifiers one, or several whose probabilities are averaged
 * @param size [H,W] of the images, and of the masks
 */
export function predictMasks(
  classifiers: readonly PixelClassifier[],
  images: readonly UnsegmentedImage[],
  [height, width]: readonly [number, number],
  { mirror = true }: { readonly mirror?: boolean } = {},
): PredictedMask[] {
  const depth = classifiers[0]!.shape.classes + 1;
  const [h, w] = classifiers[0]!.size;
  const pictures = new Float32Array(images.length * height * width * 3);
  images.forEach(({ pixels }, i) => {
    pictures.set(pixels, i * height * width * 3);
  });
  const probabilities = tf.tidy(() => {
    const batch = tf.tensor4d(pictures, [images.length, height, width, 3]);
    const each = classifiers.flatMap((classifier) => [
      tf.softmax(classifier.scores(batch)),
      ...(mirror ? [tf.reverse(tf.softmax(classifier.scores(tf.reverse(batch, 2) as tf.Tensor4D)), 2)] : []),
    ]);
    return tf.div(tf.addN(each), each.length);
  });
  // Read outside of the tidy, which would look for tensors among the numbers, one by one.
  const values = probabilities.dataSync() as Float32Array;
  probabilities.dispose();
  const pixelOf = nearestPixels(height, width, h, w);
  return images.map((image, i) => {
    const { id, labels, boxes } = image;
    const at = values.subarray(i * h * w * depth, (i + 1) * h * w * depth);
    const classes = new Uint8Array(height * width);
    const wanted = labels.map((c) => ({ c, own: boxes?.filter((box) => box.class === c) ?? [] }));
    for (let p = 0; p < classes.length; p++) {
      const from = pixelOf[p]! * depth;
      let best = at[from]!;
      for (const { c, own } of wanted) {
        if (at[from + c + 1]! > best && within(own, p, width)) {
          best = at[from + c + 1]!;
          classes[p] = c + 1;
        }
      }
    }
    return cleaned(id, classes, labels, (p, c) => at[pixelOf[p]! * depth + c + 1]!, width);
  });
}

/** Drops the specks of each class, and measures how sure the rest is. */
function cleaned(
  id: string,
  classes: Uint8Array,
  labels: readonly number[],
  probability: (pixel: number, c: number) => number,
  width: number,
): PredictedMask {
  const confidence = new Map<number, number>();
  for (const c of labels) {
    const region = classes.map((value) => Number(value === c + 1));
    const kept = largestBlobs(region, width);
    let [sum, area] = [0, 0];
    for (let p = 0; p < kept.length; p++) {
      if (region[p] && !kept[p]) classes[p] = 0;
      if (!kept[p]) continue;
      sum += probability(p, c);
      area++;
    }
    if (area > 0) confidence.set(c, sum / area);
  }
  return { id, classes, confidence };
}

/** Whether a pixel lies in a box of the class; true where no boxes of it are known. */
function within(own: readonly TruthBox[], p: number, width: number): boolean {
  if (own.length === 0) return true;
  const x = (p % width) + 0.5;
  const y = Math.floor(p / width) + 0.5;
  return own.some(({ left, top, right, bottom }) => x >= left && x <= right && y >= top && y <= bottom);
}

function nearestPixels(height: number, width: number, h: number, w: number): Int32Array {
  return Int32Array.from({ length: height * width }, (_, p) => {
    const y = Math.floor(((Math.floor(p / width) + 0.5) * h) / height);
    return y * w + Math.floor((((p % width) + 0.5) * w) / width);
  });
}
