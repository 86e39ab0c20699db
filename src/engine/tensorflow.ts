import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import { processorName } from './cpu.ts';
import { type EngineDescription, type EngineSettings, EngineUnavailable } from './engine-info.ts';
import { quietly } from './quiet.ts';
import { repairKernels } from './repairs/index.ts';

/** The native packages, in the order in which they are tried. */
export const tensorflowPackages = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

/** What the native packages add to a tfjs backend. */
interface NodeBackend extends tf.KernelBackend {
  isUsingGpuDevice: boolean;
  binding: { TF_Version?: string };
}

type ImportPackage = (name: string) => Promise<unknown>;

/** What the library was told when it was loaded: it listens only then. */
let loadedWith: Required<Omit<EngineSettings, 'onnx'>> | null = null;

/**
 * Loads TensorFlow's native backend: `tfjs-node-gpu`, else `tfjs-node`. Neither needs to be installed.
 *
 * @param options.threads threads of TensorFlow's thread pool, 0 for one per core
 * @param options.device number of the GPU to use
 * @param options.memoryGrowth whether to take the GPU's memory as it is needed
 * @param options.importPackage how a package is imported; replaced by tests
 * @throws EngineUnavailable one line with the reason of each package
 */
export async function loadTensorflow({
  threads = 0,
  device = null,
  memoryGrowth = true,
  importPackage = (name) => import(name),
}: EngineSettings & { importPackage?: ImportPackage } = {}): Promise<EngineDescription> {
  if (tf.engine().registryFactory.tensorflow === undefined) {
    setEnvironment({ threads, device, memoryGrowth });
    await importFirst(importPackage);
    repairKernels('tensorflow');
    loadedWith = { threads, device, memoryGrowth };
  }
  requireSameSettings({ threads, device });
  const backend = tf.findBackend('tensorflow') as NodeBackend | null;
  if (!backend) throw new EngineUnavailable('the native package loaded but registered no backend');
  return {
    name: 'tensorflow',
    backend: 'tensorflow',
    version: `TensorFlow ${backend.binding?.TF_Version ?? 'of unknown version'}`,
    threads: loadedWith?.threads || availableParallelism(),
    device: backend.isUsingGpuDevice ? `GPU ${loadedWith?.device ?? 0}` : processorName(),
  };
}

/** The native library reads all of these when it is loaded. What the user has set himself stays. */
function setEnvironment({ threads, device, memoryGrowth }: Required<Omit<EngineSettings, 'onnx'>>): void {
  if (device !== null && !/^\d+$/.test(device)) {
    throw new EngineUnavailable(`device: expected the number of a GPU, received "${device}"`);
  }
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  process.env.TF_FORCE_GPU_ALLOW_GROWTH ??= String(memoryGrowth);
  if (threads > 0) process.env.TF_NUM_INTRAOP_THREADS ??= String(threads);
  // nvidia-smi counts along the bus; CUDA by itself puts the fastest first.
  process.env.CUDA_DEVICE_ORDER ??= 'PCI_BUS_ID';
  if (device !== null) process.env.CUDA_VISIBLE_DEVICES ??= device;
}

function requireSameSettings({ threads, device }: { threads: number; device: string | null }): void {
  if (loadedWith === null) return;
  if (threads !== 0 && threads !== (loadedWith.threads || availableParallelism())) {
    throw new EngineUnavailable(
      `it runs on ${loadedWith.threads || availableParallelism()} threads already, and the number cannot change to ${threads} within a process`,
    );
  }
  if (device !== null && device !== loadedWith.device) {
    throw new EngineUnavailable(`it is loaded already, and cannot change to GPU ${device} within a process`);
  }
}

async function importFirst(importPackage: ImportPackage): Promise<void> {
  restoreRemovedNodeFunctions();
  const active = tf.engine().backendName;
  const reasons: string[] = [];
  for (const name of tensorflowPackages) {
    try {
      await quietly(() => importPackage(name));
      return;
    } catch (error) {
      reasons.push(reasonOf(name, error));
    } finally {
      // A native package makes itself the active backend; that is for startEngine to decide.
      if (active && tf.engine().backendName !== active) await tf.setBackend(active);
    }
  }
  throw new EngineUnavailable(reasons.join(', '));
}

/** Why a package did not load, in one line. */
function reasonOf(name: string, error: unknown): string {
  const short = name.replace('@tensorflow/', '');
  const { code, message } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  const firstLine = String(message ?? error)
    .split('\n', 1)[0]!
    .trim();
  if ((code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') && firstLine.includes(`'${name}'`)) {
    return `${short} is not installed`;
  }
  if (firstLine.includes('native addon module')) return `${short} is installed without its native part`;
  const library = /^(\S+\.so[.\d]*): cannot open shared object file/.exec(firstLine)?.[1];
  if (library) return `${short} needs the library ${library}, which is not found`;
  return `${short} cannot be loaded: ${firstLine}`;
}

/** Node 23 removed functions of `util` that tfjs-node 4.22 still calls: tensorflow/tfjs issue 8609. */
function restoreRemovedNodeFunctions(): void {
  const util = createRequire(import.meta.url)('node:util') as Record<string, unknown>;
  util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  util.isArray ??= Array.isArray;
}
