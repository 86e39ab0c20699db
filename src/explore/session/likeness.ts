import * as tf from '@tensorflow/tfjs-core';
import { upsampleBilinear } from '../../autodiff/index.ts';
import { UsageError } from '../../errors/index.ts';
import { lastLayersBySize, layerOutputs } from '../../gradcam/index.ts';
import { type Looked, shapeOfImages } from '../look/index.ts';

/** Radius, in pixels of the image, of the spot whose features stand for the object. */
const spot = 1.5;

/**
 * How unlike each pixel of an image is to the one that was clicked, by the network's own features: the layers that the
 * pixel classifier of the cure reads (`lastLayersBySize`), each scaled to unit spread per channel and resized to the
 * image, and the colours of the image beside them.
 *
 *     d(p) = mean over layers of  ‖f(p) − f(spot)‖ / its mean over the image
 *
 * A region is what is connected to the click and below a tolerance; the page draws that line.
 *
 * @param at [y, x] of the click
 * @returns [H·W], 0 at the spot, 1 at the most unlike pixel
 * @throws {UsageError} for a place outside of the image
 */
export async function likenessOf(
  subject: Looked,
  pixels: Float32Array,
  [y, x]: readonly [number, number],
): Promise<Float32Array> {
  const [height, width, channels] = shapeOfImages(subject);
  if (y >= height || x >= width) {
    throw new UsageError(`the image has ${height}x${width} pixels, there is none at ${y}, ${x}`);
  }
  const near = spotAt(height, width, y, x);
  const distance = tf.tidy(() => {
    const image = tf.tensor4d(pixels, [1, height, width, channels]);
    const weights = tf.tensor4d(near, [1, height, width, 1]);
    const answers = [image, ...layerOutputs(subject.model, image, lastLayersBySize(subject.model))];
    const each = answers.map((answer) => {
      const { mean, variance } = tf.moments(answer, [1, 2], true);
      const scaled = tf.div(tf.sub(answer, mean), tf.add(tf.sqrt(variance), 1e-3)) as tf.Tensor4D;
      const whole = resized(scaled, height, width);
      const seed = tf.sum(tf.mul(whole, weights), [1, 2], true);
      const far = tf.sqrt(tf.sum(tf.square(tf.sub(whole, seed)), 3));
      return tf.div(far, tf.add(tf.mean(far), 1e-6));
    });
    const all = tf.div(tf.addN(each), each.length);
    const least = tf.min(all);
    return tf.div(tf.sub(all, least), tf.add(tf.sub(tf.max(all), least), 1e-6));
  });
  const values = Float32Array.from(await distance.data());
  distance.dispose();
  return values;
}

function resized(x: tf.Tensor4D, height: number, width: number): tf.Tensor4D {
  const [batch, h, w, channels] = x.shape;
  if (h === height && w === width) return x;
  const planes = tf.reshape(tf.transpose(x, [0, 3, 1, 2]), [batch * channels, h, w]) as tf.Tensor3D;
  const maps = upsampleBilinear(planes, [height, width]);
  return tf.transpose(tf.reshape(maps, [batch, channels, height, width]), [0, 2, 3, 1]) as tf.Tensor4D;
}

/** [H·W] of weights that add to 1. */
function spotAt(height: number, width: number, y: number, x: number): Float32Array {
  const weights = new Float32Array(height * width);
  let sum = 0;
  for (let v = 0; v < height; v++) {
    for (let u = 0; u < width; u++) {
      if ((v - y) ** 2 + (u - x) ** 2 > spot ** 2) continue;
      weights[v * width + u] = 1;
      sum++;
    }
  }
  return weights.map((value) => value / sum);
}
