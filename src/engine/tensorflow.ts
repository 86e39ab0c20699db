import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import { processorName } from './cpu.ts';
import { type EngineDescription, EngineUnavailable } from './engine-info.ts';
import { quietly } from './quiet.ts';

/** The native packages, in the order in which they are tried. */
export const tensorflowPackages = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

/** What the native packages add to a tfjs backend. */
interface NodeBackend extends tf.KernelBackend {
  isUsingGpuDevice: boolean;
  binding: { TF_Version?: string };
}

type ImportPackage = (name: string) => Promise<unknown>;

/**
 * Loads TensorFlow's native backend: `tfjs-node-gpu`, else `tfjs-node`. Neither needs to be installed.
 *
 * @param options.threads threads of TensorFlow's thread pool, 0 for one per core
 * @param options.importPackage how a package is imported; replaced by tests
 * @throws EngineUnavailable one line with the reason of each package
 */
export async function loadTensorflow({
  threads = 0,
  importPackage = (name) => import(name),
}: {
  threads?: number;
  importPackage?: ImportPackage;
} = {}): Promise<EngineDescription> {
  if (tf.engine().registryFactory.tensorflow === undefined) {
    await importFirst(importPackage, threads);
  }
  const backend = tf.findBackend('tensorflow') as NodeBackend | null;
  if (!backend) throw new EngineUnavailable('the native package loaded but registered no backend');
  return {
    name: 'tensorflow',
    backend: 'tensorflow',
    version: `TensorFlow ${backend.binding?.TF_Version ?? 'of unknown version'}`,
    threads: threads || availableParallelism(),
    device: backend.isUsingGpuDevice ? 'GPU' : processorName(),
  };
}

async function importFirst(importPackage: ImportPackage, threads: number): Promise<void> {
  restoreRemovedNodeFunctions();
  // Both are read by the native library when it is loaded: no chatter below warnings, size of its pool.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  if (threads > 0) process.env.TF_NUM_INTRAOP_THREADS ??= String(threads);
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
  return `${short} cannot be loaded: ${firstLine}`;
}

/** Node 23 removed functions of `util` that tfjs-node 4.22 still calls: tensorflow/tfjs issue 8609. */
function restoreRemovedNodeFunctions(): void {
  const util = createRequire(import.meta.url)('node:util') as Record<string, unknown>;
  util.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  util.isArray ??= Array.isArray;
}
