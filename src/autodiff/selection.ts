import * as tf from '@tensorflow/tfjs-core';
import { type GradientRule, sumTo } from './gradient-rule.ts';
import { withoutGradient } from './tape.ts';

type Comparison = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

const zeros = (like: tf.Tensor) => () => tf.zeros(like.shape, 'float32');

const unaryStep: GradientRule = { inputs: ['x'], backward: (_dy, [x]) => ({ x: zeros(x) }) };

const binaryStep: GradientRule = {
  inputs: ['a', 'b'],
  backward: (_dy, [a, b]) => ({ a: zeros(a), b: zeros(b) }),
};

/** The smaller or larger of two tensors: `dy` goes to `a` where `aWins`, else to `b` (ties to `a`). */
const elementwiseExtremum = (aWins: Comparison): GradientRule => ({
  inputs: ['a', 'b'],
  backward: (dy, [a, b]) => {
    const toA = withoutGradient(() => tf.cast(aWins(a, b), 'float32'));
    return {
      a: () => sumTo(tf.mul(dy, toA), a.shape),
      b: () =>
        sumTo(
          tf.mul(
            dy,
            withoutGradient(() => tf.sub(1, toA)),
          ),
          b.shape,
        ),
    };
  },
});

/**
 * The largest or smallest element along axes: `dy` is shared equally by the n elements that reach it, 1/n each, so that
 * the slopes sum to 1 (as in PyTorch's `amax` and TensorFlow's `reduce_max`; tfjs gives each of them all of it).
 */
const reducedExtremum = (
  axesOf: (attrs: Record<string, number[]>) => number[] | undefined,
): GradientRule => ({
  inputs: ['x'],
  output: true,
  backward: (dy, [x, y], attrs) => ({
    x: () => {
      const axes = tf.util.parseAxisParam(axesOf(attrs) as number[], x.shape);
      const kept = x.shape.map((length: number, axis: number) => (axes.includes(axis) ? 1 : length));
      const share = withoutGradient(() => {
        const reached = tf.cast(tf.equal(x, tf.reshape(y, kept)), 'float32');
        // Where the largest is NaN nothing equals it: it is NaN for all.
        return tf.div(reached, tf.sum(reached, axes, true));
      });
      return tf.mul(tf.reshape(dy, kept), share);
    },
  }),
});

/** Comparisons have the derivative zero almost everywhere; what selects by them passes `dy` to what was selected. */
export const selectionRules: Record<string, GradientRule> = {
  ...Object.fromEntries(
    [
      tf.Equal,
      tf.NotEqual,
      tf.Greater,
      tf.GreaterEqual,
      tf.Less,
      tf.LessEqual,
      tf.LogicalAnd,
      tf.LogicalOr,
    ].map((kernelName) => [kernelName, binaryStep]),
  ),
  ...Object.fromEntries([tf.LogicalNot, tf.Any, tf.All].map((kernelName) => [kernelName, unaryStep])),

  [tf.Select]: {
    inputs: ['condition'],
    backward: (dy, [condition]) => {
      const chosen = withoutGradient(() => condition as tf.Tensor);
      return {
        condition: zeros(condition),
        t: () => tf.where(chosen, dy, tf.zerosLike(dy)),
        e: () => tf.where(chosen, tf.zerosLike(dy), dy),
      };
    },
  },

  [tf.ClipByValue]: {
    inputs: ['x'],
    backward: (dy, [x], { clipValueMin, clipValueMax }) => ({
      x: () =>
        tf.mul(
          dy,
          withoutGradient(() =>
            tf.cast(
              tf.logicalAnd(tf.greaterEqual(x, clipValueMin), tf.lessEqual(x, clipValueMax)),
              'float32',
            ),
          ),
        ),
    }),
  },

  [tf.Maximum]: elementwiseExtremum(tf.greaterEqual),
  [tf.Minimum]: elementwiseExtremum(tf.lessEqual),
  [tf.Max]: reducedExtremum((attrs) => attrs.reductionIndices),
  [tf.Min]: reducedExtremum((attrs) => attrs.axis),
};
