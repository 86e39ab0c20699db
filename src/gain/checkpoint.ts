import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type * as tfl from '@tensorflow/tfjs-layers';
import { RunError } from '../errors/index.ts';
import { loadLayersModel, saveLayersModel } from '../models/index.ts';
import type { Optimizer, StateTensor } from './optimizers.ts';
import { writing } from './writing.ts';

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

interface Index {
  readonly last: string;
  readonly best: string | null;
}

interface StateFile {
  readonly format: 1;
  readonly progress: Progress;
  readonly optimizer: { updates: number; tensors: { name: string; shape: readonly number[] }[] };
}

/**
 * The checkpoints of a run: the last one and the best one, each a folder with a stock tfjs layers-model
 * (`model.json`, `weights.bin`), `optimizer.bin` and `state.json`.
 *
 * A checkpoint is written under a temporary name and renamed when it is complete; `index.json`, replaced
 * atomically, then says which is the last and which the best. A kill at any point leaves the previous one.
 */
export class CheckpointStore {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** The folder of the last or best checkpoint; undefined when there is none. */
  async find(which: 'last' | 'best'): Promise<string | undefined> {
    const name = (await this.#index())?.[which];
    return name ? join(this.path, name) : undefined;
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
    return writing(this.path, () => this.#save(model, optimizer, progress, best)).catch(async (error) => {
      await this.#removeAllBut(await this.#index());
      throw error;
    });
  }

  async #save(
    model: tfl.LayersModel,
    optimizer: Optimizer,
    progress: Progress,
    best: boolean,
  ): Promise<string> {
    const previous = await this.#index();
    const name = unusedName(`step-${String(progress.step).padStart(8, '0')}`, previous);
    const target = join(this.path, name);
    const temporary = join(this.path, `.writing-${name}`);
    await rm(temporary, { recursive: true, force: true });
    await mkdir(this.path, { recursive: true });
    await saveLayersModel(model, temporary);

    const { updates, tensors } = await optimizer.state();
    const state: StateFile = {
      format: 1,
      progress,
      optimizer: { updates, tensors: tensors.map(({ name, shape }) => ({ name, shape })) },
    };
    const bytes = Buffer.concat(tensors.map(({ values }) => bytesOf(values)));
    await writeFile(join(temporary, 'optimizer.bin'), bytes, { flush: true });
    await writeFile(join(temporary, 'state.json'), JSON.stringify(state), { flush: true });
    await rm(target, { recursive: true, force: true });
    await rename(temporary, target);

    const index: Index = { last: name, best: best ? name : (previous?.best ?? null) };
    await writeFile(join(this.path, 'index.json.tmp'), JSON.stringify(index), { flush: true });
    await rename(join(this.path, 'index.json.tmp'), join(this.path, 'index.json'));
    await this.#removeAllBut(index);
    return target;
  }

  async #removeAllBut(index: Index | undefined): Promise<void> {
    for (const entry of await readdir(this.path)) {
      if (/^(\.|step-|index\.json\.)/.test(entry) && entry !== index?.last && entry !== index?.best) {
        await rm(join(this.path, entry), { recursive: true, force: true });
      }
    }
  }

  /**
   * Puts the last checkpoint's weights and optimizer state in place.
   *
   * @returns where the run stood; undefined when there is no checkpoint yet.
   * @throws {RunError} when it belongs to another network or optimizer.
   */
  async restore(model: tfl.LayersModel, optimizer: Optimizer): Promise<Progress | undefined> {
    const folder = await this.find('last');
    if (!folder) return undefined;
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

  async #index(): Promise<Index | undefined> {
    const path = join(this.path, 'index.json');
    if (!existsSync(path)) return undefined;
    return JSON.parse(await readFile(path, 'utf8')) as Index;
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

/** A name that the index does not use: what it points to is never touched, even when a step is saved twice. */
function unusedName(name: string, index: Index | undefined): string {
  return index?.last === name || index?.best === name ? unusedName(`${name}-again`, index) : name;
}

function bytesOf(values: Float32Array): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}
