import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { UsageError } from '../errors/index.ts';
import { learningRateFactor, Optimizer } from '../gain/index.ts';
import { lastLayersBySize } from '../gradcam/index.ts';
import { randomFor } from '../random/index.ts';
import { PixelClassifier, requireLayers } from './pixel-classifier.ts';
import { MOST_SEGMENTED_CLASSES } from './pixel-truth.ts';
import { drawSample, objectsOf, type TrainingSample, type TruthfulImage } from './training-sample.ts';

export interface FitOptions {
  readonly seed: number;
  /** Number of classes, C. */
  readonly classes: number;
  /** Layers of the network to read. @default the last of each size of map */
  readonly layers?: readonly string[] | undefined;
  /** Updates. @default 400 */
  readonly steps?: number;
  /** Images of a step that have masks or boxes, and as many that have labels only. @default 8, 4 */
  readonly batch?: readonly [number, number];
  /** @default 0.004 */
  readonly learningRate?: number;
  /** How often an object is pasted into an image with masks; into one with labels only, always. @default 0.5 */
  readonly pasted?: number;
  /** Largest side of the maps. @default 96 */
  readonly resolution?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: ((done: number, total: number, loss: number) => void) | undefined;
}

/**
 * Learns which class each pixel shows, from a few images with masks or boxes and many with labels.
 *
 *     L = mean_p −log Σ_{k ∈ allowed(p)} softmax(z_p)_k
 *
 * z are the scores of a {@link PixelClassifier}; allowed(p) is what is known of the pixel ({@link PixelTruth}), so one
 * loss serves masks, boxes and labels. Pixels of a known object count twice. The learning rate warms up over a
 * twentieth of the steps and falls along a cosine (AdamW).
 *
 * @param truthful images with masks or boxes
 * @param labelled images with labels only; may be empty
 * @throws {UsageError} when there is nothing to learn from, or there are more classes than can be told apart
 */
export function fitPixelClassifier(
  model: tfl.LayersModel,
  truthful: readonly TruthfulImage[],
  labelled: readonly TruthfulImage[],
  options: FitOptions,
): PixelClassifier {
  const {
    seed,
    classes,
    steps = 400,
    batch = [8, 4],
    learningRate = 0.004,
    pasted = 0.5,
    resolution,
  } = options;
  if (truthful.length === 0) throw new UsageError('segmentation: no image has masks or boxes to learn from');
  if (classes > MOST_SEGMENTED_CLASSES) {
    throw new UsageError(`segmentation: at most ${MOST_SEGMENTED_CLASSES} classes, there are ${classes}`);
  }
  const layers = options.layers ?? lastLayersBySize(model);
  requireLayers(layers);
  const { height, width } = truthful[0]!.truth;
  const some = truthful.slice(0, 32);
  const images = stacked(
    some.map(({ pixels }) => pixels),
    height,
    width,
  );
  const shape = {
    classes,
    layers,
    imageSize: [height, width],
    ...(resolution !== undefined && { resolution }),
  } as const;
  const classifier = new PixelClassifier(model, shape, images, seed);
  images.dispose();
  const optimizer = new Optimizer(classifier.weights, { name: 'adamw', learningRate, weightDecay: 0.02 });
  const schedule = { name: 'cosine', warmupEpochs: 0.05, milestones: [], gamma: 0.1, minimum: 0 } as const;
  const objects = objectsOf(truthful);
  const draw = samplesOf(truthful, labelled, objects, batch, pasted, seed);
  for (let step = 0; step < steps; step++) {
    options.signal?.throwIfAborted();
    const samples = draw(step);
    const factor = learningRateFactor(schedule, step / steps, 1, 1 / steps);
    const loss = tf.tidy(() => {
      const images = stacked(
        samples.map(({ pixels }) => pixels),
        height,
        width,
      );
      const { allowed, weights } = targetsOf(samples, height, width, classifier.size, classes + 1);
      const { value, grads } = tf.variableGrads(
        () => pixelLoss(classifier.scores(images), allowed, weights),
        [...classifier.weights],
      );
      optimizer.apply(
        classifier.weights.map((weight) => grads[weight.name]!),
        factor,
      );
      return value.dataSync()[0]!;
    });
    options.onStep?.(step + 1, steps, loss);
  }
  optimizer.dispose();
  return classifier;
}

/** The samples of a step, a function of the seed and the step alone. */
function samplesOf(
  truthful: readonly TruthfulImage[],
  labelled: readonly TruthfulImage[],
  objects: readonly ReturnType<typeof objectsOf>[number][],
  [some, others]: readonly [number, number],
  pasted: number,
  seed: number,
): (step: number) => TrainingSample[] {
  const classes = [...new Set(objects.map((object) => object.class))].sort((a, b) => a - b);
  return (step) => {
    const random = randomFor(seed, 'segment', step);
    // Classes alike, however many masks each has.
    const object = () => {
      const c = random.pick(classes);
      return random.pick(objects.filter((one) => one.class === c));
    };
    const known = Array.from({ length: some }, () => {
      const paste = classes.length > 0 && random.next() < pasted ? object() : undefined;
      return drawSample(random.pick(truthful), paste, random);
    });
    const rest = labelled.length === 0 ? 0 : others;
    const unknown = Array.from({ length: rest }, () =>
      drawSample(random.pick(labelled), classes.length > 0 ? object() : undefined, random),
    );
    return [...known, ...unknown];
  };
}

/** −log of the probability that a pixel shows what it may, mean over the weights. */
function pixelLoss(scores: tf.Tensor4D, allowed: tf.Tensor4D, weights: tf.Tensor3D): tf.Scalar {
  const inside = tf.sum(tf.mul(tf.softmax(scores), allowed), 3);
  return tf.div(tf.sum(tf.mul(tf.neg(tf.log(tf.add(inside, 1e-6))), weights)), tf.sum(weights));
}

/** What pixels may show, as `[B,h,w,C+1]` of 0 and 1 at the classifier's size, and their weights. */
function targetsOf(
  samples: readonly TrainingSample[],
  height: number,
  width: number,
  [h, w]: readonly [number, number],
  depth: number,
): { allowed: tf.Tensor4D; weights: tf.Tensor3D } {
  const allowed = new Float32Array(samples.length * h * w * depth);
  const weights = new Float32Array(samples.length * h * w);
  samples.forEach((sample, i) => {
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++) {
        const from = Math.floor(((y + 0.5) * height) / h) * width + Math.floor(((x + 0.5) * width) / w);
        const set = sample.allowed[from]!;
        const at = (i * h + y) * w + x;
        for (let k = 0; k < depth; k++) allowed[at * depth + k] = (set >>> k) & 1;
        weights[at] = (set & 1) === 0 ? 2 : 1;
      }
    }
  });
  return {
    allowed: tf.tensor4d(allowed, [samples.length, h, w, depth]),
    weights: tf.tensor3d(weights, [samples.length, h, w]),
  };
}

function stacked(images: readonly Float32Array[], height: number, width: number): tf.Tensor4D {
  const all = new Float32Array(images.length * height * width * 3);
  images.forEach((pixels, i) => {
    all.set(pixels, i * height * width * 3);
  });
  return tf.tensor4d(all, [images.length, height, width, 3]);
}
