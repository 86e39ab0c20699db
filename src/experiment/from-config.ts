import { isDeepStrictEqual } from 'node:util';
import type * as tfl from '@tensorflow/tfjs-layers';
import type { Config } from '../config/index.ts';
import {
  type BatchOptions,
  type CompositeOptions,
  type Dataset,
  generateDrawn,
  openDataset,
  type PredictedMasks,
} from '../data/index.ts';
import { DataError, UsageError } from '../errors/index.ts';
import type { EvaluateOptions } from '../evaluation/index.ts';
import {
  type DistillationOptions,
  type GainTrainerOptions,
  type GuidanceOptions,
  maskless,
  type WeightSchedule,
} from '../gain/index.ts';
import type { AttentionMapsOptions } from '../gradcam/index.ts';
import {
  type BackboneName,
  buildModel,
  checkModelOptions,
  findInputScaling,
  freezeLayers,
  loadLayersModel,
  modelNames,
  shownScaling,
  takesVolumes,
  unfreezeLayers,
  withInputScaling,
  withInputSize,
  withNewHead,
  withTwoClasses,
} from '../models/index.ts';
import { type Progress, startProgress } from '../progress/index.ts';
import { fileOfNetwork } from '../run/index.ts';

/**
 * Opens the data set of an experiment; a built-in one is generated first when it is not there.
 *
 * Every record of the splits that the experiment uses is read and checked, though no image is decoded: damage in
 * a test split is better known before the training than after it.
 *
 * @throws {DataError} naming the file and record that is missing or damaged.
 */
export async function openExperimentData(config: Config, signal?: AbortSignal): Promise<Dataset> {
  const { dir, splits, masks } = config.data;
  await drawBuiltInData(config, signal);
  const dataset = await openDataset(dir);
  checkFrames(config, dataset);
  const wanted = [
    ...splits.train,
    ...(splits.validation ? [splits.validation] : []),
    ...splits.test,
    ...(masks.count === 0 ? [] : [masks.split]),
  ];
  const known = Object.keys(dataset.info.splits);
  for (const split of wanted) {
    if (!known.includes(split))
      throw new DataError(`${dir}: no split '${split}'; it has ${known.join(', ')}`);
    await dataset.labelStatistics(split);
  }
  return dataset;
}

function checkFrames({ data: { dir, frames } }: Config, { info }: Dataset): void {
  if (info.clips && frames === null) {
    throw new UsageError(`data.frames: null, but ${dir} holds clips; say how many frames reach the network`);
  }
  if (!info.clips && frames !== null) {
    throw new UsageError(`data.frames: ${frames}, but ${dir} holds images, not clips`);
  }
}

/** Draws the data set of a built-in source where it is not there yet. */
export async function drawBuiltInData({ data }: Config, signal?: AbortSignal): Promise<void> {
  if (data.source === 'tfrecord') return;
  let progress: Progress | undefined;
  try {
    await generateDrawn(data.source, data.dir, data.options, (done, total) => {
      signal?.throwIfAborted();
      progress ??= startProgress(`drawing ${data.source}`, total);
      progress.update(done);
    });
  } finally {
    progress?.stop();
  }
}

/** Whether any term of the loss, or a module of the user's own, reads the masks and boxes of a batch. */
export function masksAreRead({ data, gain, guidance, training }: Config): boolean {
  if (data.masks.count === 0 && !data.composites) return false;
  const supervises = data.masks.count !== 0 && gain.losses.supervision.weight > 0;
  return supervises || Object.keys(termsOf(guidance.losses)).length > 0 || training.module !== null;
}

