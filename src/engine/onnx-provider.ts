import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { OnnxProvider } from './onnx/index.ts';

/** What a provider is on this machine, found out in a process of its own. */
export interface ProviderCheck {
  /** The name of the adapter, where the package `webgpu` or the driver is there to tell it. */
  readonly device: string | null;
  readonly isSoftware: boolean;
  /** Largest difference of a gradient from the engine `cpu`, relative to the largest gradient of its weight. */
  readonly difference: number;
  /** Milliseconds of the gradients of a convolution that is worth a GPU: 16 images of 64x64, 64 channels. */
  readonly stepMs: number;
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
 * does, in less time than this, else the processor. So a software driver is never taken, with or without a name.
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
  const { isSoftware, difference, stepMs } = found;
  const device = found.device ?? 'a device of unknown name';
  if (isSoftware) return cpu(`WebGPU has only ${device}, a software driver`);
  if (!(difference < TOLERANCE)) return cpu(`gradients on ${device} differ by ${difference}`);
  const processor = await check('cpu');
  if (!('problem' in processor) && !(stepMs < processor.stepMs)) {
    return cpu(
      `${device} needs ${round(stepMs)} ms for what the processor does in ${round(processor.stepMs)}`,
    );
  }
  const gain =
    'problem' in processor ? '' : `, ${round(processor.stepMs / stepMs)} times as fast as the processor`;
  return { provider: 'webgpu', device: found.device, reason: `a GPU, whose gradients are right${gain}` };
}

const round = (value: number): number => Number(value.toPrecision(2));

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
