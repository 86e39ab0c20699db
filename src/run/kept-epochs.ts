import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { RunError } from '../errors/index.ts';
import { requireRun } from './run-directory.ts';

/** A network as it was after an epoch. */
export interface KeptEpoch {
  /** Epochs of training so far; 0: untrained. */
  readonly epoch: number;
  /** Folder of the layers-model. */
  readonly path: string;
}

/** Where `training.keepEvery` puts the network of an epoch, under the run: `epochs/epoch-003`. */
export function epochFolder(epoch: number): [string, string] {
  return ['epochs', `epoch-${String(epoch).padStart(3, '0')}`];
}

/**
 * The networks that a training kept, the earliest first.
 *
 * @throws {RunError} for a folder that holds no run, or none that kept its epochs
 */
export async function keptEpochs(run: string): Promise<KeptEpoch[]> {
  requireRun(run);
  const folder = join(run, 'epochs');
  const names = await readdir(folder).catch((): string[] => []);
  const kept = names.flatMap((name) => {
    const epoch = /^epoch-(\d+)$/.exec(name)?.[1];
    return epoch === undefined ? [] : [{ epoch: Number(epoch), path: join(folder, name) }];
  });
  if (kept.length > 0) return kept.sort((a, b) => a.epoch - b.epoch);
  throw new RunError(`${run}: it kept no networks of its epochs; training.keepEvery: 1 in its config does`);
}
