import * as tf from '@tensorflow/tfjs-core';
import { isRecording } from './tape.ts';

/** One derivative per input of the kernel, computed only when it is asked for. */
export type InputGradients = Record<string, () => tf.Tensor>;

/** What a rule wants to have kept from the forward pass, and how it turns `dy` into the derivatives. */
export interface GradientRule {
  /** Names of the kernel's inputs that `backward` receives. */
  inputs?: string[];
  /** Whether `backward` receives the kernel's output too, after the inputs. */
  output?: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: each rule knows the shapes and attributes of its kernel.
  backward(dy: tf.Tensor, saved: any[], attrs: any): InputGradients;
}

/** A rule in the form that tfjs registers. */
export function gradientConfig(kernelName: string, rule: GradientRule): tf.GradConfig {
  return {
    kernelName,
    inputsToSave: rule.inputs ?? [],
    outputsToSave: [rule.output ?? false],
    gradFunc: (dy, saved, attrs) => rule.backward(dy as tf.Tensor, saved, attrs),
  };
}

/**
 * The saved output of a kernel, in a form that can be differentiated again.
 *
 * tfjs writes the saved copy of an output on the tape BEFORE the kernel itself, so a later gradient takes it for a
 * constant and is silently wrong (tensorflow/tfjs issue 3252). While a tape is recording the output is therefore
 * computed again from the saved input; otherwise, in first-order training, the copy is as good and costs nothing.
 */
export function outputOf<T extends tf.Tensor>(saved: T, recompute: () => T): T {
  return isRecording() ? recompute() : saved;
}

/** Sums `tensor` down to `shape`, the shape that was broadcast to get it. */
export function sumTo(tensor: tf.Tensor, shape: number[]): tf.Tensor {
  if (tf.util.arraysEqual(tensor.shape, shape)) return tensor;
  const axes = tf.broadcast_util.getReductionAxes(shape, tensor.shape);
  return tf.reshape(axes.length > 0 ? tf.sum(tensor, axes) : tensor, shape);
}

/** Runs a kernel that has no public op, such as the gradient kernels. */
export function runKernel(
  name: string,
  inputs: Record<string, tf.Tensor>,
  attrs: Record<string, unknown>,
): tf.Tensor {
  return tf.engine().runKernel(name, inputs, attrs as tf.NamedAttrMap) as tf.Tensor;
}
