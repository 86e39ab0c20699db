import * as tf from '@tensorflow/tfjs-core';
import { EngineError, UsageError } from '../errors/index.ts';
import { loadCpu } from './cpu.ts';
import {
  type EngineDescription,
  type EngineInfo,
  type EngineName,
  EngineUnavailable,
  engineNames,
} from './engine-info.ts';
import { loadOnnx } from './onnx-engine.ts';
import { loadTensorflow } from './tensorflow.ts';

export interface EngineOptions {
  /** @default 'auto' */
  engine?: EngineName | 'auto';
  /** Threads to compute with; 0 for one per core. @default 0 */
  threads?: number;
}

const loaders: Record<EngineName, (options: { threads: number }) => Promise<EngineDescription>> = {
  onnx: loadOnnx,
  tensorflow: loadTensorflow,
  cpu: loadCpu,
};

const remedies: Record<EngineName, string> = {
  onnx: 'Run "npm ci" again on a platform that onnxruntime-node supports, or use engine "auto".',
  tensorflow: 'Install @tensorflow/tfjs-node-gpu or @tensorflow/tfjs-node, or use engine "auto".',
  cpu: 'Run "npm ci" again.',
};

/**
 * Starts the engine that computes, and makes it tfjs's active backend.
 *
 * `auto` takes the best that loads: TensorFlow with a GPU, the embedded ONNX Runtime, TensorFlow on the CPU,
 * plain JavaScript. Calling it again with the same engine changes nothing; with another engine it switches,
 * and tensors that exist move on first use.
 *
 * @returns what was started, with the reason in one line
 * @throws EngineError when the engine was asked for by name and cannot start here
 * @throws UsageError when the name or the number of threads is not valid
 */
export async function startEngine({ engine = 'auto', threads = 0 }: EngineOptions = {}): Promise<EngineInfo> {
  if (!Number.isInteger(threads) || threads < 0) {
    throw new UsageError(`threads: expected a whole number, 0 for one per core, received ${threads}`);
  }
  const info = engine === 'auto' ? await loadBest(threads) : await loadNamed(engine, threads);
  await tf.setBackend(info.backend);
  return info;
}

/** What each engine is on this machine, or why it cannot be had: for `--help` and error reports. */
export async function describeEngines(): Promise<
  (EngineDescription | { name: EngineName; unavailable: string })[]
> {
  return Promise.all(
    engineNames.map(async (name) => {
      const { description, unavailable } = await attempt(name, 0);
      return description ?? { name, unavailable };
    }),
  );
}

async function loadNamed(name: EngineName, threads: number): Promise<EngineInfo> {
  if (!engineNames.includes(name)) {
    throw new UsageError(`engine: expected one of auto, ${engineNames.join(', ')}, received "${name}"`);
  }
  const { description, unavailable } = await attempt(name, threads);
  if (!description) {
    throw new EngineError(`Engine "${name}" cannot start: ${unavailable}. ${remedies[name]}`);
  }
  return { ...description, reason: summary(description, 'as asked') };
}

async function loadBest(threads: number): Promise<EngineInfo> {
  const tensorflow = await attempt('tensorflow', threads);
  if (tensorflow.description?.device === 'GPU') {
    return { ...tensorflow.description, reason: summary(tensorflow.description, 'the best here: a GPU') };
  }
  const why = [tensorflow.description ? 'TensorFlow sees no GPU' : tensorflow.unavailable];
  const onnx = await attempt('onnx', threads);
  if (onnx.description) return { ...onnx.description, reason: summary(onnx.description, why[0]!) };
  why.push(onnx.unavailable);
  const rest = tensorflow.description ?? (await loadCpu());
  return { ...rest, reason: summary(rest, why.join('; ')) };
}

type Attempt =
  | { description: EngineDescription; unavailable?: never }
  | { description?: never; unavailable: string };

async function attempt(name: EngineName, threads: number): Promise<Attempt> {
  try {
    return { description: await loaders[name]({ threads }) };
  } catch (error) {
    if (!(error instanceof EngineUnavailable)) throw error;
    return { unavailable: error.message };
  }
}

function summary({ name, version, threads, device }: EngineDescription, why: string): string {
  const where = device === 'GPU' ? 'GPU' : `${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  return `${name}: ${version} on ${where} (${why})`;
}
