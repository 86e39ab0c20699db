import type { OnnxProvider } from './onnx/index.ts';

/** The engines by name. */
export const engineNames = ['onnx', 'tensorflow', 'webgpu', 'cpu'] as const;

export type EngineName = (typeof engineNames)[number];

/** The engine that was started, as it is shown to the user and stored with a run. */
export interface EngineInfo {
  name: EngineName;
  /** The name of the tfjs backend: what `tf.getBackend()` says. */
  backend: string;
  /** Version of the library that computes, for example `ONNX Runtime 1.30.0`. */
  version: string;
  threads: number;
  /** `GPU` and what is known of it, or the name of the processor. */
  device: string;
  /** One line: which engine, and why this one. */
  reason: string;
}

/** What an engine can be told before it starts. */
export interface EngineSettings {
  /** Threads to compute with; 0 for one per core. @default 0 */
  threads?: number;
  /**
   * Which GPU: its number for `tensorflow` (as `nvidia-smi` counts), part of the adapter's name for `webgpu`; null
   * for the first, or fastest. @default null
   */
  device?: string | null;
  /** What ONNX Runtime computes with; `auto` is a real GPU that passes its check, else the processor. */
  onnx?: { provider?: OnnxProvider | 'auto' };
  /** Whether `tensorflow` takes a GPU's memory as it needs it, or all at once. @default true */
  memoryGrowth?: boolean;
}

/** What one engine is before `auto` or the user has chosen: all but the reason for choosing it. */
export type EngineDescription = Omit<EngineInfo, 'reason'>;

/** Why an engine cannot be had on this machine, in one line. */
export class EngineUnavailable extends Error {}
