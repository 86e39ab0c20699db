import { createRequire } from 'node:module';
import { EngineError } from '../../../errors/index.ts';

/** A tensor as the native binding takes and returns it. */
export interface NativeTensor {
  readonly type: string;
  readonly dims: readonly number[];
  /** Throws for a tensor on a device. */
  readonly data: Float32Array | Int32Array | Uint8Array;
  readonly location?: string;
  /** Frees what a tensor on a device holds there. */
  dispose?(): void;
}

/** One loaded model. `run` is synchronous: it returns when the values are there. */
export interface NativeSession {
  loadModel(bytes: ArrayBuffer, offset: number, length: number, options: Record<string, unknown>): void;
  run(
    feeds: Record<string, NativeTensor>,
    /** A tensor is written to, null stands for a new one. */
    fetches: Record<string, NativeTensor | null>,
    options: Record<string, unknown>,
  ): Record<string, NativeTensor>;
  endProfiling(): void;
  dispose(): void;
}

type TensorConstructor = new (
  type: string,
  data: NativeTensor['data'],
  dims: readonly number[],
) => NativeTensor;

export interface NativeRuntime {
  readonly version: string;
  /** Names of the providers within the package. */
  readonly providers: readonly string[];
  createSession(): NativeSession;
  createTensor(type: string, data: NativeTensor['data'], dims: readonly number[]): NativeTensor;
}

/**
 * Loads the native part of onnxruntime-node.
 *
 * The package's public `run` is asynchronous only because it waits for the next turn of the event loop; the
 * binding under it is synchronous, and TensorFlow.js needs synchronous reads (`dataSync`). This file is the
 * only one that knows about that binding; the version is pinned in package.json.
 *
 * @throws {EngineError} when the native library is not there or cannot be loaded.
 */
export function loadNativeRuntime(): NativeRuntime {
  const require = createRequire(import.meta.url);
  try {
    const { version } = require('onnxruntime-node/package.json') as { version: string };
    const { binding, initOrt } = require('onnxruntime-node/dist/binding.js') as {
      binding: {
        InferenceSession: new () => NativeSession;
        listSupportedBackends(): { name: string; bundled: boolean }[];
      };
      initOrt: () => void;
    };
    const { Tensor } = require('onnxruntime-common') as { Tensor: TensorConstructor };
    initOrt();
    return {
      version,
      providers: binding.listSupportedBackends().flatMap(({ name, bundled }) => (bundled ? [name] : [])),
      createSession: () => new binding.InferenceSession(),
      createTensor: (type, data, dims) => new Tensor(type, data, dims),
    };
  } catch (cause) {
    if (isMissing(cause)) {
      throw new EngineError(
        'onnxruntime-node is not installed (its install script fails where NuGet is out of reach, for files that are not ' +
          'needed here); it comes with: npm install onnxruntime-node@1.30.0 --ignore-scripts',
        { cause },
      );
    }
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw new EngineError(
      `engine onnx: the native library of onnxruntime-node cannot be loaded on ${process.platform}-${process.arch}: ${reason}`,
      { cause },
    );
  }
}

/** npm leaves the package out, and goes on, when its install script fails. */
function isMissing(cause: unknown): boolean {
  const { code, message = '' } = cause as { code?: string; message?: string };
  return code === 'MODULE_NOT_FOUND' && message.includes("'onnxruntime-node");
}
