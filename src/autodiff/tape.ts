import * as tf from '@tensorflow/tfjs-core';

/** The part of the tfjs engine's state that decides what is written on the gradient tape. */
interface TapeState {
  gradientDepth: number;
  kernelDepth: number;
  activeTape: { saved?: tf.Tensor[] }[] | null;
}

const tapeState = (): TapeState => tf.engine().state as unknown as TapeState;

/** True while operations are being written on a gradient tape, as they are inside `tf.grad(f)` and friends. */
export function isRecording(): boolean {
  const { gradientDepth, kernelDepth } = tapeState();
  return gradientDepth > 0 && kernelDepth === 0;
}

/**
 * Runs `fn` isolated from every gradient tape around it.
 *
 * To the gradients outside, the result is a constant; inside, `tf.grad` and friends work on a tape of their own,
 * as if nothing were recorded around them. Intermediate tensors are disposed, and the outer tape goes on as
 * before even when `fn` throws.
 *
 * @param fn a synchronous function
 * @returns what `fn` returned; a tensor from outside is returned as a detached copy that shares its values
 */
export function withoutGradient<T extends tf.TensorContainer>(fn: () => T): T {
  const state = tapeState();
  const { gradientDepth, kernelDepth, activeTape } = state;
  Object.assign(state, { gradientDepth: 0, kernelDepth: 0, activeTape: null });
  try {
    return tf.tidy(() => {
      const { nextTensorId } = tf.engine() as unknown as { nextTensorId(): number };
      const marker = nextTensorId();
      return detach(fn(), marker) as T;
    });
  } finally {
    // A gradient that was cut off by an exception leaves the tensors that it saved behind.
    for (const node of state.activeTape ?? []) tf.dispose(node.saved ?? []);
    Object.assign(state, { gradientDepth, kernelDepth, activeTape });
  }
}

/** Copies the tensors that are older than `marker`: they may be on an outer tape, newer ones cannot be. */
function detach(value: tf.TensorContainer, marker: number): tf.TensorContainer {
  if (value instanceof tf.Tensor) return value.id < marker ? tf.clone(value) : value;
  if (Array.isArray(value)) return value.map((item) => detach(item, marker));
  if (value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, detach(item, marker)]));
  }
  return value;
}

/** The same values, as a constant of the gradient. */
export function constant<T extends tf.Tensor>(tensor: T): T {
  return withoutGradient(() => tensor as tf.TensorContainer) as T;
}
