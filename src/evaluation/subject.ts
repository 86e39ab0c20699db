import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type * as tfl from '@tensorflow/tfjs-layers';
import { type Config, loadConfig } from '../config/index.ts';
import type { Dataset } from '../data/index.ts';
import { ModelError, RunError, UsageError } from '../errors/index.ts';
import { CheckpointStore, linkOf } from '../gain/index.ts';
import { type InputScaling, loadLayersModel, withInputScaling } from '../models/index.ts';

/** What is to be evaluated: a run, or a model folder with a data set. */
export type Source =
  | {
      readonly run: string;
      readonly checkpoint: 'model' | 'last' | 'best';
      readonly data?: string | undefined;
    }
  | {
      readonly model: string;
      readonly data: string;
      readonly inputScaling: Exclude<InputScaling, object>;
      readonly imageSize?: readonly [number, number] | undefined;
    };

/** Where a network lies and how its images are read, before it is loaded. */
export interface Subject {
  readonly run: string | null;
  readonly config: Config | null;
  readonly modelPath: string;
  readonly dataDir: string;
  /** Steps of the training, at which TensorBoard shows the results; 0 where they are not known. */
  readonly step: number;
  /** [H, W]; undefined where the model says it. */
  readonly imageSize: readonly [number, number] | undefined;
  readonly inputScaling: Exclude<InputScaling, object>;
}

/**
 * Finds what is to be evaluated.
 *
 * @throws {RunError} for a folder that holds no run, or none that is as far as was asked for
 */
export async function findSubject(source: Source): Promise<Subject> {
  if ('model' in source) {
    return {
      run: null,
      config: null,
      modelPath: source.model,
      dataDir: source.data,
      step: 0,
      imageSize: source.imageSize,
      inputScaling: source.inputScaling,
    };
  }
  const { run, checkpoint, data } = source;
  if (!existsSync(join(run, 'config.yaml'))) {
    throw new RunError(`${run}: it holds no run (there is no config.yaml)`);
  }
  const config = await loadConfig(join(run, 'config.yaml'));
  return {
    run,
    config,
    modelPath: await modelOf(run, checkpoint),
    dataDir: data ?? config.data.dir,
    step: await stepsOf(run),
    imageSize: config.data.imageSize,
    // A run saves its network with the scaling in it.
    inputScaling: 'zero-one',
  };
}

async function modelOf(run: string, checkpoint: 'model' | 'last' | 'best'): Promise<string> {
  if (checkpoint === 'model') {
    const path = join(run, 'model');
    if (existsSync(path)) return path;
    throw new RunError(
      `${run}: its training has not ended, there is no model/; --checkpoint last takes the last checkpoint`,
    );
  }
  const found = await new CheckpointStore(join(run, 'checkpoints')).find(checkpoint);
  if (!found) throw new RunError(`${run}: it has no ${checkpoint} checkpoint`);
  return found;
}

async function stepsOf(run: string): Promise<number> {
  try {
    return JSON.parse(await readFile(join(run, 'summary.json'), 'utf8')).steps ?? 0;
  } catch {
    // A run that is not finished has none.
    return 0;
  }
}

/** A network ready to be evaluated on a data set. */
export interface LoadedSubject {
  readonly model: tfl.LayersModel;
  readonly imageSize: readonly [number, number];
  readonly link: 'sigmoid' | 'softmax';
  readonly fit: 'squash' | 'crop';
  readonly workers: number;
}

/**
 * Loads the network and sees that it fits the data set.
 *
 * @throws {ModelError} when its outputs are not the classes, or its input is not an image
 */
export async function loadSubject(subject: Subject, dataset: Dataset): Promise<LoadedSubject> {
  const loaded = await loadLayersModel(subject.modelPath);
  const model = withInputScaling(loaded, subject.inputScaling);
  const outputs = model.outputs[0]!.shape.at(-1);
  if (outputs !== dataset.classes.length) {
    throw new ModelError(
      `${subject.modelPath}: ${outputs} outputs for the ${dataset.classes.length} classes of ${dataset.dir}`,
    );
  }
  const { config } = subject;
  return {
    model,
    imageSize: imageSizeOf(model, subject),
    link: config ? linkOf(config, dataset) : dataset.info.multiLabel ? 'sigmoid' : 'softmax',
    fit: config?.data.fit ?? 'squash',
    workers: config?.data.workers ?? 1,
  };
}

function imageSizeOf(model: tfl.LayersModel, { imageSize, modelPath }: Subject): readonly [number, number] {
  const [, height, width, channels] = model.inputs[0]!.shape;
  if (model.inputs.length !== 1 || channels !== 3) {
    const shape = model.inputs[0]!.shape.map((size) => size ?? 'any').join(', ');
    throw new ModelError(`${modelPath}: expected one input [batch, H, W, 3], found [${shape}]`);
  }
  const size = imageSize ?? (height && width ? ([height, width] as const) : undefined);
  if (!size) throw new UsageError(`${modelPath}: it takes images of any size; say which with --image-size`);
  if ((height ?? size[0]) !== size[0] || (width ?? size[1]) !== size[1]) {
    throw new UsageError(`${modelPath}: it takes images of ${height}x${width}, not of ${size.join('x')}`);
  }
  return size;
}
