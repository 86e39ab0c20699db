import * as tf from '@tensorflow/tfjs-core';
import { EngineError, UsageError } from '../errors/index.ts';
import { loadCpu } from './cpu.ts';
import {
  type EngineDescription,
  type EngineInfo,
  type EngineName,
  type EngineSettings,
  EngineUnavailable,
  engineNames,
} from './engine-info.ts';
import { loadOnnx } from './onnx-engine.ts';
import { loadTensorflow } from './tensorflow.ts';
import { loadWebgpu } from './webgpu.ts';

export interface EngineOptions extends EngineSettings {
  /** @default 'auto' */
  engine?: EngineName | 'auto';
}

const loaders: Record<EngineName, (settings: EngineSettings) => Promise<EngineDescription>> = {
  onnx: loadOnnx,
  tensorflow: loadTensorflow,
  webgpu: loadWebgpu,
  cpu: loadCpu,
};

const remedies: Record<EngineName, string> = {
  onnx: 'It runs on the platforms of onnxruntime-node; or use engine "auto".',
  tensorflow: 'Run "npm run setup:tensorflow" (docs/engines.md), or use engine "auto".',
  webgpu: 'docs/engines.md says what it takes; or use engine "auto".',
  cpu: 'Run "npm ci" again.',
};

/**
 * Starts the engine that computes, and makes it tfjs's active backend.
 *
 * `auto` takes TensorFlow where that has a GPU, else the embedded ONNX Runtime, TensorFlow on the CPU, plain
 * JavaScript: the first that loads. It never takes `webgpu`, whose speed depends on driver and network more than
 * on anything that could be seen from here: see docs/engines.md. Calling it again with the same engine changes
 * nothing; with another engine it switches, and tensors that exist move on first use.
 *
 * @returns what was started, with the reason in one line
 * @throws {EngineError} when the engine was asked for by name and cannot start here
 * @throws {UsageError} when the name or the number of threads is not valid
 */
export async function startEngine({ engine = 'auto', ...settings }: EngineOptions = {}): Promise<EngineInfo> {
  const { threads = 0 } = settings;
  if (!Number.isInteger(threads) || threads < 0) {
    throw new UsageError(`threads: expected a whole number, 0 for one per core, received ${threads}`);
  }
  const info = engine === 'auto' ? await loadBest(settings) : await loadNamed(engine, settings);
  await tf.setBackend(info.backend);
  return info;
}

/** What each engine is on this machine, or why it cannot be had: for `npm run engines` and error reports. */
export async function describeEngines(): Promise<
  (EngineDescription | { name: EngineName; unavailable: string })[]
> {
  const engines = [];
  for (const name of engineNames) {
    const { description, unavailable } = await attempt(name, {});
    engines.push(description ?? { name, unavailable });
  }
  return engines;
}

async function loadNamed(name: EngineName, settings: EngineSettings): Promise<EngineInfo> {
  if (!engineNames.includes(name)) {
    throw new UsageError(`engine: expected one of auto, ${engineNames.join(', ')}, received "${name}"`);
  }
  const { description, unavailable } = await attempt(name, settings);
  if (!description) {
    throw new EngineError(`Engine "${name}" cannot start: ${unavailable}. ${remedies[name]}`);
  }
  return { ...description, reason: summary(description, 'as asked') };
}

async function loadBest(settings: EngineSettings): Promise<EngineInfo> {
  const tensorflow = await attempt('tensorflow', settings);
  if (tensorflow.description && isGpu(tensorflow.description)) {
    return { ...tensorflow.description, reason: summary(tensorflow.description, 'the best here: a GPU') };
  }
  const why = [tensorflow.description ? 'TensorFlow sees no GPU' : tensorflow.unavailable];
  const onnx = await attempt('onnx', settings);
  if (onnx.description) return { ...onnx.description, reason: summary(onnx.description, why[0]!) };
  why.push(onnx.unavailable);
  const rest = tensorflow.description ?? (await loadCpu());
  return { ...rest, reason: summary(rest, why.join('; ')) };
}

type Attempt =
  | { description: EngineDescription; unavailable?: never }
  | { description?: never; unavailable: string };

async function attempt(name: EngineName, settings: EngineSettings): Promise<Attempt> {
  try {
    return { description: await loaders[name](settings) };
  } catch (error) {
    if (!(error instanceof EngineUnavailable)) throw error;
    return { unavailable: error.message };
  }
}

function isGpu({ name, device }: EngineDescription): boolean {
  return name === 'webgpu' || device.startsWith('GPU');
}

function summary(engine: EngineDescription, why: string): string {
  const { name, version, threads, device } = engine;
  const where = isGpu(engine) ? device : `${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  return `${name}: ${version} on ${where} (${why})`;
}
