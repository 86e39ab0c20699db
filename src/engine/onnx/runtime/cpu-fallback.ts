import '@tensorflow/tfjs-backend-cpu';
import {
  type BackendValues,
  backend_util,
  type DataType,
  engine,
  getKernel,
  type KernelBackend,
  type NamedAttrMap,
  type NamedTensorInfoMap,
  type TensorInfo,
} from '@tensorflow/tfjs-core';
import type { OnnxBackend } from './onnx-backend.ts';

/** The cpu backend of TensorFlow.js: the reference implementation that stands in for missing kernels. */
function cpuBackend(): KernelBackend {
  const cpu = engine().findBackend('cpu') as KernelBackend & { firstUse?: boolean };
  cpu.firstUse = false; // It would advise to install tfjs-node, which this engine replaces.
  return cpu;
}

const warned = new Set<string>();

/**
 * Runs a kernel of the cpu backend on values of this engine: what is pending is computed, the values are
 * lent to the cpu backend, and its results are taken over. Slow, but never wrong; said once per kernel.
 */
export function runOnCpu(
  backend: OnnxBackend,
  kernelName: string,
  inputs: NamedTensorInfoMap,
  attrs: NamedAttrMap,
): TensorInfo | TensorInfo[] {
  const kernel = getKernel(kernelName, 'cpu');
  if (!warned.has(kernelName)) {
    warned.add(kernelName);
    console.warn(`engine onnx: kernel ${kernelName} runs on the (slow) cpu backend for these inputs`);
  }
  const cpu = cpuBackend();
  const lent: TensorInfo[] = [];
  const lend = (tensor: TensorInfo): TensorInfo => {
    const { shape, dtype } = tensor;
    const values = backend.values(tensor.dataId);
    const copy =
      dtype === 'complex64'
        ? lendComplex(cpu, values as Float32Array, shape)
        : written(cpu, values, shape, dtype);
    lent.push(copy);
    return copy;
  };
  const moved: unknown = Array.isArray(inputs)
    ? inputs.map(lend)
    : Object.fromEntries(Object.entries(inputs).map(([name, tensor]) => [name, lendAny(tensor, lend)]));
  const result = kernel.kernelFunc({ inputs: moved as NamedTensorInfoMap, attrs, backend: cpu });
  const take = (tensor: TensorInfo): TensorInfo => {
    const { shape, dtype } = tensor;
    const dataId = backend.write(cpu.readSync(tensor.dataId), shape, dtype);
    if ('dispose' in tensor) (tensor as { dispose(): void }).dispose();
    else cpu.disposeData(tensor.dataId);
    return { dataId, shape, dtype };
  };
  const outputs = Array.isArray(result) ? result.map(take) : take(result);
  for (const { dataId } of lent) cpu.disposeData(dataId);
  return outputs;
}

/** Some kernels of the cpu backend ask their inputs for the rank, as if these were tensors. */
function written(cpu: KernelBackend, values: BackendValues, shape: number[], dtype: DataType): TensorInfo {
  return { dataId: cpu.write(values, shape, dtype), shape, dtype, rank: shape.length } as TensorInfo;
}

/** The cpu backend makes a complex tensor of two real ones. */
function lendComplex(cpu: KernelBackend, values: Float32Array, shape: number[]): TensorInfo {
  const parts = backend_util.splitRealAndImagArrays(values);
  const real = written(cpu, parts.real, shape, 'float32');
  const imag = written(cpu, parts.imag, shape, 'float32');
  const result = getKernel('Complex', 'cpu').kernelFunc({ inputs: { real, imag }, attrs: {}, backend: cpu });
  cpu.disposeData(real.dataId);
  cpu.disposeData(imag.dataId);
  return result as TensorInfo;
}

/** An input may be absent, or itself a list (ragged tensors). */
function lendAny(tensor: unknown, lend: (tensor: TensorInfo) => TensorInfo): unknown {
  if (tensor === undefined || tensor === null) return tensor;
  return Array.isArray(tensor) ? tensor.map(lend) : lend(tensor as TensorInfo);
}
