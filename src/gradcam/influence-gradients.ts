import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { enableHigherOrderGradients } from '../autodiff/index.ts';
import { forward } from './attention-maps.ts';
import { type InputGradientOptions, imageOf } from './input-gradients.ts';

/**
 * How the gradient of a loss for the weights, added up, moves with the pixels of the images.
 *
 *     u = ∂/∂x Σ_θ ∂L/∂θ      the sum over all trainable weights
 *
 * The influence function of a perturbed image with the identity in place of the inverse Hessian, towards a vector of
 * ones. A second derivative; a loss made of it is learned from by a third, which goes through the whole network.
 *
 * @param images `[B,H,W,c]`, or one tensor per model input
 * @param loss from logits `[B,C]` to a scalar
 * @returns `[B,H,W,c]`
 * @throws {UsageError} when there is no such input, or an input does not fit
 * @see Koh, Liang, "Understanding Black-box Predictions via Influence Functions", ICML 2017, arXiv 1703.04730
 */
export function influenceGradients(
  model: tfl.LayersModel,
  images: tf.Tensor | readonly tf.Tensor[],
  loss: (logits: tf.Tensor2D) => tf.Scalar,
  { imageInput = 0, ...pass }: InputGradientOptions = {},
): tf.Tensor4D {
  enableHigherOrderGradients();
  const { inputs, image } = imageOf(images, imageInput);
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  return tf.tidy(() => {
    const gradientSum = (x: tf.Tensor) => {
      const ofImages = () =>
        loss(
          forward(
            model,
            inputs.map((input, i) => (i === imageInput ? x : input)),
            pass,
          ),
        );
      const { grads } = tf.variableGrads(ofImages, variables);
      return tf.addN(variables.flatMap(({ name }) => (grads[name] ? [tf.sum(grads[name])] : [])));
    };
    return tf.grad(gradientSum)(image) as tf.Tensor4D;
  });
}
