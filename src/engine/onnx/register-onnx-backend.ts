// For its side effect: in Node it is this package, not tfjs-core, that registers the gradients of TensorFlow.js.
import '@tensorflow/tfjs-layers';
import { availableParallelism } from 'node:os';
import { EngineError } from '../../errors/index.ts';
import { registerBackendAndKernels } from './register.ts';
import { detectBlockSize } from './runtime/block-size.ts';
import type { EvaluatorStats } from './runtime/evaluator.ts';
import { loadNativeRuntime } from './runtime/native-runtime.ts';
import { OnnxBackend } from './runtime/onnx-backend.ts';
import { type OnnxProvider, offeredProviders } from './runtime/provider.ts';
import { registerSumGradients } from './sum-gradients.ts';

export interface OnnxBackendOptions {
  /** Threads of one run. @default all cores */
  readonly threads?: number;
  /** Compiled graphs to keep. @default 64 */
  readonly maxSessions?: number;
  /**
   * Working memory of all compiled graphs together, in bytes: what of a graph is alive at once, or what the process
   * grew by in its first run if that was more. @default 4 GiB
   */
  readonly maxSessionBytes?: number;
  /** What ONNX Runtime computes with. @default 'cpu' */
  readonly provider?: OnnxProvider;
  /** Whether to use ONNX Runtime's blocked convolutions where they work. @default true */
  readonly blocked?: boolean;
  /** Write an ONNX Runtime profile per compiled graph to files that start so. */
  readonly profilePrefix?: string;
}

let registered: OnnxBackend | null = null;

/**
 * Registers the embedded engine as the TensorFlow.js backend `onnx`; then `await tf.setBackend('onnx')`.
 * A second call returns the backend of the first.
 *
 * @throws {EngineError} when the native library of onnxruntime-node cannot be loaded.
 */
export function registerOnnxBackend(options: OnnxBackendOptions = {}): OnnxBackend {
  if (registered !== null) return registered;
  const {
    threads = availableParallelism(),
    maxSessions = 64,
    maxSessionBytes = 2 ** 32,
    provider = 'cpu',
    profilePrefix,
  } = options;
  const runtime = loadNativeRuntime();
  const offered = offeredProviders(runtime);
  if (!offered.includes(provider)) {
    throw new EngineError(
      `engine onnx: this build of ONNX Runtime has no provider "${provider}", only ${offered.join(', ')}`,
    );
  }
  // Blocks of channels are a layout of the processor's.
  const block = options.blocked === false || provider !== 'cpu' ? 1 : detectBlockSize(runtime);
  const settings = { threads, block, maxSessions, maxSessionBytes, provider, profilePrefix };
  const backend = new OnnxBackend(runtime, settings);
  registerBackendAndKernels('onnx', backend);
  registerSumGradients();
  registered = backend;
  return backend;
}

/** Runs, compiled graphs and times so far; null before the backend was registered. */
export function onnxStats(): EvaluatorStats | null {
  return registered?.stats ?? null;
}
