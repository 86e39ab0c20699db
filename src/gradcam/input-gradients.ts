import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { enableHigherOrderGradients } from '../autodiff/index.ts';
import { UsageError } from '../errors/index.ts';
import { type ForwardOptions, forward } from './attention-maps.ts';

export interface InputGradientOptions extends ForwardOptions {
  /** Which of several inputs is the image. @default 0 */
  imageInput?: number | undefined;
}

/**
 * Input gradients: ∂/∂x_b of a score of each image, as a differentiable function of the model's weights.
 *
 * May be called inside `tf.variableGrads`; a loss on the result is differentiated through the whole network a second
 * time, its max poolings included, which stock tfjs cannot do.
 *
 * Where a batch norm looks at the batch, the images are not independent: the derivative is that of the batch's sum of
 * scores.
 *
 * @param images `[B,H,W,c]`, or one tensor per model input
 * @param score from logits `[B,C]` to scores `[B]`, each of its own row
 * @returns `[B,H,W,c]`
 * @throws {UsageError} when there is no such input, or an input does not fit
 */
export function inputGradients(
  model: tfl.LayersModel,
  images: tf.Tensor | readonly tf.Tensor[],
  score: (logits: tf.Tensor2D) => tf.Tensor1D,
  { imageInput = 0, ...pass }: InputGradientOptions = {},
): tf.Tensor4D {
  enableHigherOrderGradients();
  const { inputs, image } = imageOf(images, imageInput);
  return tf.tidy(() => {
    const scores = (x: tf.Tensor) =>
      score(
        forward(
          model,
          inputs.map((input, i) => (i === imageInput ? x : input)),
          pass,
        ),
      );
    return tf.grad(scores)(image) as tf.Tensor4D;
  });
}

/**
 * The inputs as a list, and the image among them.
 *
 * @throws {UsageError} when there is no such input
 */
export function imageOf(
  images: tf.Tensor | readonly tf.Tensor[],
  imageInput: number,
): { inputs: readonly tf.Tensor[]; image: tf.Tensor } {
  const inputs = images instanceof tf.Tensor ? [images] : images;
  const image = inputs[imageInput];
  if (image === undefined) {
    throw new UsageError(
      `imageInput: must be below the number of inputs (${inputs.length}), was ${imageInput}`,
    );
  }
  return { inputs, image };
}
