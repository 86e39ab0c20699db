import { existsSync, readFileSync } from 'node:fs';
import { basename, extname, join, resolve, sep } from 'node:path';
import { type Config, loadConfig } from '../config/index.ts';
import { type DatasetInfo, readDatasetInfo } from '../data/index.ts';
import { RunError } from '../errors/index.ts';
import { classNamesBeside, type FoundClassNames, isModelFile } from '../models/index.ts';
import { CheckpointFiles } from './checkpoint-files.ts';
import {
  fileOfNetwork,
  type NetworkOverrides,
  type NetworkSource,
  type WhichWeights,
} from './network-source.ts';
import { holdsRun } from './run-directory.ts';

/** A trained network that was found, but not loaded yet. */
export interface FoundNetwork {
  readonly name: string;
  /** The run that it belongs to; null for a model folder. */
  readonly run: string | null;
  readonly config: Config | null;
  /** Folder of the model, or the file of the network. */
  readonly path: string;
  /** The data set that it was trained on; null where nothing says which. */
  readonly dataDir: string | null;
  /** What `dataset.json` of `dataDir` says; null where it is not here. */
  readonly data: DatasetInfo | null;
  /** Names of classes in the files beside a network that is no run. */
  readonly beside: FoundClassNames | undefined;
  /** What its source knows better than the files. */
  readonly known: NetworkOverrides;
  /** Updates of the training; 0 where they are not known. */
  readonly steps: number;
}

/**
 * Finds a trained network and reads what its files say of it, without loading it.
 *
 * @param dataDir the data set, in place of that of the run
 * @throws {RunError} for a folder that holds no run, or none that is as far as was asked for
 */
export async function findNetwork(source: NetworkSource, dataDir?: string): Promise<FoundNetwork> {
  if ('model' in source) {
    const data = dataDir === undefined ? null : await infoOf(dataDir);
    return {
      name: nameOf(source.model),
      run: null,
      config: null,
      path: source.model,
      dataDir: dataDir ?? null,
      data,
      // Names that are given need no file, and none that is damaged.
      beside: source.known?.classes ? undefined : await classNamesBeside(fileOfNetwork(source.model)),
      known: source.known ?? {},
      steps: 0,
    };
  }
  const { run, checkpoint = 'model' } = source;
  if (!holdsRun(run)) {
    const model = existsSync(join(run, 'model.json'));
    throw new RunError(
      `${run}: it holds no run (there is no config.yaml)${model ? `; --model ${run} takes the model in it` : ''}`,
    );
  }
  const config = await loadConfig(join(run, 'config.yaml'));
  const dir = dataDir ?? config.data.dir;
  return {
    name: config.name,
    run,
    config,
    path: await weightsOf(run, checkpoint),
    dataDir: dir,
    data: await infoOf(dir),
    beside: undefined,
    known: source.known ?? {},
    steps: stepsOf(run),
  };
}

/** `tiny-vgg` of `tiny-vgg/model`, of `tiny-vgg/model/model.json` and of `tiny-vgg.keras`. */
function nameOf(path: string): string {
  const parts = resolve(path).split(sep);
  const own = parts.findLast((part) => basename(part, extname(part)) !== 'model') || 'model';
  return isModelFile(own) ? basename(own, extname(own)) : own;
}

/** The data of a network that came from elsewhere need not be here. */
async function infoOf(dir: string): Promise<DatasetInfo | null> {
  return existsSync(join(dir, 'dataset.json')) ? readDatasetInfo(dir) : null;
}

async function weightsOf(run: string, checkpoint: WhichWeights): Promise<string> {
  if (checkpoint === 'model') {
    const path = join(run, 'model');
    if (existsSync(path)) return path;
    throw new RunError(
      `${run}: its training has not ended, there is no model/; --checkpoint last takes the last checkpoint`,
    );
  }
  const files = new CheckpointFiles(join(run, 'checkpoints'));
  const found = await files.find(checkpoint);
  if (!found) throw new RunError(`${run}: it has no ${checkpoint} checkpoint`);
  await files.verify(found);
  return found;
}

function stepsOf(run: string): number {
  try {
    return JSON.parse(readFileSync(join(run, 'summary.json'), 'utf8')).steps ?? 0;
  } catch {
    // A run that is not finished has none.
    return 0;
  }
}
