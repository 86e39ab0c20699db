import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import type { Pair } from '../../gradcam/index.ts';
import type { PixelOptions } from './options.ts';
import { attributeNow, pixelProblem } from './pixel-gradients.ts';
import type { ReluRule } from './relu-rules.ts';
import type { GraphModel } from './scorer.ts';

/**
 * The gradient of the score: how much it changes with each pixel.
 *
 *     E = ∂s^c/∂x
 *
 * (Simonyan, Vedaldi & Zisserman, "Deep Inside Convolutional Networks", ICLR workshop 2014, arXiv 1312.6034, section 3;
 * the paper shows max_channel |E|.)
 *
 * Good for: the truth about the network around x; it is what all others build on. Fails: it is noisy, as the network's
 * slope is, and says what a small change would do, not what the object contributed: where the score is saturated, that
 * is nothing.
 *
 * @param model a layers-model, or a graph-model whose operations have derivatives
 * @param images [B,H,W,c], or one tensor per input
 * @returns [P,H,W,c]
 * @throws {UsageError}, ModelError for pairs, options or a model that does not fit
 */
export function gradientMaps(
  model: tfl.LayersModel | GraphModel,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  options: PixelOptions = {},
): tf.Tensor {
  return backwards(model, images, pairs, options, 'gradient');
}

/**
 * Guided backpropagation: the gradient, where each ReLU lets through only what is positive in both directions.
 *
 *     R_l = R_{l+1} · [x_l > 0] · [R_{l+1} > 0]   at each ReLU, R at the input is the result
 *
 * (Springenberg et al., "Striving for Simplicity", ICLR workshop 2015, arXiv 1412.6806, section 3.4.)
 *
 * Good for: sharp pictures of what the units downstream of a strong unit react to. Fails: it recovers edges of the image more
 * than it explains the class, changes little from class to class, and passes no sanity check on random weights
 * (Adebayo et al., NeurIPS 2018; Nie et al., ICML 2018). Multiplied with a class map it shows the class: see
 * `guidedGradCam`.
 *
 * @param images [B,H,W,c], or one tensor per input
 * @returns [P,H,W,c]
 * @throws {UsageError}, ModelError for pairs, options or a model that does not fit
 */
export function guidedBackpropagation(
  model: tfl.LayersModel,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  options: PixelOptions = {},
): tf.Tensor {
  return backwards(model, images, pairs, options, 'guided');
}

/**
 * The deconvolution network: the network run backwards from a unit, its ReLUs applied to what comes back.
 *
 *     unpool with the recorded switches, R = max(0, R), transposed filters; once per layer
 *
 * (Zeiler & Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014, arXiv 1311.2901, section 2.1.)
 * Transposed filters and unpooling at the recorded maxima are what backpropagation does at convolutions and max poolings;
 * only the ReLUs differ, which here look at what comes back and not at what went forward. From a class score the
 * signal that starts is 1, from a unit `target: { layer, score }` it is the derivative of `score`.
 *
 * Good for: what pattern in this image made a unit of an inner layer answer. Fails: from a class score, where it knows the
 * image only by the switches; without max pooling it knows nothing of it (Springenberg et al. 2015).
 *
 * @param images [B,H,W,c], or one tensor per input
 * @returns [P,H,W,c]
 * @throws {UsageError}, ModelError for pairs, options or a model that does not fit
 */
export function deconvolution(
  model: tfl.LayersModel,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  options: PixelOptions = {},
): tf.Tensor {
  return backwards(model, images, pairs, options, 'deconvolution');
}

function backwards(
  model: tfl.LayersModel | GraphModel,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  options: PixelOptions,
  rule: ReluRule,
): tf.Tensor {
  const problem = pixelProblem(model, images, pairs, options, rule);
  return attributeNow(problem, (batch) => problem.gradientAt(batch, problem.rowsOf(batch)));
}
