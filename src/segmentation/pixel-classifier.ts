import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { downsampleArea, upsampleBilinear } from '../autodiff/index.ts';
import { UsageError } from '../errors/index.ts';
import { layerOutputs } from '../gradcam/index.ts';
import { normals } from '../random/index.ts';

export interface PixelClassifierShape {
  /** C; the classifier also knows the background. */
  readonly classes: number;
  /** Layers of the network whose answers are read. */
  readonly layers: readonly string[];
  /** [H,W] of the network's input. */
  readonly imageSize: readonly [number, number];
  /** Largest side of the maps that the classifier answers. @default 96 */
  readonly resolution?: number;
  /** Channels of the two hidden stages and of the last. @default [40, 24, 16] */
  readonly channels?: readonly [number, number, number];
}

/**
 * Says of each pixel which class it shows, from the frozen features of a network and the image.
 *
 * Each layer's answer, scaled to unit spread, goes through a 1×1 convolution at its own size and is brought to half
 * the size of the result; their sum, rectified, through a 3×3 convolution; then, enlarged and beside the image,
 * through another and a 1×1 convolution to C + 1 scores. Only these few weights learn.
 */
export class PixelClassifier {
  readonly model: tfl.LayersModel;
  readonly shape: PixelClassifierShape;
  /** [height, width] of the answer. */
  readonly size: readonly [number, number];
  readonly weights: readonly tf.Variable[];
  readonly #scales: tf.Tensor[];
  readonly #half: readonly [number, number];

  /**
   * @param images some images of the set, `[N,H,W,3]`, to learn the spread of each channel from
   * @param seed of the first weights
   */
  constructor(model: tfl.LayersModel, shape: PixelClassifierShape, images: tf.Tensor4D, seed: number) {
    this.model = model;
    this.shape = shape;
    const { classes, imageSize, resolution = 96, channels = [40, 24, 16] } = shape;
    const factor = Math.min(1, resolution / Math.max(...imageSize));
    this.size = [even(imageSize[0] * factor), even(imageSize[1] * factor)];
    this.#half = [this.size[0] / 2, this.size[1] / 2];
    const features = tf.tidy(() => {
      const outputs = layerOutputs(model, images, shape.layers);
      return outputs.map((output) => {
        const { variance } = tf.moments(output, [0, 1, 2], true);
        return [tf.div(1, tf.add(tf.sqrt(variance), 1e-3)), output.shape.at(-1)!] as const;
      }) as unknown as tf.TensorContainer;
    }) as unknown as [tf.Tensor, number][];
    this.#scales = features.map(([scale]) => scale);
    const [first, second, third] = channels;
    let name = 0;
    const variable = (shape_: number[], fan: number) => {
      const values = normals(
        shape_.reduce((a, b) => a * b, 1),
        seed,
        'pixel classifier',
        name++,
      );
      const scale = Math.sqrt(2 / fan);
      return tf.tidy(() =>
        tf.variable(
          tf.tensor(
            values.map((v) => v * scale),
            shape_,
          ),
        ),
      );
    };
    const bias = (n: number) => tf.tidy(() => tf.variable(tf.zeros([n])));
    const total = features.reduce((sum, [, k]) => sum + k, 0);
    this.weights = [
      ...features.map(([, k]) => variable([1, 1, k, first], total)),
      bias(first),
      variable([3, 3, first, second], 9 * first),
      bias(second),
      variable([3, 3, second + 3, third], 9 * (second + 3)),
      bias(third),
      variable([1, 1, third, classes + 1], third * 4),
      bias(classes + 1),
    ];
  }

  /**
   * @param images `[B,H,W,3]`
   * @returns `[B,h,w,C+1]`, h×w is {@link size}; differentiable with respect to {@link weights}
   */
  scores(images: tf.Tensor4D): tf.Tensor4D {
    return tf.tidy(() => {
      const outputs = layerOutputs(this.model, images, this.shape.layers) as tf.Tensor4D[];
      const kernels = this.weights.slice(0, outputs.length) as tf.Tensor4D[];
      const [b1, k2, b2, k3, b3, k4, b4] = this.weights.slice(outputs.length) as unknown as [
        tf.Tensor,
        tf.Tensor4D,
        tf.Tensor,
        tf.Tensor4D,
        tf.Tensor,
        tf.Tensor4D,
        tf.Tensor,
      ];
      const parts = outputs.map((output, i) => {
        // Scaling channels, a 1×1 convolution and resizing are linear: the cheapest order is taken.
        const [, , channels, first] = kernels[i]!.shape;
        const kernel = tf.mul(kernels[i]!, tf.reshape(this.#scales[i]!, [1, 1, channels, 1])) as tf.Tensor4D;
        const small = output.shape[1]! <= this.#half[0] && output.shape[2]! <= this.#half[1];
        return small && first < channels * 2
          ? resized(tf.conv2d(output, kernel, 1, 'same'), this.#half)
          : tf.conv2d(resized(output, this.#half), kernel, 1, 'same');
      });
      const coarse = tf.relu(tf.add(tf.addN(parts), b1)) as tf.Tensor4D;
      const hidden = tf.relu(tf.add(tf.conv2d(coarse, k2, 1, 'same'), b2)) as tf.Tensor4D;
      const fine = tf.concat([resized(hidden, this.size), resized(images, this.size)], 3) as tf.Tensor4D;
      const last = tf.relu(tf.add(tf.conv2d(fine, k3, 1, 'same'), b3)) as tf.Tensor4D;
      return tf.add(tf.conv2d(last, k4, 1, 'same'), b4) as tf.Tensor4D;
    });
  }

  dispose(): void {
    tf.dispose([...this.weights, ...this.#scales]);
  }
}

/** @throws {UsageError} when a network has no layer to read */
export function requireLayers(layers: readonly string[]): void {
  if (layers.length === 0)
    throw new UsageError('segmentation: the network has no layer with a known size to read');
}

function even(value: number): number {
  return Math.max(2, 2 * Math.round(value / 2));
}

/** Bilinear where it grows, the mean where it shrinks: linear maps with exact gradients. */
function resized(x: tf.Tensor4D, [height, width]: readonly [number, number]): tf.Tensor4D {
  const [batch, h, w, channels] = x.shape;
  if (h === height && w === width) return x;
  const planes = tf.reshape(tf.transpose(x, [0, 3, 1, 2]), [batch * channels, h, w]) as tf.Tensor3D;
  const maps =
    h >= height && w >= width
      ? downsampleArea(planes, [height, width])
      : upsampleBilinear(planes, [height, width]);
  return tf.transpose(tf.reshape(maps, [batch, channels, height, width]), [0, 2, 3, 1]) as tf.Tensor4D;
}
