import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { ModelError } from '../errors/index.ts';
import { ChannelOrder } from './layers/index.ts';
import { rebuildModel } from './rebuild-model.ts';

/** What a network expects of pixels that come in [0,1]: x' = (x - mean) / std, per channel. */
export interface Standardization {
  mean: number[];
  std: number[];
}

/** The scalings that have a name. */
export const inputScalings = ['zero-one', 'minus-one-one', 'imagenet', 'zero-255', 'caffe'] as const;

export type InputScaling = (typeof inputScalings)[number] | Standardization;

/** Mean and standard deviation of ImageNet's training images, as torchvision's weights expect them. */
const imagenet: Standardization = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/**
 * Lets a model take pixels in [0,1], whatever it was trained on: puts a fixed layer `input_scaling` before it
 * (tfjs's own `Rescaling`, so that stock tfjs loads the saved model). What is done to
 * images outside of the model, masking above all, is then always done to pixels in [0,1].
 *
 * @param scaling `zero-one`: as they are; `minus-one-one`: 2 x - 1; `imagenet`: standardised; `zero-255`: 255 x;
 *   `caffe`: blue first, from 0 to 255, less ImageNet's mean (keras.applications' VGG and ResNet); or mean and std
 * @returns the model itself for `zero-one`, otherwise a new one with copies of its layers
 * @throws {ModelError} when mean or std do not fit the channels
 */
export function withInputScaling(model: tfl.LayersModel, scaling: InputScaling): tfl.LayersModel {
  if (scaling === 'zero-one') return model;
  return rebuildModel(model, {
    afterInput: (image) => {
      const input = scaling === 'caffe' ? blueFirst(image) : image;
      const layer = tfl.layers.rescaling({
        name: 'input_scaling',
        ...rescaling(scaling, input.shape.at(-1)!),
      });
      return layer.apply(input) as tfl.SymbolicTensor;
    },
  });
}

/**
 * The same on pixels, for networks that take no layer: differentiable.
 *
 * @param pixels [B,H,W,C] in [0,1]
 * @throws {ModelError} when mean or std do not fit the channels
 */
export function scaledPixels(pixels: tf.Tensor4D, scaling: InputScaling): tf.Tensor4D {
  if (scaling === 'zero-one') return tf.clone(pixels);
  const channels = pixels.shape[3];
  return tf.tidy(() => {
    if (scaling === 'caffe' && channels !== 3) {
      throw new ModelError(`Input scaling "caffe" needs 3 channels, the model has ${channels}`);
    }
    const ordered = scaling === 'caffe' ? tf.concat(tf.split(pixels, 3, 3).reverse(), 3) : pixels;
    const { scale, offset } = rescaling(scaling, channels);
    const each = (value: number | number[]) => (typeof value === 'number' ? value : tf.tensor1d(value));
    return tf.add(tf.mul(ordered, each(scale)), each(offset)) as tf.Tensor4D;
  });
}

/** @throws {ModelError} when the image is not of three colours */
function blueFirst(image: tfl.SymbolicTensor): tfl.SymbolicTensor {
  const channels = image.shape.at(-1);
  if (channels !== 3)
    throw new ModelError(`Input scaling "caffe" needs 3 channels, the model has ${channels}`);
  return new ChannelOrder({ name: 'blue_first', order: [2, 1, 0] }).apply(image) as tfl.SymbolicTensor;
}

function rescaling(scaling: Exclude<InputScaling, 'zero-one'>, channels: number) {
  if (scaling === 'minus-one-one') return { scale: 2, offset: -1 };
  if (scaling === 'zero-255') return { scale: 255, offset: 0 };
  if (scaling === 'caffe') return { scale: 255, offset: [-103.939, -116.779, -123.68] as unknown as number };
  const { mean, std } = scaling === 'imagenet' ? imagenet : scaling;
  if (mean.length !== channels || std.length !== channels || !std.every((s) => s > 0)) {
    throw new ModelError(
      `Input scaling needs a mean and a positive std for each of ${channels} channels, ` +
        `received mean [${mean}], std [${std}]`,
    );
  }
  // The layer multiplies tensors, so that it takes a value per channel; its type knows only a number.
  return {
    scale: std.map((s) => 1 / s) as unknown as number,
    offset: mean.map((m, i) => -m / std[i]!) as unknown as number,
  };
}
