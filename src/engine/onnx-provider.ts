import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { OnnxProvider } from './onnx/index.ts';

/** What a provider is on this machine, found out in a process of its own. */
export interface ProviderCheck {
  /** The name of the adapter, where the package `webgpu` is there to tell it. */
  readonly device: string | null;
  readonly isSoftware: boolean;
  /** Largest difference of a gradient from the engine `cpu`, relative to the largest gradient of its weight. */
  readonly difference: number;
}

export interface ChosenProvider {
  readonly provider: OnnxProvider;
  /** The name of the adapter; null on the processor, or where nobody tells it. */
  readonly device: string | null;
  /** Why this one, in a few words. */
  readonly reason: string;
}

/** Rounding stays below a hundredth of it. */
const TOLERANCE = 1e-3;
const SECONDS = 60;

/**
 * What `auto` means for the embedded engine: a real GPU by WebGPU where one answers and computes what the engine `cpu`
 * does, else the processor. A software driver is never taken: it is slower than the processor that it runs on.
 *
 * @param options.check replaced by tests
 */
export async function chooseProvider({
  offered,
  mayHaveGpu = hasGraphicsDevice(),
  check = checkProvider,
}: {
  offered: readonly OnnxProvider[];
  mayHaveGpu?: boolean;
  check?: (provider: OnnxProvider) => Promise<ProviderCheck | { problem: string }>;
}): Promise<ChosenProvider> {
  const cpu = (reason: string): ChosenProvider => ({ provider: 'cpu', device: null, reason });
  if (!offered.includes('webgpu')) return cpu('this build of ONNX Runtime has no WebGPU');
  if (!mayHaveGpu) return cpu('no graphics device');
  const found = await check('webgpu');
  if ('problem' in found) return cpu(`WebGPU: ${found.problem}`);
  const { device, isSoftware, difference } = found;
  if (device === null) return cpu('a GPU may be there, but without the package webgpu its name is not known');
  if (isSoftware) return cpu(`WebGPU has only ${device}, a software driver`);
  if (!(difference < TOLERANCE)) return cpu(`gradients on ${device} differ by ${difference}`);
  return { provider: 'webgpu', device, reason: 'a GPU, whose gradients are right' };
}

/** Whether it is worth asking: on Linux a GPU has a device file; elsewhere every machine that draws has one. */
function hasGraphicsDevice(): boolean {
  if (process.platform !== 'linux') return true;
  return ['/dev/dri', '/dev/nvidia0', '/dev/dxg'].some((path) => existsSync(path));
}

/** Tries a provider in a process of its own, since a driver may take its process with it. */
export function checkProvider(provider: OnnxProvider): Promise<ProviderCheck | { problem: string }> {
  const worker = new URL(`./onnx-provider-worker${extname(import.meta.url)}`, import.meta.url);
  return new Promise((resolve) => {
    const child = fork(fileURLToPath(worker), [provider], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      timeout: SECONDS * 1000,
    });
    let answer: ProviderCheck | { problem: string } | undefined;
    child.on('message', (message) => {
      answer = message as ProviderCheck | { problem: string };
    });
    child.on('close', (status, signal) =>
      resolve(answer ?? { problem: `its process ended with ${signal ?? status}` }),
    );
  });
}
