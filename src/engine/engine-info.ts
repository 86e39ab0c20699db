/** The engines by name, best first among those that run on the CPU. */
export const engineNames = ['onnx', 'tensorflow', 'cpu'] as const;

export type EngineName = (typeof engineNames)[number];

/** The engine that was started, as it is shown to the user and stored with a run. */
export interface EngineInfo {
  name: EngineName;
  /** The name of the tfjs backend: what `tf.getBackend()` says. */
  backend: string;
  /** Version of the library that computes, for example `ONNX Runtime 1.30.0`. */
  version: string;
  threads: number;
  /** `GPU`, or the name of the processor. */
  device: string;
  /** One line: which engine, and why this one. */
  reason: string;
}

/** What one engine is before `auto` or the user has chosen: all but the reason for choosing it. */
export type EngineDescription = Omit<EngineInfo, 'reason'>;

/** Why an engine cannot be had on this machine, in one line. */
export class EngineUnavailable extends Error {}
