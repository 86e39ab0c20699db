import * as tf from '@tensorflow/tfjs-core';
import { type GradientRule, outputOf, sumTo } from './gradient-rule.ts';
import { withoutGradient } from './tape.ts';

// Klambauer et al. 2017, the constants of tf.selu.
const SELU_SCALE = 1.0507009873554805;
const SELU_SCALE_ALPHA = 1.7580993408473768;

/** 1 where `condition(x)` holds, else 0; a constant of the gradient. */
const mask = (condition: () => tf.Tensor): tf.Tensor =>
  withoutGradient(() => tf.cast(condition(), 'float32'));

/** exp(x) where x is negative, 1 elsewhere; never overflows, also not in a branch that is masked away. */
const expOfNegativePart = (x: tf.Tensor): tf.Tensor => tf.exp(tf.minimum(x, 0));

/** A function whose slope is piecewise constant: dx = slope ⊙ dy, and the second derivative is zero. */
const piecewiseLinear = (slope: (x: tf.Tensor, attrs: { alpha: number }) => tf.Tensor): GradientRule => ({
  inputs: ['x'],
  backward: (dy, [x], attrs) => ({
    x: () =>
      tf.mul(
        dy,
        withoutGradient(() => slope(x, attrs)),
      ),
  }),
});

/**
 * Elementwise activations and the softmax family.
 *
 * The first derivatives are those of tfjs; what changes is that masks are constants (fewer nodes for the second
 * pass) and that outputs can be differentiated again.
 */
export const activationRules: Record<string, GradientRule> = {
  [tf.Relu]: piecewiseLinear((x) => tf.cast(tf.step(x), 'float32')),

  [tf.Relu6]: piecewiseLinear((x) => tf.cast(tf.mul(tf.lessEqual(x, 6), tf.step(x)), 'float32')),

  [tf.LeakyRelu]: piecewiseLinear((x, { alpha }) => {
    const positive = tf.cast(tf.greater(x, 0), 'float32');
    return tf.add(positive, tf.mul(tf.sub(1, positive), alpha));
  }),

  [tf.Prelu]: {
    inputs: ['x', 'alpha'],
    backward: (dy, [x, alpha]) => {
      const positive = mask(() => tf.greater(x, 0));
      const negative = withoutGradient(() => tf.sub(1, positive));
      return {
        x: () => tf.mul(dy, tf.add(positive, tf.mul(negative, alpha))),
        alpha: () => sumTo(tf.mul(dy, tf.mul(negative, x)), alpha.shape),
      };
    },
  },

  [tf.Elu]: {
    inputs: ['x'],
    backward: (dy, [x]) => ({ x: () => tf.mul(dy, expOfNegativePart(x)) }),
  },

  [tf.Selu]: {
    inputs: ['x'],
    backward: (dy, [x]) => ({
      x: () => {
        const positive = mask(() => tf.greater(x, 0));
        const negative = withoutGradient(() => tf.sub(1, positive));
        const negativeSlope = tf.mul(negative, tf.mul(expOfNegativePart(x), SELU_SCALE_ALPHA));
        return tf.mul(dy, tf.add(tf.mul(positive, SELU_SCALE), negativeSlope));
      },
    }),
  },

  [tf.Exp]: {
    inputs: ['x'],
    output: true,
    backward: (dy, [x, y]) => ({
      x: () =>
        tf.mul(
          dy,
          outputOf(y, () => tf.exp(x)),
        ),
    }),
  },

  [tf.Sigmoid]: {
    inputs: ['x'],
    output: true,
    backward: (dy, [x, saved]) => ({
      x: () => {
        const y = outputOf(saved, () => tf.sigmoid(x));
        // Not 1 - y, of which nothing is left where y rounds to 1.
        return tf.mul(dy, tf.mul(y, tf.sigmoid(tf.neg(x))));
      },
    }),
  },

  [tf.Tanh]: {
    inputs: ['x'],
    backward: (dy, [x]) => ({
      x: () => {
        // 1 - tanh(x)^2, without the difference that leaves nothing of it far from zero.
        const twice = tf.mul(x, 2);
        return tf.mul(dy, tf.mul(4, tf.mul(tf.sigmoid(twice), tf.sigmoid(tf.neg(twice)))));
      },
    }),
  },

  [tf.Erf]: {
    inputs: ['x'],
    backward: (dy, [x]) => ({
      x: () => {
        // exp(-x^2) as exp(-h^2) exp(-(x - h)(x + h)) with an h near x whose square is a float: x^2 alone is rounded.
        const h = withoutGradient(() => tf.clipByValue(tf.div(tf.round(tf.mul(x, 16)), 16), -16, 16));
        const square = withoutGradient(() => tf.exp(tf.neg(tf.square(h))));
        const rest = tf.exp(tf.neg(tf.mul(tf.sub(x, h), tf.add(x, h))));
        return tf.mul(dy, tf.mul(tf.mul(square, 2 / Math.sqrt(Math.PI)), rest));
      },
    }),
  },

  [tf.Softmax]: {
    inputs: ['logits'],
    output: true,
    backward: (dy, [logits, saved], { dim }: { dim: number }) => ({
      logits: () => {
        const y = outputOf(saved, () => tf.softmax(logits, dim));
        const dyTimesY = tf.mul(dy, y);
        return tf.sub(dyTimesY, tf.mul(tf.sum(dyTimesY, dim, true), y));
      },
    }),
  },

  [tf.Pow]: {
    inputs: ['a', 'b'],
    output: true,
    backward: (dy, [base, exponent, saved]) => ({
      a: () => {
        const b = tf.cast(exponent, 'float32');
        return sumTo(tf.mul(dy, tf.mul(b, tf.pow(base, tf.sub(b, 1)))), base.shape);
      },
      b: () => {
        const y = outputOf(saved, () => tf.pow(base, exponent));
        const positive = withoutGradient(() => tf.greater(base, 0));
        const logBase = tf.log(tf.where(positive, base, tf.onesLike(base)));
        return sumTo(tf.mul(dy, tf.mul(y, logBase)), exponent.shape);
      },
    }),
  },
};
