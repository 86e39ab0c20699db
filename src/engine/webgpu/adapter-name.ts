import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
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

/**
 * The fastest adapter by name. Where the package `webgpu` is missing the driver may still tell it; null where nobody
 * does.
 */
export async function adapterName(): Promise<AdapterName | null> {
  try {
    const name: string = 'webgpu';
    const dawn = (await import(name)) as DawnModule;
    const adapter = await dawn.create([]).requestAdapter({ powerPreference: 'high-performance' });
    return adapter === null ? null : nameAdapter(adapter);
  } catch {
    return nameByDriver();
  }
}

/** NVIDIA's driver for Linux names its cards; the first counts. */
function nameByDriver(): AdapterName | null {
  try {
    const folder = '/proc/driver/nvidia/gpus';
    const [card] = readdirSync(folder);
    const model = /^Model:\s*(.+)$/m.exec(readFileSync(join(folder, card!, 'information'), 'utf8'));
    return model && { name: model[1]!.trim(), isSoftware: false };
  } catch {
    return null;
  }
}
