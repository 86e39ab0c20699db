import { existsSync, readFileSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import type * as tfl from '@tensorflow/tfjs-layers';
import { type Config, loadConfig } from '../config/index.ts';
import { type DatasetInfo, readDatasetInfo } from '../data/index.ts';
import { ModelError, RunError, UsageError } from '../errors/index.ts';
import type { Link } from '../losses/index.ts';
import { finalLink, type InputScaling, loadLayersModel, withInputScaling } from '../models/index.ts';
import { CheckpointFiles } from './checkpoint-files.ts';
import { holdsRun } from './run-directory.ts';

/** Which weights of a run: as it ended, or those of a checkpoint. */
export type WhichWeights = 'model' | 'last' | 'best';

/** A run, as it ended or at a checkpoint, or the folder of a tfjs layers-model. */
export type NetworkSource =
  | { readonly run: string; readonly checkpoint?: WhichWeights | undefined }
  | { readonly model: string };

/** A trained network that was found, but not loaded yet. */
export interface FoundNetwork {
  readonly name: string;
  /** The run that it belongs to; null for a model folder. */
  readonly run: string | null;
  readonly config: Config | null;
  /** Folder of the model, or its model.json. */
  readonly path: string;
  /** The data set that it was trained on; null where nothing says which. */
  readonly dataDir: string | null;
  /** What `dataset.json` of `dataDir` says; null where it is not here. */
  readonly data: DatasetInfo | null;
  /** Updates of the training; 0 where they are not known. */
  readonly steps: number;
}

/** What is known better than the files say it. */
export interface NetworkOverrides {
  /** Of a model folder; a run holds its own. @default 'zero-one' */
  readonly inputScaling?: InputScaling | undefined;
  /** [H,W] where the model takes any. @default what the model says, else the run */
  readonly imageSize?: readonly [number, number] | undefined;
  /** Names of the classes, in order. @default those of the data set, else their numbers */
  readonly classes?: readonly string[] | undefined;
  /** Index or name. @default 0 */
  readonly output?: number | string | undefined;
  /** For a model that ends in logits. @default what the run says, else its data set, else softmax */
  readonly link?: Link | undefined;
  /** @default what the run explained, else auto */
  readonly targetLayer?: string | undefined;
}

/** A trained network and all that has to be known to use it: one rule for each fact. */
export interface TrainedNetwork extends FoundNetwork {
  /** The model as it lies in its folder. */
  readonly saved: tfl.LayersModel;
  /** The same, for images with values from 0 to 1. */
  readonly model: tfl.LayersModel;
  /** Index of the output with the scores. */
  readonly output: number;
  /** By the columns of that output. */
  readonly classes: readonly string[];
  /** Whether the names of the classes are known; else numbers stand for them. */
  readonly knowsClasses: boolean;
  /** How its logits become scores. */
  readonly link: Link;
  /** Whether something said so; else it was assumed. */
  readonly knowsLink: boolean;
  /** [H,W] */
  readonly imageSize: readonly [number, number];
  /** 3 for colours, 1 for grey. */
  readonly channels: 1 | 3;
  readonly fit: 'squash' | 'crop';
  /** Where class maps are made unless something else is asked for. */
  readonly targetLayer: string;
  /** The map methods that it was trained with: of guidance, then of distillation. */
  readonly methods: readonly string[];
  /** What had to be assumed, a line each. */
  readonly notes: readonly string[];
}

/**
 * A run or a model folder by its path alone.
 *
 * @throws {UsageError} for a path that is neither
 */
export function networkSource(path: string, option = '--run'): NetworkSource {
  if (holdsRun(path)) return { run: path };
  if (existsSync(join(path, 'model.json')) || path.endsWith('.json')) return { model: path };
  const problem = existsSync(path)
    ? 'holds neither a run (config.yaml) nor a tfjs layers-model (model.json)'
    : 'does not exist';
  throw new UsageError(`${option}: ${path} ${problem}`);
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
    steps: stepsOf(run),
  };
}

/**
 * Loads a network that was found. An engine has to be started before.
 *
 * - Output, image size, channels: what the model says; where it leaves the size open, the run.
 * - Link: what the model ends in; else what the run was trained with; else sigmoid for a data set of several labels
 *   an image, or a single score; else softmax, and a note says so.
 * - Classes: those given; else the data set's; else numbers, and a note says so.
 *
 * @throws {ModelError} when it cannot be loaded, does not take one image, or does not answer [B,C] with the classes of
 *   its data set
 * @throws {UsageError} when an override does not fit it
 */
