import * as tf from '@tensorflow/tfjs-core';
import { withoutGradient } from '../../autodiff/index.ts';
import type { FullRule } from './rules.ts';

/** A linear layer whose weights can be replaced: z = apply(x, W) + b. */
export interface LinearMap {
  /** Without bias and activation. */
  readonly apply: (x: tf.Tensor, weights: tf.Tensor) => tf.Tensor;
  readonly weights: tf.Tensor;
  /** [C]. */
  readonly bias: tf.Tensor | undefined;
}

/** A part of z: what `apply` makes of x under these weights. */
interface Part {
  readonly x: tf.Tensor;
  readonly weights: tf.Tensor;
}

/**
 * z + ε sign(z), with sign(0) = 1: never 0 when ε is not.
 *
 * The sign is a constant; at z = 0 the derivative is that from above.
 */
export function stabilized(z: tf.Tensor, epsilon: number): tf.Tensor {
  if (epsilon === 0) return z;
  const sign = withoutGradient(() => tf.sub(tf.mul(tf.cast(tf.greaterEqual(z, 0), 'float32'), 2), 1));
  return tf.add(z, tf.mul(sign, epsilon));
}

/**
 * Σ ∂fn(x)_i/∂x · s: one way back, through `fn` alone. The tape that is on knows how the inputs depend on each other (a
 * skip connection, the statistics of a batch); copies of them do not, and the outer gradient still reaches through.
 */
export function backThrough(
  fn: (...inputs: tf.Tensor[]) => tf.Tensor,
  inputs: readonly tf.Tensor[],
  s: tf.Tensor,
): tf.Tensor[] {
  return tf.grads(fn)(
    inputs.map((input) => tf.clone(input)),
    s,
  );
}

/** R_j = x ⊙ ∂(fn(x) · s)/∂x with s = R / (fn(x) + ε): the rule of what is linear and has no weights to be changed. */
export function shareAlong(
  fn: (...x: tf.Tensor[]) => tf.Tensor,
  x: tf.Tensor,
  relevance: tf.Tensor,
  epsilon: number,
): tf.Tensor {
  const s = tf.div(relevance, stabilized(fn(x), epsilon));
  return tf.mul(x, backThrough(fn, [x], s)[0]!);
}

/**
 * The relevance of what a linear layer reads, by a rule: see {@link RelevanceRule}.
 *
 * @param x what it reads
 * @param relevance R of what it answers
 * @param nonNegative whether x is known to have no negative values, which halves the work of most rules
 * @returns the shape of x; differentiable with respect to x, weights, bias and relevance
 */
export function shareByRule(
  { apply, weights, bias }: LinearMap,
  x: tf.Tensor,
  relevance: tf.Tensor,
  rule: FullRule,
  nonNegative: boolean,
): tf.Tensor {
  const { epsilon } = rule;
  const share = (parts: readonly Part[], offset: tf.Tensor | undefined) => {
    const values = parts.map((part) => apply(part.x, part.weights));
    const sum = values.reduce((a, b) => tf.add(a, b));
    const s = tf.div(relevance, stabilized(offset ? tf.add(sum, offset) : sum, epsilon));
    return parts
      .map((part) => tf.mul(part.x, backThrough((y) => apply(y!, part.weights), [part.x], s)[0]!))
      .reduce((a, b) => tf.add(a, b));
  };
  const positive = (tensor: tf.Tensor) => tf.relu(tensor);
  const negative = (tensor: tf.Tensor) => tf.neg(tf.relu(tf.neg(tensor)));
  const ofBias = (part: (tensor: tf.Tensor) => tf.Tensor) => bias && part(bias);
  /** Σ of the positive, or of the negative, contributions. */
  const signed = (sign: 'positive' | 'negative'): Part[] => {
    const [own, other] = sign === 'positive' ? [positive, negative] : [negative, positive];
    const straight = { x: positive(x), weights: own(weights) };
    return nonNegative
      ? [{ x, weights: own(weights) }]
      : [straight, { x: negative(x), weights: other(weights) }];
  };

  switch (rule.rule) {
    case 'epsilon':
      return share([{ x, weights }], bias);
    case 'gamma': {
      const { gamma } = rule;
      const offset = bias && tf.add(bias, tf.mul(positive(bias), gamma));
      if (nonNegative) {
        return share([{ x, weights: tf.add(weights, tf.mul(positive(weights), gamma)) }], offset);
      }
      const scaled = signed('positive').map((part) => ({ ...part, weights: tf.mul(part.weights, gamma) }));
      return share([{ x, weights }, ...scaled], offset);
    }
    case 'alpha-beta': {
      const { alpha } = rule;
      const speaksFor = share(signed('positive'), ofBias(positive));
      if (alpha === 1) return speaksFor;
      const against = share(signed('negative'), ofBias(negative));
      return tf.sub(tf.mul(speaksFor, alpha), tf.mul(against, alpha - 1));
    }
    case 'z-box': {
      // The parts of the bias cancel: b − b⁺ − b⁻ = 0.
      const parts = [{ x, weights }];
      const constant = (value: number) => tf.fill(x.shape, -value);
      if (rule.low !== 0) parts.push({ x: constant(rule.low), weights: positive(weights) });
      if (rule.high !== 0) parts.push({ x: constant(rule.high), weights: negative(weights) });
      return share(parts, undefined);
    }
    case 'w-square':
      return share([{ x: tf.onesLike(x), weights: tf.square(weights) }], undefined);
    case 'flat':
      return share([{ x: tf.onesLike(x), weights: tf.onesLike(weights) }], undefined);
  }
}
