import * as tf from '@tensorflow/tfjs-core';
import { requireOption } from './schedules.ts';

/** What moves the weights. Equations as in PyTorch's `torch.optim`. */
export interface OptimizerSpec {
  readonly name: 'sgd' | 'adam' | 'adamw';
  readonly learningRate: number;
  /** Of sgd: share of the velocity that is kept. @default 0.9 */
  readonly momentum?: number;
  /** Of sgd: look ahead along the new velocity. @default false */
  readonly nesterov?: boolean;
  /** Of adam and adamw. @default 0.9 */
  readonly beta1?: number;
  /** Of adam and adamw. @default 0.999 */
  readonly beta2?: number;
  /** Of adam and adamw. @default 1e-8 */
  readonly epsilon?: number;
  /**
   * Of kernels only (rank 2 and higher; biases and the scales of normalisation are left alone): added to the
   * gradient by sgd and adam, taken off the weight by adamw. @default 0
   */
  readonly weightDecay?: number;
}

/** A named value of an optimizer's state, for checkpoints. */
export interface StateTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/**
 * Checks an optimizer's description that may come from untyped code.
 *
 * @throws {UsageError} naming the option, the rule and the value
 */
export function checkOptimizer(spec: OptimizerSpec): void {
  const {
    name,
    learningRate,
    momentum = 0.9,
    beta1 = 0.9,
    beta2 = 0.999,
    epsilon = 1e-8,
    weightDecay = 0,
  } = spec;
  requireOption(['sgd', 'adam', 'adamw'].includes(name), 'optimizer.name', 'sgd, adam or adamw', name);
  const shares = { momentum, beta1, beta2 };
  for (const [option, value] of Object.entries(shares)) {
    requireOption(value >= 0 && value < 1, `optimizer.${option}`, 'from 0 to below 1', value);
  }
  for (const [option, value] of Object.entries({ learningRate, weightDecay })) {
    const holds = Number.isFinite(value) && value >= 0;
    requireOption(holds, `optimizer.${option}`, 'a finite number of at least 0', value);
  }
  requireOption(epsilon > 0, 'optimizer.epsilon', 'above 0', epsilon);
}

/**
 * Moves variables along their gradients.
 *
 * - `sgd` (Sutskever et al. 2013): v ← μv + g; w ← w − η·v, or w − η·(g + μv) with Nesterov.
 * - `adam` (Kingma and Ba 2015): m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²;
 *   w ← w − η·m̂ / (√v̂ + ε), m̂ = m/(1−β₁ᵗ), v̂ = v/(1−β₂ᵗ).
 * - `adamw` (Loshchilov and Hutter 2019): the same with w ← w·(1 − ηλ) first.
 *
 * Everything that changes from step to step enters as a scalar tensor, never as a number inside an operation:
 * an engine that compiles the step sees the same graph each time.
 */
export class Optimizer {
  readonly #variables: readonly tf.Variable[];
  readonly #spec: Required<OptimizerSpec>;
  readonly #slots: readonly (readonly tf.Variable[])[];
  #updates = 0;

