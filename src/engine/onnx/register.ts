import {
  getKernelsForBackend,
  type KernelFunc,
  type NamedTensorInfoMap,
  registerBackend,
  registerKernel,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import type { LazyNode } from './graph/lazy-node.ts';
import { elementwiseKernels } from './kernels/elementwise-kernels.ts';
import { indexingKernels } from './kernels/indexing-kernels.ts';
import type { Kernel, KernelTable } from './kernels/kernel.ts';
import { networkKernels } from './kernels/network-kernels.ts';
import { reductionKernels } from './kernels/reduction-kernels.ts';
import { shapeKernels } from './kernels/shape-kernels.ts';
import { axisOf } from './ops/axes.ts';
import { runOnCpu } from './runtime/cpu-fallback.ts';
import { isComputed, type OnnxBackend } from './runtime/onnx-backend.ts';

const TABLE: KernelTable = {
  ...elementwiseKernels,
  ...reductionKernels,
  ...shapeKernels,
  ...indexingKernels,
  ...networkKernels,
};

/** Kernels that give the same data another shape. */
const VIEWS: Record<string, (tensor: TensorInfo, attributes: Record<string, unknown>) => number[]> = {
  Identity: ({ shape }) => shape,
  Reshape: ({ shape }, { shape: target }) =>
    util.inferFromImplicitShape(target as number[], util.sizeFromShape(shape)),
  ExpandDims: ({ shape }, { dim }) => {
    const at = axisOf('expandDims', dim as number, shape.length + 1);
    return [...shape.slice(0, at), 1, ...shape.slice(at)];
  },
};

/** The names of the kernels that run on ONNX Runtime, sorted. */
export function supportedKernels(): string[] {
  return [...Object.keys(TABLE), ...Object.keys(VIEWS)].sort();
}

/** What the operators of a device leave out: volumes, and the places of a maximum. The cpu backend takes these. */
const HOST_KERNELS: readonly string[] = [
  'Conv3D',
  'Conv3DBackpropFilterV2',
  'Conv3DBackpropInputV2',
  'MaxPool3D',
  'MaxPool3DGrad',
  'AvgPool3D',
  'AvgPool3DGrad',
  'MaxPoolWithArgmax',
];

/** Registers the backend, its kernels, and for every other kernel the way to the cpu backend. */
export function registerBackendAndKernels(backendName: string, backend: OnnxBackend): void {
  registerBackend(backendName, () => backend, 10);
  for (const [kernelName, shapeOf] of Object.entries(VIEWS)) {
    registerKernel({ kernelName, backendName, kernelFunc: viewFunc(backend, kernelName, shapeOf) });
  }
  const onHost = (kernelName: string): boolean => backend.isDevice && HOST_KERNELS.includes(kernelName);
  for (const [kernelName, run] of Object.entries(TABLE)) {
    if (onHost(kernelName)) continue;
    registerKernel({ kernelName, backendName, kernelFunc: kernelFunc(backend, kernelName, run) });
  }
  for (const { kernelName } of getKernelsForBackend('cpu')) {
    if ((kernelName in TABLE && !onHost(kernelName)) || kernelName in VIEWS) continue;
    registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs, attrs }) => runOnCpu(backend, kernelName, inputs, attrs ?? {}),
    });
  }
}

function viewFunc(
  backend: OnnxBackend,
  kernelName: string,
  shapeOf: (tensor: TensorInfo, attributes: Record<string, unknown>) => number[],
): KernelFunc {
  const inputName = kernelName === 'ExpandDims' ? 'input' : 'x';
  return ({ inputs, attrs }) =>
    backend.inKernel(() => {
      const tensor = inputs[inputName]!;
      const shape = shapeOf(tensor, attrs ?? {});
      util.assert(
        util.sizeFromShape(shape) === util.sizeFromShape(tensor.shape),
        () =>
          `The new shape (${shape}) has ${util.sizeFromShape(shape)} elements and the old shape (${tensor.shape}) has ${util.sizeFromShape(tensor.shape)} elements. The new shape and old shape must have the same number of elements.`,
      );
      return backend.share(tensor, shape);
    });
}

function kernelFunc(backend: OnnxBackend, kernelName: string, run: Kernel): KernelFunc {
  return ({ inputs, attrs }) =>
    backend.inKernel(() => {
      const tensors = Object.values(inputs as NamedTensorInfoMap);
      const computed = tensors.every((tensor) => tensor == null || isComputed(tensor.dtype));
      const result = computed ? run(nodesOf(backend, inputs), attrs ?? {}) : null;
      if (result === null) return runOnCpu(backend, kernelName, inputs, attrs ?? {});
      return Array.isArray(result)
        ? result.map((node) => asTensor(backend, node))
        : asTensor(backend, result);
    });
}

function nodesOf(backend: OnnxBackend, inputs: NamedTensorInfoMap): LazyNode[] | Record<string, LazyNode> {
  if (Array.isArray(inputs)) return inputs.map((tensor: TensorInfo) => backend.node(tensor));
  const nodes: Record<string, LazyNode> = {};
  for (const [name, tensor] of Object.entries(inputs)) {
    if (tensor !== undefined && tensor !== null) nodes[name] = backend.node(tensor);
  }
  return nodes;
}

function asTensor(backend: OnnxBackend, node: LazyNode): TensorInfo {
  return backend.tensor(node);
}
