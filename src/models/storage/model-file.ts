import { existsSync, readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import { ModelError } from '../../errors/index.ts';
import { torchEndings } from '../torch/load-state-dict.ts';

/** Endings of files that hold a network. */
export const modelEndings: readonly string[] = ['.json', '.keras', '.h5', '.hdf5', '.onnx', ...torchEndings];

/** Files beside the weights of a layers-model that are no networks themselves. */
const otherFiles = /^(?:optimizer|scheduler|training_args|rng_state|group\d+-shard|weights?\.bin$)/;

/** Whether a file of this name may hold a network. */
export function isModelFile(file: string): boolean {
  return modelEndings.includes(extname(file).toLowerCase());
}

/**
 * The file with the network in a folder: its `model.json`, else the one file with the ending of a network
 * (`model.safetensors` beside a `config.json`, `my-model.keras`).
 *
 * @returns undefined when there is none
 * @throws {ModelError} when there are several
 */
export function modelFileIn(folder: string): string | undefined {
  const json = join(folder, 'model.json');
  if (existsSync(json)) return json;
  const found = readdirSync(folder)
    .filter((name) => !name.endsWith('.json') && isModelFile(name) && !otherFiles.test(name))
    .sort();
  if (found.length > 1) {
    throw new ModelError(
      `${folder}: it holds ${found.length} networks, ${found.join(', ')}; name one of them`,
    );
  }
  return found[0] && join(folder, found[0]);
}