  constructor(variables: readonly tf.Variable[], spec: OptimizerSpec) {
    this.#variables = variables;
    this.#spec = {
      momentum: 0.9,
      nesterov: false,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      weightDecay: 0,
      ...(Object.fromEntries(
        Object.entries(spec).filter(([, value]) => value !== undefined),
      ) as OptimizerSpec),
    };
    const slots = spec.name === 'sgd' ? (this.#spec.momentum > 0 ? 1 : 0) : 2;
    this.#slots = Array.from({ length: slots }, () =>
      variables.map((variable) => tf.tidy(() => tf.variable(tf.zeros(variable.shape), false))),
    );
  }

  /** Updates made so far. */
  get updates(): number {
    return this.#updates;
  }

  /**
   * One update.
   *
   * @param gradients one per variable, in their order; null leaves the variable as it is.
   * @param factor of the schedule, on the learning rate.
   */
  apply(gradients: readonly (tf.Tensor | null)[], factor = 1): void {
    this.#updates++;
    const { name, learningRate, momentum, nesterov, beta1, beta2, weightDecay, epsilon } = this.#spec;
    tf.tidy(() => {
      const rate = learningRate * factor;
      const eta = tf.scalar(rate);
      const decay = tf.scalar(name === 'adamw' ? 1 - rate * weightDecay : weightDecay);
      // η·m̂/(√v̂ + ε) = η·√c₂/c₁ · m/(√v + ε·√c₂), with the corrections c₁, c₂ folded into two scalars.
      const correction1 = 1 - beta1 ** this.#updates;
      const correction2 = Math.sqrt(1 - beta2 ** this.#updates);
      const adamRate = tf.scalar((rate * correction2) / correction1);
      const adamEpsilon = tf.scalar(epsilon * correction2);

      this.#variables.forEach((variable, i) => {
        let gradient = gradients[i];
        if (!gradient) return;
        const decays = weightDecay > 0 && variable.rank > 1;
        if (decays && name !== 'adamw') gradient = tf.add(gradient, tf.mul(variable, decay));
        const base = decays && name === 'adamw' ? tf.mul(variable, decay) : variable;
        const [first, second] = this.#slots.map((slot) => slot[i]);
        if (name === 'sgd') {
          const velocity = first ? tf.add(tf.mul(first, momentum), gradient) : gradient;
          const step = nesterov ? tf.add(gradient, tf.mul(velocity, momentum)) : velocity;
          first?.assign(velocity);
          variable.assign(tf.sub(base, tf.mul(step, eta)));
          return;
        }
        const mean = tf.add(tf.mul(first!, beta1), tf.mul(gradient, 1 - beta1));
        const square = tf.add(tf.mul(second!, beta2), tf.mul(tf.square(gradient), 1 - beta2));
        first!.assign(mean);
        second!.assign(square);
        variable.assign(tf.sub(base, tf.div(tf.mul(mean, adamRate), tf.add(tf.sqrt(square), adamEpsilon))));
      });
    });
  }

  /** The state as host values, in a stable order. */
  async state(): Promise<{ updates: number; tensors: StateTensor[] }> {
    const tensors: StateTensor[] = [];
    for (const [s, slot] of this.#slots.entries()) {
      for (const [i, variable] of slot.entries()) {
        // A copy: an engine may hand out its own memory, which the next update would overwrite.
        const values = Float32Array.from(await variable.data());
        tensors.push({ name: `${s}/${i}`, shape: variable.shape, values });
      }
    }
    return { updates: this.#updates, tensors };
  }

  /**
   * Takes up a state that {@link Optimizer.state} gave.
   *
   * @throws {RangeError} when it belongs to other variables or another optimizer.
   */
  restore(state: { updates: number; tensors: readonly StateTensor[] }): void {
    const slots = this.#slots.flat();
    if (slots.length !== state.tensors.length) {
      throw new RangeError(`optimizer state holds ${state.tensors.length} tensors, expected ${slots.length}`);
    }
    slots.forEach((slot, k) => {
      const { name, shape, values } = state.tensors[k]!;
      if (shape.join() !== slot.shape.join()) {
        throw new RangeError(`optimizer state ${name} has shape [${shape}], expected [${slot.shape}]`);
      }
      tf.tidy(() => slot.assign(tf.tensor(values, slot.shape)));
    });
    this.#updates = state.updates;
  }

  dispose(): void {
    for (const slot of this.#slots.flat()) slot.dispose();
  }
}

/**
 * Scales gradients so that their global norm is at most `clipNorm`.
 *
 * g ← g · min(1, clipNorm / ‖g‖₂), ‖·‖₂ over all gradients together (Pascanu et al. 2013).
 *
 * @param gradients any shapes; null where a variable has none.
 */
export function clipByGlobalNorm(
  gradients: readonly (tf.Tensor | null)[],
  clipNorm: number,
): (tf.Tensor | null)[] {
  // The caller's tidy owns the results: a null among them is nothing that a tidy of our own could return.
  const squares = gradients.flatMap((gradient) => (gradient ? [tf.sum(tf.square(gradient))] : []));
  const norm = tf.sqrt(tf.addN(squares));
  const factor = tf.div(clipNorm, tf.maximum(norm, clipNorm));
  return gradients.map((gradient) => gradient && tf.mul(gradient, factor));
}
