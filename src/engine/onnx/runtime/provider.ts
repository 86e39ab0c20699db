import type { NativeRuntime } from './native-runtime.ts';

/** What ONNX Runtime computes with: the processor, or a device by one of its interfaces. */
export const onnxProviders = ['cpu', 'webgpu', 'cuda', 'coreml', 'dml'] as const;

export type OnnxProvider = (typeof onnxProviders)[number];

/** The providers that the installed build of ONNX Runtime has within its package. */
export function offeredProviders(runtime: Pick<NativeRuntime, 'providers'>): OnnxProvider[] {
  return onnxProviders.filter((provider) => runtime.providers.includes(provider));
}

/** Whether values stay on the device from run to run: the Node binding gives buffers of a device for one only. */
export function keepsValues(provider: OnnxProvider): boolean {
  return provider === 'webgpu';
}
