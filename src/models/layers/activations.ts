import type { serialization } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';

type Pointwise = (x: tf.Tensor) => tf.Tensor;

const hardSigmoid: Pointwise = (x) => tf.div(tf.minimum(tf.relu(tf.add(x, 3)), 6), 6);
const softThreshold: Pointwise = (x) => tf.sub(tf.relu(tf.sub(x, 0.5)), tf.relu(tf.sub(tf.neg(x), 0.5)));

/**
 * Activations that Keras and PyTorch have and tfjs has not, by the names under which a layer's config names them.
 * Made of ops whose derivatives exist to any order.
 */
export const extraActivations = {
  /** min(max(x + 3, 0), 6) / 6, as Keras 3 and PyTorch have it; tfjs's `hardSigmoid` is Keras 2's, 0.2 x + 0.5. */
  hardSigmoid6: hardSigmoid,
  /** x · min(max(x + 3, 0), 6) / 6 (Howard et al. 2019, MobileNet v3). */
  hardSwish: (x) => tf.mul(x, hardSigmoid(x)),
  exponential: (x) => tf.exp(x),
  leakyRelu: (x) => tf.leakyRelu(x, 0.2),
  celu: (x) => tf.elu(x),
  /** −softplus(−x). */
  logSigmoid: (x) => tf.neg(tf.softplus(tf.neg(x))),
  hardTanh: (x) => tf.maximum(tf.minimum(x, 1), -1),
  tanhShrink: (x) => tf.sub(x, tf.tanh(x)),
  softShrink: softThreshold,
  /** (x + √(x² + 4)) / 2. */
  squareplus: (x) => tf.div(tf.add(x, tf.sqrt(tf.add(tf.square(x), 4))), 2),
} satisfies Record<string, Pointwise>;

export type ExtraActivation = keyof typeof extraActivations;

for (const [name, apply] of Object.entries(extraActivations)) {
  class Extra extends tf.serialization.Serializable {
    static readonly className = name;
    apply(x: tf.Tensor): tf.Tensor {
      return tf.tidy(() => apply(x));
    }
    getConfig(): serialization.ConfigDict {
      return {};
    }
  }
  tf.serialization.registerClass(Extra);
}
