export { type AdapterName, adapterName, nameAdapter } from './adapter-name.ts';
export { type DawnModule, type GpuAdapter, openDevice } from './dawn.ts';
export { createSynchronousBackend, type WebGpuBackendClass } from './synchronous-backend.ts';
