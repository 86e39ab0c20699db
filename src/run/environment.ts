import { arch, cpus, hostname, platform, totalmem } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import type { EngineInfo } from '../engine/index.ts';
import { packageVersion } from '../files/index.ts';

/** What a run ran on: enough to say later why two runs differ. */
export function describeEnvironment(engine: EngineInfo, seed: number): object {
  return {
    package: packageVersion(),
    node: process.version,
    tfjs: tf.version_core,
    engine,
    seed,
    platform: `${platform()} ${arch()}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    host: hostname(),
    command: process.argv.slice(2).join(' '),
    started: new Date().toISOString(),
  };
}
