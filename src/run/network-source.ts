import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { UsageError } from '../errors/index.ts';
import type { Link } from '../losses/index.ts';
import { type InputScaling, isModelFile, modelFileIn, type ScoredRegion } from '../models/index.ts';
import { holdsRun } from './run-directory.ts';

/** Which weights of a run: as it ended, or those of a checkpoint. */
export type WhichWeights = 'model' | 'last' | 'best';

/** What is known better than the files say it. */
export interface NetworkOverrides {
  /** Of a network that is no run; a run holds its own. @default what its files say, else 'zero-one' */
  readonly inputScaling?: InputScaling | undefined;
  /** [H,W] where the model takes any. @default what the model says, else the run */
  readonly imageSize?: readonly [number, number] | undefined;
  /** T, where a network of clips takes any number of frames. @default what the model says, else the run */
  readonly frames?: number | undefined;
  /** Names of the classes, in order. @default those of the data set, of the files beside it, else their numbers */
  readonly classes?: readonly string[] | undefined;
  /** Index or name. @default 0 */
  readonly output?: number | string | undefined;
  /** For a model that ends in logits. @default what the run says, else its data set, else softmax */
  readonly link?: Link | undefined;
  /**
   * What is explained of a network that is no classifier: `value`, of one that answers numbers; a region, of a segmenter.
   * @default a class
   */
  readonly target?: 'value' | ScoredRegion | undefined;
  /** @default what the run explained, else auto */
  readonly targetLayer?: string | undefined;
}

/**
 * A run, as it ended or at a checkpoint; or a network of any kind that is read: a folder or a file (docs/models.md).
 * `known` is what the caller knows better than the files.
 */
export type NetworkSource =
  | {
      readonly run: string;
      readonly checkpoint?: WhichWeights | undefined;
      readonly known?: NetworkOverrides;
    }
  | { readonly model: string; readonly known?: NetworkOverrides };

/**
 * A run or a network by its path alone.
 *
 * @throws {UsageError} for a path that is neither
 * @throws {ModelError} for a folder with several networks
 */
export function networkSource(path: string, option = '--run'): NetworkSource {
  if (holdsRun(path)) return { run: path };
  if (!existsSync(path)) throw new UsageError(`${option}: ${path} does not exist`);
  const found = statSync(path).isDirectory() ? modelFileIn(path) !== undefined : isModelFile(path);
  if (found) return { model: path };
  throw new UsageError(
    `${option}: ${path} holds neither a run (config.yaml) nor a network (model.json, .keras, .h5, .safetensors, .pth, ` +
      '.onnx)',
  );
}

/** The file of a network: itself, or the one in a folder. */
export function fileOfNetwork(path: string): string {
  const folder = existsSync(path) && statSync(path).isDirectory();
  return folder ? (modelFileIn(path) ?? join(path, 'model.json')) : path;
}
