import { EngineUnavailable } from '../engine-info.ts';

/** The little of WebGPU that this folder calls; the package `webgpu` is optional, so its types are not used. */
export interface GpuBuffer {
  readonly size: number;
  readonly mapState: 'unmapped' | 'pending' | 'mapped';
  mapAsync(mode: number): Promise<void>;
  getMappedRange(): ArrayBuffer;
  unmap(): void;
}

export interface GpuDevice {
  readonly lost: Promise<{ message: string }>;
  addEventListener(type: 'uncapturederror', listener: (event: { error: Error }) => void): void;
}

export interface GpuAdapter {
  readonly info: {
    readonly vendor: string;
    readonly architecture: string;
    readonly device: string;
    readonly description: string;
    readonly isFallbackAdapter?: boolean;
  };
  readonly limits: Readonly<Record<string, number>>;
  requestDevice(descriptor: { requiredLimits: Record<string, number> }): Promise<GpuDevice>;
}

export interface Gpu {
  requestAdapter(options: { powerPreference: 'high-performance' }): Promise<GpuAdapter | null>;
}

/** What the package `webgpu` exports. */
export interface DawnModule {
  create(options: string[]): Gpu;
  globals: Record<string, unknown>;
}

/** What tfjs's shaders may use more of than WebGPU promises everywhere; the adapter's own limits are asked for. */
const wantedLimits = [
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupSizeX',
  'maxComputeInvocationsPerWorkgroup',
];

/**
 * Opens a GPU through Dawn.
 *
 * @param name part of the adapter's name, as Dawn lists them; the fastest adapter when it is null
 * @throws EngineUnavailable when no driver offers an adapter, or none of that name
 */
export async function openDevice(dawn: DawnModule, name: string | null) {
  const gpu = dawn.create(name === null ? [] : [`adapter=${name}`]);
  let adapter: GpuAdapter | null;
  try {
    adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  } catch (error) {
    throw new EngineUnavailable(adapterMessage(error, name), { cause: error });
  }
  if (!adapter) throw new EngineUnavailable(adapterMessage(null, name));
  const { limits } = adapter;
  const device = await adapter.requestDevice({
    requiredLimits: Object.fromEntries(wantedLimits.map((limit) => [limit, limits[limit]!])),
  });
  // Dawn's answers leave the event loop one turn later; afterwards none is under way.
  await new Promise((resolve) => setImmediate(resolve));
  return { gpu, adapter, device };
}

function adapterMessage(error: unknown, name: string | null): string {
  const listed = [...String(error ?? '').matchAll(/backend: '(\w+)', name: '([^']*)'/g)].map(
    ([, backend, adapter]) => `${adapter} (${backend})`,
  );
  if (listed.length > 0) return `no adapter is named "${name}"; there are ${listed.join(', ')}`;
  if (name !== null) return `no adapter is named "${name}"`;
  return 'no adapter was found: it takes a driver for Vulkan, Metal or Direct3D 12';
}