/** How an epoch of training walks over the data. */
export function trainingBatchOptions(
  config: Config,
  epoch: number,
  firstBatch: number,
  { predicted, composites }: MadeData = {},
): BatchOptions {
  const { data, seed } = config;
  const { batchSize, imageSize, frames, fit, workers, augment, shuffleBuffer, masks, partners } = data;
  return {
    batchSize,
    imageSize,
    frames: frames ?? undefined,
    fit,
    workers,
    augment,
    shuffle: shuffleBuffer,
    seed,
    epoch,
    skipBatches: firstBatch,
    dropRemainder: true,
    masks: masks.count === 0 ? 'none' : { split: masks.split, count: masks.count, of: masks.use },
    maskedPerBatch: masks.perBatch,
    withMasks: masksAreRead(config),
    partners,
    ...(predicted && { predicted }),
    predictedSupervise: masks.predicted?.supervise ?? false,
    composites,
  };
}

/** What a training is fed beside the records of its data set. */
export interface MadeData {
  readonly predicted?: PredictedMasks | undefined;
  readonly composites?: CompositeOptions | undefined;
}

/**
 * The composites that a config asks for, with the classes by their numbers.
 *
 * @param found suspects where the config leaves them to an audit
 * @throws {UsageError} naming the class that does not exist
 */
export function compositesOf(
  { data }: Config,
  dataset: Dataset,
  found?: readonly string[],
): CompositeOptions | undefined {
  if (!data.composites) return undefined;
  const { suspects: asked, erased, ...options } = data.composites;
  const suspects = found ?? asked;
  if (suspects !== 'all' && !isNames(suspects)) {
    throw new UsageError('data.composites.suspects: left to an audit, and there is none; name the classes');
  }
  const indexOf = (name: string, key: string) => {
    const index = dataset.classes.indexOf(name);
    if (index >= 0) return index;
    throw new UsageError(
      `data.composites.${key}: no class '${name}' in ${data.dir}; it has ${dataset.classes.join(', ')}`,
    );
  };
  return {
    ...options,
    suspects:
      suspects === 'all'
        ? dataset.classes.map((_, c) => c)
        : suspects.map((name) => indexOf(name, 'suspects')),
    erased: erased === 'none' || erased === 'uniform' ? erased : indexOf(erased, 'erased'),
  };
}

function isNames(suspects: unknown): suspects is readonly string[] {
  return Array.isArray(suspects);
}

/**
 * Checks the part of the network's description that needs neither data nor engine.
 *
 * @throws {UsageError} naming the backbone or option that does not exist, and the near matches; a network of images for
 *   clips, and the other way round.
 */
export function checkModelConfig({ model, data: { frames } }: Config): void {
  if (model.weights !== null) return;
  checkModelOptions(model.backbone, model.options);
  if (takesVolumes(model.backbone) === (frames !== null)) return;
  const fitting = modelNames().filter((name) => takesVolumes(name) === (frames !== null));
  throw new UsageError(
    `model.backbone: ${model.backbone} takes ${frames === null ? 'clips, and data.frames is null' : `images, and data.frames is ${frames}`}; expected ${fitting.join(', ')}`,
  );
}

/** Index of the class that the experiment is about. */
export function focusClassOf(config: Config, dataset: Dataset): number | undefined {
  const { focusClass } = config.evaluation;
  if (focusClass === null) return undefined;
  const index = dataset.info.classes.indexOf(focusClass);
  if (index < 0) {
    throw new UsageError(
      `evaluation.focusClass: no class '${focusClass}' in ${config.data.dir}; it has ${dataset.info.classes.join(', ')}`,
    );
  }
  return index;
}

/**
 * Sees that there are groups where they choose the checkpoint.
 *
 * @throws {UsageError} when no image of the validation split has a group
 */
export async function requireGroups({ training, data }: Config, dataset: Dataset): Promise<void> {
  const { validation } = data.splits;
  if (!['worstGroup', 'groupMean'].includes(training.selectBy) || validation === null) return;
  const { groups } = await dataset.labelStatistics([validation]);
  if (groups.length > 0) return;
  throw new UsageError(
    `training.selectBy: ${training.selectBy}, but no image of ${validation} in ${data.dir} has a group`,
  );
}

