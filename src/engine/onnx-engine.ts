import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import { processorName } from './cpu.ts';
import { type EngineDescription, EngineUnavailable } from './engine-info.ts';
import { quietly } from './quiet.ts';

let threadsInUse = 0;

/**
 * Loads the embedded engine: tfjs on ONNX Runtime, whose native library is part of its npm package.
 *
 * @param options.threads threads of ONNX Runtime's pool, 0 for one per core
 * @throws EngineUnavailable when the native library does not load here, or runs already with another
 *   number of threads
 */
export async function loadOnnx({ threads = 0 }: { threads?: number } = {}): Promise<EngineDescription> {
  if (threadsInUse === 0) {
    const wanted = threads || availableParallelism();
    try {
      await quietly(async () => {
        const { registerOnnxBackend } = await import('./onnx/index.ts');
        registerOnnxBackend({ threads: wanted });
        if (!tf.findBackend('onnx')) throw new Error('the backend did not start');
      });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new EngineUnavailable(`ONNX Runtime cannot be loaded: ${message.split('\n', 1)[0]}`, {
        cause: error,
      });
    }
    threadsInUse = wanted;
  }
  if (threads !== 0 && threads !== threadsInUse) {
    throw new EngineUnavailable(
      `it runs on ${threadsInUse} threads already, and the number cannot change to ${threads} within a process`,
    );
  }
  const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };
  return {
    name: 'onnx',
    backend: 'onnx',
    version: `ONNX Runtime ${version}`,
    threads: threadsInUse,
    device: processorName(),
  };
}
