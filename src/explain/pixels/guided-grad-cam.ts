import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { attentionMaps, type MapMethod, type Pair, upsampleMaps } from '../../gradcam/index.ts';
import { guidedBackpropagation } from './gradient-maps.ts';
import type { PixelOptions } from './options.ts';

export interface GuidedGradCamOptions extends PixelOptions {
  /** The class map; with `grad-cam++` it is Guided Grad-CAM++. @default 'grad-cam' */
  method?: MapMethod | undefined;
  /** How the map is brought to the image: `bilinear` as in the paper, or `nearest` as in Captum. @default 'bilinear' */
  interpolation?: 'bilinear' | 'nearest' | undefined;
}

/**
 * Guided Grad-CAM: guided backpropagation where the class map says that the class is.
 *
 *     E = Up(M^c) ⊙ R,   M the class map, R guided backpropagation
 *
 * (Selvaraju et al., Grad-CAM, ICCV 2017, section 3.2; for `grad-cam++` Chattopadhay et al., WACV 2018.) The map is neither
 * normalised nor clipped again.
 *
 * Good for: fine lines of the one class that is asked for. Fails: where the map is coarse, with the lines of whatever lies
 * beside the object; the lines themselves are those of guided backpropagation, with its faults.
 *
 * @param images [B,H,W,c], or one tensor per input; the map has to have as many axes
 * @returns [P,H,W,c]
 * @throws {UsageError}, ModelError for pairs, options or a model that does not fit
 */
export function guidedGradCam(
  model: tfl.LayersModel,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  { method = 'grad-cam', interpolation = 'bilinear', targetLayer, ...options }: GuidedGradCamOptions = {},
): tf.Tensor {
  return tf.tidy(() => {
    const pixels = guidedBackpropagation(model, images, pairs, options);
    const { output, target } = options;
    const { maps } = attentionMaps<tf.Tensor>(model, images, pairs, {
      method,
      targetLayer,
      output,
      target,
      differentiateWeights: false,
    });
    const size = pixels.shape.slice(1, -1);
    const resized = interpolation === 'nearest' ? nearest(maps, size) : upsampleMaps(maps, size);
    return tf.mul(pixels, tf.expandDims(resized, -1));
  });
}

/** Each pixel takes the value of the place that it lies in. */
function nearest(maps: tf.Tensor, size: readonly number[]): tf.Tensor {
  return size.reduce((resized, to, i) => {
    const from = maps.shape[i + 1]!;
    const places = Int32Array.from({ length: to }, (_, pixel) => Math.floor((pixel * from) / to));
    return tf.gather(resized, tf.tensor1d(places, 'int32'), i + 1);
  }, maps);
}