/**
 * Builds the network of an experiment: logits for each class of the data set, input in [0, 1]. A network with one score
 * goes on as one of two classes where the data set has two, of which an image has one.
 *
 * @param exclusive whether an image has one label
 * @param log takes a line when its files want another scaling of the pixels than the config says
 */
export async function buildExperimentModel(
  config: Config,
  classes: number,
  { exclusive = false, log = () => {} }: { exclusive?: boolean; log?: (line: string) => void } = {},
): Promise<tfl.LayersModel> {
  const { backbone, options, weights, head, inputScaling, freeze } = config.model;
  const { frames } = config.data;
  const inputShape: [number, number, number] | [number, number, number, number] = frames
    ? [frames, ...config.data.imageSize, 3]
    : [...config.data.imageSize, 3];
  let model: tfl.LayersModel;
  if (weights === null) {
    // The registry checks the name and the options.
    model = buildModel(backbone as BackboneName, { inputShape, classes, seed: config.seed, ...options });
  } else {
    const loaded = await loadLayersModel(weights, { onNote: (note) => log(`file     ${note}`) });
    const wanted = await findInputScaling(fileOfNetwork(weights), loaded);
    if (wanted && !isDeepStrictEqual(wanted.scaling, inputScaling)) {
      log(
        `warning  model.inputScaling: ${shownScaling(inputScaling)}, but ${wanted.why}: ${shownScaling(wanted.scaling)}`,
      );
    }
    // `freeze` says everything: what was frozen when the model was saved does not matter here.
    unfreezeLayers(loaded);
    const { imageSize } = config.data;
    if (head) {
      const { kind, ...options } = head;
      model = withNewHead(loaded, {
        classes,
        head: kind,
        ...options,
        inputSize: imageSize,
        seed: config.seed,
      });
    } else {
      model = frames ? sameClips(loaded, inputShape) : withInputSize(loaded, imageSize);
      if (exclusive && classes === 2 && model.outputs[0]!.shape.at(-1) === 1) {
        model = withTwoClasses(model);
        log('network  its one score becomes those of two classes');
      }
    }
  }
  const outputs = model.outputs[0]!.shape.at(-1);
  if (outputs !== classes) {
    throw new UsageError(
      `model: ${outputs} outputs for the ${classes} classes of ${config.data.dir}; give it a new head`,
    );
  }
  if (inputScaling !== 'zero-one') model = withInputScaling(model, inputScaling);
  if (freeze.length > 0) freezeLayers(model, freeze);
  return model;
}

/** @throws {UsageError} for a network of other clips, or of images */
function sameClips(model: tfl.LayersModel, wanted: readonly number[]): tfl.LayersModel {
  const own = model.inputs[0]!.shape.slice(1);
  if (own.length === wanted.length && own.every((size, axis) => size === null || size === wanted[axis])) {
    return model;
  }
  throw new UsageError(
    `model.weights: it takes [${own.map((size) => size ?? 'any').join(', ')}], data.frames and data.imageSize say [${wanted.join(', ')}]`,
  );
}

/** The part of the config that says how maps are made. */
export function mapOptionsOf(config: Config): AttentionMapsOptions {
  const { method, targetLayer } = config.gain;
  return { method, targetLayer };
}

/**
 * How a run measures a split.
 *
 * @param maxLabels labels per image at most
 */
export function evaluationOptionsOf(
  config: Config,
  dataset: Dataset,
  link: 'sigmoid' | 'softmax',
  maxLabels: number,
  signal?: AbortSignal,
): EvaluateOptions {
  const { imageSize, frames, fit, workers } = config.data;
  return {
    batchSize: config.evaluation.batchSize,
    imageSize,
    frames: frames ?? undefined,
    fit,
    workers,
    maxLabels,
    maps: mapOptionsOf(config),
    link,
    focusClass: focusClassOf(config, dataset),
    signal,
  };
}

