import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError } from '../errors/index.ts';
import type { ForwardOptions } from './attention-maps.ts';
import { classKernel } from './methods/index.ts';
import { splitModel } from './split-model.ts';

export interface ClassActivationMapsOptions extends ForwardOptions {
  /** Path of the layer before the global pooling. @default 'auto' */
  targetLayer?: string | undefined;
}

/**
 * Class activation maps of all classes at once, not clipped.
 *
 *     M_bc = Σ_k W_kc A_b^k     (Zhou et al., "Learning Deep Features for Discriminative Localization",
 *                                CVPR 2016, arXiv 1512.04150, Eq 2)
 *
 * @param images [B,H,W,3], or one tensor per model input
 * @returns [B,h,w,C]; differentiable with respect to the weights of the model and the images
 * @throws {ModelError} when the head is not global average pooling and one dense layer
 */
export function classActivationMaps(
  model: tfl.LayersModel,
  images: tf.Tensor | readonly tf.Tensor[],
  { targetLayer = 'auto', output = 0, ...pass }: ClassActivationMapsOptions = {},
): tf.Tensor4D {
  const split = splitModel(model, targetLayer, { output });
  const kernel = classKernel(split);
  return tf.tidy(() => {
    const { activations } = split.features(images, pass);
    if (activations.rank !== 4) {
      throw new ModelError(
        `Model "${model.name}", layer "${split.target.path}": expected [batch, h, w, channels], ` +
          `found [${activations.shape.join(', ')}]`,
      );
    }
    if (kernel === undefined) return tf.clone(activations) as tf.Tensor4D;
    const [samples, h, w, channels] = (activations as tf.Tensor4D).shape;
    const pixels = tf.reshape(activations, [samples * h * w, channels]);
    return tf.reshape(tf.matMul(pixels, kernel), [samples, h, w, kernel.shape[1]]);
  });
}
