import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { UsageError } from '../../errors/index.ts';
import { splitModel } from '../../gradcam/index.ts';
import { oneHotRows } from '../../losses/index.ts';
import { randomFor } from '../../random/index.ts';
import { type Separator, separate } from './linear-separator.ts';

export interface TcavOptions {
  /** Path of the layer whose answers are looked at. @default 'auto' */
  targetLayer?: string | undefined;
  /** Index or name of the output. @default 0 */
  output?: number | string | undefined;
  /** λ of the regression, see `separate`. */
  ridge?: number | undefined;
  /** Images at a time. @default 16 */
  batchSize?: number | undefined;
  /** Of the permutations. @default 0 */
  seed?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface Tcav {
  /** Of the concept against each set of other images: share of the class's images whose score the concept raises. */
  readonly scores: readonly number[];
  /** Their mean. */
  readonly score: number;
  /** The same of random sets against each other: what chance gives. */
  readonly chance: readonly number[];
  /** Of the difference of the two means by permutations; null for fewer than two sets. */
  readonly p: number | null;
  /** How well each plane separates the concept, from 0 to 1. */
  readonly accuracies: readonly number[];
  /** Concept activation vectors, [sets][…shape of the layer], of length 1. */
  readonly vectors: readonly Float64Array[];
}

/**
 * Testing with concept activation vectors: does a concept that a person shows by examples raise the score of a class?
 *
 *     v = normal of the plane between A(concept) and A(others),   S(x) = ∇_A s^c(A(x)) · v
 *     TCAV = share of the class's images with S > 0
 *
 * (Kim et al., "Interpretability Beyond Feature Attribution: Quantitative Testing with Concept Activation Vectors", ICML 2018,
 * arXiv 1711.11279, Eq 1 and 2.) The plane is found by logistic regression, exactly, where the authors' code takes a few epochs
 * of stochastic descent; the test is one by permutations of the scores, where the paper has Student's.
 *
 * Good for: questions in a person's own words ("stripes?"). Fails: a concept that the plane cannot separate (look at
 * `accuracies`), examples that share more than the concept, and with few random sets there is no telling chance.
 *
 * @param images of the class, [B,H,W,c]
 * @param label c
 * @param concept examples of the concept, [N,H,W,c]
 * @param others sets of other images, [M,H,W,c] each; two and more for the test
 * @throws {UsageError} for sets that are empty or do not fit
 */
export async function tcav(
  model: tfl.LayersModel,
  images: tf.Tensor4D,
  label: number,
  concept: tf.Tensor4D,
  others: readonly tf.Tensor4D[],
  { targetLayer, output, ridge, batchSize = 16, seed = 0, signal }: TcavOptions = {},
): Promise<Tcav> {
  if (others.length === 0) throw new UsageError('others: expected at least one set of other images');
  const split = splitModel(model, targetLayer, { output });
  const answers = async (set: tf.Tensor4D) => {
    const parts: Float32Array[] = [];
    for (let first = 0; first < set.shape[0]; first += batchSize) {
      signal?.throwIfAborted();
      const rows = Math.min(batchSize, set.shape[0] - first);
      const found = tf.tidy(() => split.features(tf.slice(set, first, rows)).activations);
      parts.push(Float32Array.from(await found.data()));
      found.dispose();
    }
    return joined(parts);
  };
  const slopes = await slopesOf();
  const size = slopes.length / images.shape[0];
  const [ofConcept, ...ofOthers] = await Promise.all([concept, ...others].map(answers));
  const planes = ofOthers.map((other) => separate(ofConcept!, other, size, ridge));
  const chances = ofOthers.flatMap((a, i) =>
    ofOthers.slice(i + 1).map((b) => share(separate(a, b, size, ridge))),
  );
  const scores = planes.map(share);
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    scores,
    score: mean(scores),
    chance: chances,
    p: others.length > 1 ? permutationTest(scores, chances, seed) : null,
    accuracies: planes.map(({ accuracy }) => accuracy),
    vectors: planes.map(({ direction }) => direction),
  };

  /** Share of the images whose score rises along a direction. */
  function share({ direction }: Separator): number {
    let raised = 0;
    for (let i = 0; i < images.shape[0]; i++) {
      let along = 0;
      for (let k = 0; k < size; k++) along += slopes[i * size + k]! * direction[k]!;
      if (along > 0) raised++;
    }
    return raised / images.shape[0];
  }

  async function slopesOf(): Promise<Float32Array> {
    const parts: Float32Array[] = [];
    for (let first = 0; first < images.shape[0]; first += batchSize) {
      signal?.throwIfAborted();
      const rows = Math.min(batchSize, images.shape[0] - first);
      const found = tf.tidy(() => {
        const features = split.features(tf.slice(images, first, rows));
        return tf.grad((a: tf.Tensor) => {
          const { logits } = split.head(features, a);
          const classes = logits.shape[1]!;
          if (!(Number.isInteger(label) && label >= 0 && label < classes)) {
            throw new UsageError(`label: expected a class from 0 to ${classes - 1}, received ${label}`);
          }
          return tf.sum(tf.mul(logits, oneHotRows(new Array<number>(rows).fill(label), classes)));
        })(features.activations);
      });
      parts.push(Float32Array.from(await found.data()));
      found.dispose();
    }
    return joined(parts);
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Two-sided: how often shuffled values differ by as much in their means; 2000 shuffles, the given order among them. */
function permutationTest(a: readonly number[], b: readonly number[], seed: number): number {
  const all = [...a, ...b];
  const difference = (values: readonly number[]) => {
    let [first, second] = [0, 0];
    for (let i = 0; i < values.length; i++) {
      if (i < a.length) first += values[i]! / a.length;
      else second += values[i]! / b.length;
    }
    return Math.abs(first - second);
  };
  const own = difference(all);
  const random = randomFor(seed, 'tcav');
  let as = 1;
  const shuffles = 1999;
  for (let s = 0; s < shuffles; s++) {
    const values = all.slice();
    for (let i = values.length - 1; i > 0; i--) {
      const j = random.integer(i + 1);
      [values[i], values[j]] = [values[j]!, values[i]!];
    }
    if (difference(values) >= own - 1e-12) as++;
  }
  return as / (shuffles + 1);
}