/** The terms of distillation as the config weighs them, without those of weight 0. */
export function distillationOptionsOf({
  teacher,
  maps,
  losses,
}: NonNullable<Config['distillation']>): DistillationOptions {
  return { ...termsOf(losses), maps, teacherSees: teacher.sees };
}

/**
 * The guided terms as the config weighs them, without those of weight 0; without masks, those alone that need none.
 *
 * @param classes of the data set
 * @throws {UsageError} for a class that is not among them
 */
export function guidanceOptionsOf(
  { guidance, gain, data }: Config,
  classes: readonly string[],
): GuidanceOptions {
  const { method, targetLayer, differentiateWeights } = gain;
  const weighed = Object.entries(termsOf(guidance.losses));
  const usable =
    data.masks.count === 0 ? weighed.filter(([name]) => (maskless as string[]).includes(name)) : weighed;
  if (usable.length === 0) return {};
  const { signed, ...terms } = Object.fromEntries(usable) as GuidanceOptions;
  const named = guidance.losses.signed.classes?.map((name) => {
    const index = classes.indexOf(name);
    if (index >= 0) return index;
    throw new UsageError(
      `guidance.losses.signed.classes: no class '${name}' in ${data.dir}; it has ${classes.join(', ')}`,
    );
  });
  const { pixels } = guidance.losses.signed;
  return {
    ...terms,
    ...(signed && { signed: { ...signed, classes: named, pixels: pixels ?? undefined } }),
    maps: { ...guidance.maps, method, targetLayer, differentiateWeights },
  };
}

/** Guided terms of a config that would do nothing, because it gives them no masks. */
export function guidanceWithoutMasks({ guidance, data }: Config): string[] {
  if (data.masks.count !== 0) return [];
  return Object.keys(termsOf(guidance.losses)).filter((name) => !(maskless as string[]).includes(name));
}

interface ConfiguredTerm extends WeightSchedule {
  readonly [option: string]: unknown;
}

function termsOf(losses: { readonly [name: string]: ConfiguredTerm }): Record<string, object> {
  const weighed = Object.entries(losses).filter(([, { weight }]) => weight > 0);
  const terms = weighed.map(([name, { weight, startEpoch, rampEpochs, endEpoch, ...rest }]) => [
    name,
    { ...rest, weight: { weight, startEpoch, rampEpochs, endEpoch } },
  ]);
  return Object.fromEntries(terms);
}

/** The trainer's options as the config says. */
export function trainerOptionsOf(config: Config, link: 'sigmoid' | 'softmax'): GainTrainerOptions {
  const { gain, training, seed, data } = config;
  const { losses, link: _link, ...objective } = gain;
  return {
    ...objective,
    link,
    weights: {
      classification: losses.classification,
      mining: losses.mining,
      // Without masks there is nothing to supervise with.
      supervision: data.masks.count === 0 ? 0 : losses.supervision,
    },
    optimizer: training.optimizer,
    schedule: training.schedule,
    clipNorm: training.clipNorm,
    accumulate: training.accumulate,
    seed,
  };
}

/**
 * How many (sample, class) pairs a batch is padded to: rarely exceeded, far below `batchSize · maxLabels`.
 *
 * Mean + 2 standard deviations of the sum over a batch of the labels per image, rounded up to a multiple of 4.
 * A batch with more pairs takes the next multiple; nothing is dropped.
 *
 * @param histogram images by number of labels: `histogram[k]` images have k.
 */
export function pairCapacityFor(histogram: readonly number[], batchSize: number): number {
  const images = histogram.reduce((sum, count) => sum + count, 0) || 1;
  const mean = histogram.reduce((sum, count, k) => sum + count * k, 0) / images;
  const variance = histogram.reduce((sum, count, k) => sum + count * (k - mean) ** 2, 0) / images;
  const most = batchSize * Math.max(1, histogram.length - 1);
  const likely = batchSize * mean + 2 * Math.sqrt(batchSize * variance);
  return Math.min(most, Math.ceil(likely / 4) * 4);
}
