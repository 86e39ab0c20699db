import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';

const warned = new Set<string>();

/**
 * A kernel that runs on the cpu backend: its inputs are read and lent to that, its outputs are taken over. Slow, but
 * never wrong; said once per kernel.
 */
export function kernelOnCpu(kernelName: string, backendName: string): tf.KernelConfig {
  return {
    kernelName,
    backendName,
    kernelFunc: ({ inputs, attrs, backend }) => {
      if (!warned.has(kernelName)) {
        warned.add(kernelName);
        console.warn(`engine ${backendName}: kernel ${kernelName} runs on the (slow) cpu backend`);
      }
      const home = backend as tf.KernelBackend;
      const cpu = tf.findBackend('cpu');
      const lent: tf.TensorInfo[] = [];
      const lend = (tensor: tf.TensorInfo): tf.TensorInfo => {
        const { shape, dtype, dataId } = tensor;
        const copy = {
          shape,
          dtype,
          dataId: cpu.write(home.readSync(dataId), shape, dtype),
          rank: shape.length,
        };
        lent.push(copy);
        return copy;
      };
      const moved = Array.isArray(inputs)
        ? inputs.map(lend)
        : Object.fromEntries(
            Object.entries(inputs).map(([name, tensor]) => [name, tensor ? lendAny(tensor, lend) : tensor]),
          );
      const result = tf.getKernel(kernelName, 'cpu').kernelFunc({
        inputs: moved as tf.NamedTensorInfoMap,
        attrs: attrs ?? {},
        backend: cpu,
      });
      const take = ({ shape, dtype, dataId }: tf.TensorInfo): tf.TensorInfo => {
        const taken = { shape, dtype, dataId: home.write(cpu.readSync(dataId), shape, dtype) };
        cpu.disposeData(dataId);
        return taken;
      };
      const outputs = Array.isArray(result) ? result.map(take) : take(result);
      for (const { dataId } of lent) cpu.disposeData(dataId);
      return outputs;
    },
  };
}

function lendAny(tensor: unknown, lend: (tensor: tf.TensorInfo) => tf.TensorInfo): unknown {
  return Array.isArray(tensor) ? tensor.map(lend) : lend(tensor as tf.TensorInfo);
}
