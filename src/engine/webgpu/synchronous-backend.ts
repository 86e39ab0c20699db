import * as tf from '@tensorflow/tfjs-core';
import { EngineError } from '../../errors/index.ts';
import type { GpuAdapter, GpuBuffer, GpuDevice } from './dawn.ts';
import { EventPump } from './event-pump.ts';

/** What is used of tfjs's WebGPU backend; its package is optional, so its types are not. */
export interface WebGpuBackend extends tf.KernelBackend {
  tensorMap: {
    get(dataId: object): { values: tf.BackendValues | null; dtype: tf.DataType; resource: GpuBuffer };
  };
  bufferManager: {
    acquireBuffer(size: number, usage: number): GpuBuffer;
    releaseBuffer(buffer: GpuBuffer): void;
  };
  commandEncoder: {
    copyBufferToBuffer(from: GpuBuffer, at: number, to: GpuBuffer, toAt: number, size: number): void;
  };
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
  getBufferData(buffer: GpuBuffer): Promise<ArrayBuffer>;
  convertAndCacheOnCPU(dataId: object, values: tf.BackendValues): tf.BackendValues;
  readSync(dataId: object): tf.BackendValues;
  runWebGPUProgram(program: GpuProgram, ...rest: unknown[]): tf.TensorInfo;
}

/** A shader of tfjs; those of the pooling kernels can say where in its window the maximum was found. */
interface GpuProgram {
  readonly computePositions?: boolean;
  getUserCode(): string;
}

export type WebGpuBackendClass = new (device: GpuDevice, info: GpuAdapter['info']) => WebGpuBackend;

// From the WebGPU specification: GPUBufferUsage and GPUMapMode.
const MAP_READ = 0x1;
const COPY_DST = 0x8;
const MAP_MODE_READ = 0x1;

/** How long to sleep between two looks at whether the GPU has finished, in milliseconds. */
const POLL_INTERVAL = 0.05;

/**
 * tfjs's WebGPU backend made to work in Node, and to agree with the other engines:
 * - values can be read synchronously, where tfjs goes by way of a canvas, which is a browser's;
 * - what the GPU refuses is an error at the next read, where it would be wrong values;
 * - of equal maxima in a pooling window the first one gets the gradient, as everywhere else, not the last.
 */
export function createSynchronousBackend(
  Backend: WebGpuBackendClass,
  device: GpuDevice,
  info: GpuAdapter['info'],
): WebGpuBackend {
  const pump = new EventPump();
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  let failure: string | null = null;
  device.addEventListener('uncapturederror', ({ error }) => {
    failure ??= error.message;
  });

  class SynchronousBackend extends Backend {
    override readSync(dataId: object): tf.BackendValues {
      const { values, dtype, resource } = this.tensorMap.get(dataId);
      if (values != null || dtype === 'string' || dtype === 'complex64') return super.readSync(dataId);
      const staging = this.#copyToStaging(resource);
      // Who waits is this loop; the promise itself can only be settled after it.
      pump.watch(() => staging.mapAsync(MAP_MODE_READ)).catch(() => undefined);
      while (staging.mapState === 'pending' && !pump.isIdle) {
        pump.turn();
        if (staging.mapState === 'pending') Atomics.wait(sleeper, 0, 0, POLL_INTERVAL);
      }
      const bytes = this.#takeFrom(staging);
      return this.convertAndCacheOnCPU(dataId, tf.util.convertBackendValuesAndArrayBuffer(bytes, dtype));
    }

    override async getBufferData(buffer: GpuBuffer): Promise<ArrayBuffer> {
      const staging = this.#copyToStaging(buffer);
      await pump.watch(() => staging.mapAsync(MAP_MODE_READ));
      return this.#takeFrom(staging);
    }

    override runWebGPUProgram(program: GpuProgram, ...rest: unknown[]): tf.TensorInfo {
      if (program.computePositions) {
        const code = program.getUserCode();
        program.getUserCode = () =>
          code.replace('if (value >= currMaxValue)', 'if (maxValueFound == 0.0 || value > maxValue)');
      }
      return super.runWebGPUProgram(program, ...rest);
    }

    #copyToStaging(buffer: GpuBuffer): GpuBuffer {
      const staging = this.bufferManager.acquireBuffer(buffer.size, COPY_DST | MAP_READ);
      this.ensureCommandEncoderReady();
      this.endComputePassEncoder();
      this.commandEncoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
      this.submitQueue();
      return staging;
    }

    #takeFrom(staging: GpuBuffer): ArrayBuffer {
      const message = failure ?? (staging.mapState === 'mapped' ? null : 'the GPU was lost');
      failure = null;
      if (message !== null) throw new EngineError(`webgpu: ${message.trim()}`);
      const bytes = staging.getMappedRange().slice(0);
      staging.unmap();
      this.bufferManager.releaseBuffer(staging);
      return bytes;
    }
  }
  return new SynchronousBackend(device, info);
}
