import * as tf from '@tensorflow/tfjs-core';
import { withExplicitPadding } from './explicit-padding.ts';
import { kernelOnCpu } from './run-on-cpu.ts';

/**
 * Mends what a backend that is not ours lacks or gets wrong, once it is registered. What it takes was found by
 * running the table of derivatives on it (`npm run test:engine -- NAME`), which is also how to see that a repair
 * is still needed.
 */
export function repairKernels(backendName: 'tensorflow' | 'webgpu'): void {
  for (const { kernelName } of tf.getKernelsForBackend('cpu')) {
    if (!tf.getKernel(kernelName, backendName)) tf.registerKernel(kernelOnCpu(kernelName, backendName));
  }
  for (const kernel of repairs[backendName]()) {
    tf.unregisterKernel(kernel.kernelName, backendName);
    tf.registerKernel(kernel);
  }
}

const repairs = {
  tensorflow: () => withExplicitPadding('tensorflow'),
  webgpu: () => [padOfHighRank('webgpu')],
};

/** WGSL has no vectors of more than four: the shader of `tf.pad` does not compile for ranks above. */
function padOfHighRank(backendName: string): tf.KernelConfig {
  const stock = tf.getKernel(tf.PadV2, backendName);
  const slow = kernelOnCpu(tf.PadV2, backendName);
  return {
    ...stock,
    kernelFunc: (call) => (call.inputs.x!.shape.length > 4 ? slow : stock).kernelFunc(call),
  };
}
