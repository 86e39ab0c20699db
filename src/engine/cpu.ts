import { cpus } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { version_cpu } from '@tensorflow/tfjs-backend-cpu';
import type { EngineDescription } from './engine-info.ts';
import { quietly } from './quiet.ts';

/** The plain JavaScript backend: always there, one thread, for small things and for comparison. */
export async function loadCpu(): Promise<EngineDescription> {
  // The backend greets at its first write; this is that write.
  await quietly(() => {
    const backend = tf.findBackend('cpu');
    const dataId = backend.write(new Float32Array(1), [1], 'float32');
    backend.disposeData(dataId);
  });
  return {
    name: 'cpu',
    backend: 'cpu',
    version: `tfjs-backend-cpu ${version_cpu}`,
    threads: 1,
    device: processorName(),
  };
}

/** The processor's name as the system gives it. */
export function processorName(): string {
  return cpus()[0]?.model.trim() || 'CPU';
}
