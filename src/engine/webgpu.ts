import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import { type EngineDescription, EngineUnavailable } from './engine-info.ts';
import { quietly } from './quiet.ts';
import { repairKernels } from './repairs/index.ts';
import {
  createSynchronousBackend,
  type DawnModule,
  type GpuAdapter,
  nameAdapter,
  openDevice,
  type WebGpuBackendClass,
} from './webgpu/index.ts';

const packages = { dawn: 'webgpu', backend: '@tensorflow/tfjs-backend-webgpu' };

/** Dawn lives as long as its `gpu` is referred to, and takes the process with it when that is collected. */
let started: { description: EngineDescription; device: string | null; gpu: unknown } | null = null;

/**
 * Loads tfjs's WebGPU backend on Dawn: any GPU with a Vulkan, Metal or Direct3D 12 driver.
 *
 * @param options.device part of the name of the adapter; null for the fastest
 * @param options.importPackage how a package is imported; replaced by tests
 * @throws EngineUnavailable when a package is missing or finds no adapter, or it runs already on another one
 */
export async function loadWebgpu({
  device = null,
  importPackage = (name) => import(name),
}: {
  device?: string | null;
  importPackage?: (name: string) => Promise<unknown>;
} = {}): Promise<EngineDescription> {
  if (!started) {
    started = { device, ...(await start(device, importPackage)) };
  }
  if (device !== null && device !== started.device) {
    throw new EngineUnavailable(
      `it runs on ${started.description.device} already, and cannot change to "${device}" within a process`,
    );
  }
  return started.description;
}

async function start(
  device: string | null,
  importPackage: (name: string) => Promise<unknown>,
): Promise<{ description: EngineDescription; gpu: unknown }> {
  const dawn = (await importOptional(packages.dawn, importPackage)) as DawnModule;
  // Imported before there is a `navigator.gpu`: it would register a backend that only a browser can read from.
  const { WebGPUBackend } = (await quietly(() => importOptional(packages.backend, importPackage))) as {
    WebGPUBackend: WebGpuBackendClass;
  };
  const { gpu, adapter, device: opened } = await openDevice(dawn, device);
  for (const [name, value] of Object.entries(dawn.globals)) {
    if (!(name in globalThis)) Object.assign(globalThis, { [name]: value });
  }
  const backend = withNavigator(gpu, () => createSynchronousBackend(WebGPUBackend, opened, adapter.info));
  tf.registerBackend('webgpu', () => backend);
  repairKernels('webgpu');
  const description: EngineDescription = {
    name: 'webgpu',
    backend: 'webgpu',
    version: `Dawn ${versionOf(packages.dawn)}`,
    threads: 1,
    device: describeAdapter(adapter),
  };
  return { description, gpu };
}

async function importOptional(
  name: string,
  importPackage: (name: string) => Promise<unknown>,
): Promise<unknown> {
  try {
    return await importPackage(name);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const firstLine = String(message).split('\n', 1)[0]!;
    const isMissing = code === 'ERR_MODULE_NOT_FOUND' && firstLine.includes(`'${name}'`);
    throw new EngineUnavailable(
      isMissing ? `${name} is not installed` : `${name} cannot be loaded: ${firstLine}`,
      { cause: error },
    );
  }
}

/** The backend's constructor asks whether there is a `navigator.gpu`; left in place it would keep Node alive. */
function withNavigator<T>(gpu: unknown, fn: () => T): T {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true, writable: true });
  try {
    return fn();
  } finally {
    if (before) Object.defineProperty(globalThis, 'navigator', before);
    else delete (globalThis as { navigator?: unknown }).navigator;
  }
}

function describeAdapter(adapter: GpuAdapter): string {
  const { name, isSoftware } = nameAdapter(adapter);
  return isSoftware ? `${name} (software)` : `GPU ${name}`;
}

function versionOf(name: string): string {
  const { version } = createRequire(import.meta.url)(`${name}/package.json`) as { version: string };
  return version;
}