export async function loadNetwork(
  found: FoundNetwork,
  overrides: NetworkOverrides = {},
): Promise<TrainedNetwork> {
  const { config, path } = found;
  const saved = await loadLayersModel(path);
  const notes: string[] = [];
  const output = outputIndex(saved, overrides.output);
  const [imageSize, channels] = inputOf(saved, found, overrides.imageSize);
  const link = linkOf(saved, output, found, overrides.link);
  if (link === undefined) notes.push('scores   softmax of the logits (--link sigmoid says otherwise)');
  const classes = classesOf(saved, output, found, overrides.classes);
  if (classes === undefined) {
    notes.push('classes  their names are not known: numbers take their place (--classes gives names)');
  }
  const explained = config && config.gain.targetLayer !== 'auto' ? config.gain.targetLayer : undefined;
  const methods = config
    ? [config.gain.method, ...(config.distillation ? [config.distillation.maps.method] : [])]
    : [];
  return {
    ...found,
    saved,
    // A run saves its network with the scaling in it.
    model: config ? saved : withInputScaling(saved, overrides.inputScaling ?? 'zero-one'),
    output,
    classes: classes ?? Array.from({ length: saved.outputs[output]!.shape[1]! }, (_, c) => String(c)),
    knowsClasses: classes !== undefined,
    link: link ?? 'softmax',
    knowsLink: link !== undefined,
    imageSize,
    channels,
    fit: config?.data.fit ?? 'squash',
    targetLayer: overrides.targetLayer ?? explained ?? config?.distillation?.maps.studentLayer ?? 'auto',
    methods,
    notes,
  };
}

/**
 * Opens a trained network: finds it, and loads it.
 *
 * @throws as `findNetwork` and `loadNetwork` do
 */
export async function openTrainedNetwork(
  source: NetworkSource,
  overrides: NetworkOverrides = {},
): Promise<TrainedNetwork> {
  return loadNetwork(await findNetwork(source), overrides);
}

/** How the logits of a run become scores: as its config says; `auto` is what its data set says. */
export function linkOfRun({ gain }: Config, data: Pick<DatasetInfo, 'multiLabel'> | null): Link | undefined {
  if (gain.link !== 'auto') return gain.link;
  return data === null ? undefined : data.multiLabel ? 'sigmoid' : 'softmax';
}

/** `tiny-vgg` of `tiny-vgg/model` and of `tiny-vgg/model/model.json`. */
function nameOf(path: string): string {
  const parts = resolve(path).split(sep);
  return parts.findLast((part) => part !== 'model' && part !== 'model.json') || 'model';
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

function outputIndex(model: tfl.LayersModel, output: number | string = 0): number {
  // A Sequential knows no names of outputs.
  const names = model.outputs.map(({ sourceLayer }, i) => model.outputNames[i] ?? sourceLayer.name);
  const index = names.indexOf(String(output));
  const found = index >= 0 ? index : Number(output);
  const shape = model.outputs[found]?.shape;
  if (!shape) {
    const known = names.map((name, i) => `${i} (${name})`).join(', ');
    throw new UsageError(`--output: no output ${output}; the model has ${known}`);
  }
  if (shape.length !== 2 || !shape[1]) {
    throw new ModelError(
      `model ${model.name}: output ${output} answers ${shapeOf(shape)}, not [batch, classes]; other targets are ` +
        'explained from code (docs/explanations.md)',
    );
  }
  return found;
}

function inputOf(
  model: tfl.LayersModel,
  { path, config }: FoundNetwork,
  asked: readonly [number, number] | undefined,
): [readonly [number, number], 1 | 3] {
  const { shape } = model.inputs[0]!;
  const [, height, width, channels] = shape;
  if (model.inputs.length !== 1 || shape.length !== 4 || (channels !== 3 && channels !== 1)) {
    const found = model.inputs.map((input) => shapeOf(input.shape));
    throw new ModelError(
      `${path}: expected one input of images, [batch, H, W, 3] or [batch, H, W, 1], found ` +
        `${found.join(' and ')}; other inputs are explained from code (docs/explanations.md)`,
    );
  }
  const size = asked ?? (height && width ? ([height, width] as const) : config?.data.imageSize);
  if (!size) throw new UsageError(`${path}: it takes images of any size; say which with --image-size`);
  if ((height ?? size[0]) !== size[0] || (width ?? size[1]) !== size[1]) {
    throw new UsageError(`${path}: it takes images of ${height}x${width}, not of ${size.join('x')}`);
  }
  return [size, channels];
}

function linkOf(
  model: tfl.LayersModel,
  output: number,
  { config, data }: FoundNetwork,
  asked: Link | undefined,
): Link | undefined {
  const final = finalLink(model, output);
  if (asked !== undefined && final !== undefined && asked !== final) {
    throw new UsageError(`--link: ${asked}, but the model itself ends in ${final}`);
  }
  const known = asked ?? final ?? (config ? linkOfRun(config, data) : undefined);
  // The softmax of a single score is 1.
  if (known === undefined && model.outputs[output]!.shape[1] === 1) return 'sigmoid';
  return known ?? (data ? (data.multiLabel ? 'sigmoid' : 'softmax') : undefined);
}

function classesOf(
  model: tfl.LayersModel,
  output: number,
  { data, path, dataDir }: FoundNetwork,
  asked: readonly string[] | undefined,
): readonly string[] | undefined {
  const count = model.outputs[output]!.shape[1]!;
  const names = asked ?? data?.classes;
  if (names === undefined || names.length === count) return names;
  if (asked) {
    throw new UsageError(`--classes: the model has ${count} classes, received ${names.length} names`);
  }
  throw new ModelError(`${path}: ${count} outputs for the ${names.length} classes of ${dataDir}`);
}

function shapeOf(shape: readonly (number | null)[]): string {
  return `[${shape.map((size) => size ?? 'any').join(', ')}]`;
}
