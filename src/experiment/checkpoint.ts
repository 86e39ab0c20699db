import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type * as tfl from '@tensorflow/tfjs-layers';
import { RunError } from '../errors/index.ts';
import { writeWhole } from '../files/index.ts';
import type { Optimizer, StateTensor } from '../gain/index.ts';
import { loadLayersModel, saveLayersModel } from '../models/index.ts';
import { CheckpointFiles } from '../run/index.ts';

/** Everything but tensors that a run needs to go on as if it had never stopped. */
export interface Progress {
  /** Updates made so far. */
  readonly step: number;
  /** Epoch (from 0) that the next batch belongs to. */
  readonly epoch: number;
  /** Batches of that epoch already seen. */
  readonly batch: number;
  /** Whatever else the loop carries: running means, the best metric so far. */
  readonly carried: Record<string, unknown>;
}

interface StateFile {
  readonly format: 1;
  readonly progress: Progress;
  readonly optimizer: { updates: number; tensors: { name: string; shape: readonly number[] }[] };
}

/**
 * The checkpoints of a training. Each is a folder with a stock tfjs layers-model (`model.json`, `weights.bin`),
 * `optimizer.bin` and `state.json`.
 */
export class CheckpointStore {
  readonly #files: CheckpointFiles;

  /** @param path folder of the checkpoints */
  constructor(path: string) {
    this.#files = new CheckpointFiles(path);
  }

  /** The folder of the last or best checkpoint; undefined when there is none. */
  find(which: 'last' | 'best'): Promise<string | undefined> {
    return this.#files.find(which);
  }

  /**
   * Writes a checkpoint and makes it the last one.
   *
   * @param best whether it is also the best so far.
   * @returns its folder.
   * @throws {RunError} when it cannot be written; the previous one stays.
   */
  save(
    model: tfl.LayersModel,
    optimizer: Optimizer,
    progress: Progress,
    { best = false }: { best?: boolean } = {},
  ): Promise<string> {
    const write = async (folder: string) => {
      await saveLayersModel(model, folder);
      const { updates, tensors } = await optimizer.state();
      const state: StateFile = {
        format: 1,
        progress,
        optimizer: { updates, tensors: tensors.map(({ name, shape }) => ({ name, shape })) },
      };
      const bytes = Buffer.concat(tensors.map(({ values }) => bytesOf(values)));
      await writeWhole(join(folder, 'optimizer.bin'), bytes);
      await writeWhole(join(folder, 'state.json'), JSON.stringify(state));
    };
    return this.#files.save(progress.step, write, best);
  }

  /**
   * Puts the last checkpoint's weights and optimizer state in place.
   *
   * @returns where the run stood; undefined when there is no checkpoint yet.
   * @throws {RunError} when it is damaged, or belongs to another network or optimizer.
   */
  async restore(model: tfl.LayersModel, optimizer: Optimizer): Promise<Progress | undefined> {
    const folder = await this.find('last');
    if (!folder) return undefined;
    await this.#files.verify(folder);
    try {
      const state = JSON.parse(await readFile(join(folder, 'state.json'), 'utf8')) as StateFile;
      await restoreWeights(model, folder);
      const values = await readFile(join(folder, 'optimizer.bin'));
      let offset = 0;
      const tensors: StateTensor[] = state.optimizer.tensors.map(({ name, shape }) => {
        const length = shape.reduce((size, dimension) => size * dimension, 4);
        const bytes = values.subarray(offset, offset + length);
        offset += length;
        return { name, shape, values: new Float32Array(Uint8Array.from(bytes).buffer) };
      });
      optimizer.restore({ updates: state.optimizer.updates, tensors });
      return state.progress;
    } catch (cause) {
      throw new RunError(`${folder}: cannot be resumed from: ${(cause as Error).message}`, { cause });
    }
  }
}

/**
 * Copies the weights of a saved model into a model of the same architecture.
 *
 * @throws {ModelError} when the folder holds no model; {ValueError} of tfjs when its weights do not fit.
 */
export async function restoreWeights(model: tfl.LayersModel, folder: string): Promise<void> {
  const saved = await loadLayersModel(folder);
  model.setWeights(saved.getWeights());
  saved.dispose();
}

function bytesOf(values: Float32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}
