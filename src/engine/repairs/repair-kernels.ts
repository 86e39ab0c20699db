import * as tf from '@tensorflow/tfjs-core';
import { kernelOnCpu } from './run-on-cpu.ts';

/**
 * Mends what a backend that is not ours lacks or gets wrong.
 */
export function repairKernels(backendName: 'tensorflow' | 'webgpu'): void {
  for (const { kernelName } of tf.getKernelsForBackend('cpu')) {
    if (!tf.getKernel(kernelName, backendName)) tf.registerKernel(kernelOnCpu(kernelName, backendName));
  }
}
