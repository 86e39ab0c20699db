import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { UsageError } from '../../errors/index.ts';
import { lastDense } from '../../gradcam/index.ts';
import type { Link } from '../../losses/index.ts';
import { randomFor } from '../../random/index.ts';
import { type LinearLayer, logisticRegression, type RegressionData } from './logistic-regression.ts';

export interface RefitOptions {
  readonly link: Link;
  /** Classes whose row is replaced; the others keep theirs. With softmax all are, since their logits compete. @default all */
  readonly classes?: readonly number[] | undefined;
  /** λ of {@link logisticRegression}. @default 0.001 */
  readonly lambda?: number;
  /** Random halves of the samples whose fits are averaged, as in DFR; 1: one fit to all. @default 5 */
  readonly subsets?: number;
  readonly seed?: number;
}

/** The features that the last layer of a model reads. */
export function headFeatures(
  model: tfl.LayersModel,
  images: tf.Tensor4D,
): { values: Float32Array; width: number } {
  const { features } = lastDense(model);
  const read = tf.tidy(() => features(images));
  const values = Float32Array.from(read.dataSync());
  read.dispose();
  return { values, width: read.shape[1] };
}

/**
 * Fits the last layer of a classifier anew, its features as they are: a logistic regression on samples in which the
 * shortcut says nothing, averaged over random halves of them (Kirichenko et al., "Last Layer Re-Training is
 * Sufficient for Robustness to Spurious Correlations", ICLR 2023).
 *
 * @param data features as {@link headFeatures} gives them, and labels of all C classes
 * @throws {UsageError} when a class does not exist; ModelError when the model does not end in a dense layer
 */
export function refitLastLayer(model: tfl.LayersModel, data: RegressionData, options: RefitOptions): void {
  const { link, lambda, subsets = 5, seed = 1 } = options;
  const { kernel, bias, units } = lastDense(model);
  const classes = link === 'softmax' ? indices(units) : (options.classes ?? indices(units));
  const wrong = classes.find((c) => !(Number.isInteger(c) && c >= 0 && c < units));
  if (wrong !== undefined) throw new UsageError(`refit: no class ${wrong}; the model has ${units}`);
  const fits = Array.from({ length: subsets }, (_, s) =>
    logisticRegression(
      subset(columnsOf(data, classes), subsets === 1 ? undefined : ['refit', seed, s]),
      link,
      lambda,
    ),
  );
  const fitted = meanOf(fits);
  const width = data.width;
  const newKernel = Float32Array.from(kernel.dataSync());
  const newBias = bias ? Float32Array.from(bias.dataSync()) : undefined;
  classes.forEach((c, i) => {
    for (let k = 0; k < width; k++) newKernel[k * units + c] = fitted.kernel[k * classes.length + i]!;
    if (newBias) newBias[c] = fitted.bias[i]!;
  });
  tf.tidy(() => {
    kernel.assign(tf.tensor(newKernel, kernel.shape));
    if (bias && newBias) bias.assign(tf.tensor(newBias, bias.shape));
  });
}

function indices(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

function columnsOf(data: RegressionData, classes: readonly number[]): RegressionData {
  const { labels, classes: C } = data;
  const rows = labels.length / C;
  const chosen = new Float32Array(rows * classes.length);
  for (let n = 0; n < rows; n++) {
    classes.forEach((c, i) => {
      chosen[n * classes.length + i] = labels[n * C + c]!;
    });
  }
  return { ...data, labels: chosen, classes: classes.length };
}

/** A random half of the samples; all of them without a key. */
function subset(data: RegressionData, key: readonly (string | number)[] | undefined): RegressionData {
  if (!key) return data;
  const { features, labels, weights, width, classes } = data;
  const rows = features.length / width;
  const chosen = randomFor(...key)
    .shuffle(indices(rows))
    .slice(0, Math.ceil(rows / 2));
  const gather = (values: Float32Array, size: number) => {
    const out = new Float32Array(chosen.length * size);
    chosen.forEach((n, i) => {
      out.set(values.subarray(n * size, (n + 1) * size), i * size);
    });
    return out;
  };
  return {
    features: gather(features, width),
    labels: gather(labels, classes),
    ...(weights && { weights: gather(weights, 1) }),
    width,
    classes,
  };
}

function meanOf(fits: readonly LinearLayer[]): LinearLayer {
  const mean = (arrays: readonly Float32Array[]) =>
    arrays[0]!.map((_, i) => arrays.reduce((sum, array) => sum + array[i]!, 0) / arrays.length);
  return { kernel: mean(fits.map(({ kernel }) => kernel)), bias: mean(fits.map(({ bias }) => bias)) };
}
