import type { DawnModule, GpuAdapter } from './dawn.ts';

export interface AdapterName {
  /** As people call it. */
  readonly name: string;
  /** Whether it is the processor that computes behind it. */
  readonly isSoftware: boolean;
}

export function nameAdapter({ info }: Pick<GpuAdapter, 'info'>): AdapterName {
  const name = info.description || info.device || [info.vendor, info.architecture].filter(Boolean).join(' ');
  const isSoftware = /swiftshader|llvmpipe|lavapipe|basic render/i.test(name);
  return { name, isSoftware: isSoftware || info.isFallbackAdapter === true };
}

/** The fastest adapter by name, or null where the package `webgpu` or a driver is missing. */
export async function adapterName(): Promise<AdapterName | null> {
  try {
    const name: string = 'webgpu';
    const dawn = (await import(name)) as DawnModule;
    const adapter = await dawn.create([]).requestAdapter({ powerPreference: 'high-performance' });
    return adapter === null ? null : nameAdapter(adapter);
  } catch {
    return null;
  }
}
