import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import type { Config } from '../config/index.ts';
import type { Cell, CompositeOptions, Dataset } from '../data/index.ts';
import { UsageError } from '../errors/index.ts';
import { headFeatures, type RegressionData, refitLastLayer } from '../gain/index.ts';
import type { Link } from '../losses/index.ts';
import { type MadeData, trainingBatchOptions } from './data-from-config.ts';

export type RefitConfig = NonNullable<Config['training']['refit']>;

const batchSize = 50;

/**
 * Fits the last layer anew, as `training.refit` says: on composites, in which ground and object are independent, or on
 * the groups of the training set, each of which weighs the same.
 *
 * @returns a line that says what was done
 * @throws {UsageError} when there are no composites, no groups, or no such class
 * @throws {ModelError} when the network does not end in a dense layer
 */
export async function refit(
  model: tfl.LayersModel,
  dataset: Dataset,
  config: Config,
  refitting: RefitConfig,
  made: MadeData,
  link: Link,
  signal?: AbortSignal,
): Promise<string> {
  const { on, samples, lambda, subsets } = refitting;
  const classes = classesToFit(refitting, dataset, made.composites);
  const options = { link, lambda, subsets, seed: config.seed };
  // Where classes exclude each other the rows are one fit, else each is one of its own.
  const fits = (of: readonly number[]) => (link === 'softmax' ? [[...of]] : of.map((c) => [c]));
  if (on === 'groups') {
    const data = await groupSamples(model, dataset, config, signal);
    for (const some of fits(classes)) {
      const weights = groupWeights(data, some);
      refitLastLayer(model, { ...data.samples, weights }, { ...options, classes: some });
    }
    return `refit    last layer on ${data.groups.length} images of ${new Set(data.groups).size} groups`;
  }
  const { composites } = made;
  if (!composites) throw new UsageError('training.refit.on: composites needs data.composites');
  for (const suspects of fits(link === 'softmax' ? composites.suspects : classes)) {
    const data = await compositeSamples(
      model,
      dataset,
      config,
      made,
      { ...composites, suspects },
      samples,
      signal,
    );
    refitLastLayer(model, data, { ...options, classes: suspects });
  }
  const names = (link === 'softmax' ? dataset.classes : classes.map((c) => dataset.classes[c])).join(', ');
  return `refit    last layer on ${samples} composites: ${names}`;
}

function classesToFit(
  { classes }: RefitConfig,
  dataset: Dataset,
  composites: CompositeOptions | undefined,
): number[] {
  if (classes === 'all') return dataset.classes.map((_, c) => c);
  if (classes === 'suspects') return [...(composites?.suspects ?? dataset.classes.map((_, c) => c))];
  return classes.map((name) => {
    const index = dataset.classes.indexOf(name);
    if (index >= 0) return index;
    throw new UsageError(
      `training.refit.classes: no class '${name}'; there are ${dataset.classes.join(', ')}`,
    );
  });
}

/** Samples as they come, until {@link take} is asked for the regression's data. */
class Samples {
  readonly #model: tfl.LayersModel;
  readonly #size: readonly [number, number];
  readonly #features: Float32Array[] = [];
  readonly #labels: Float32Array[] = [];
  #width = 0;

  constructor(model: tfl.LayersModel, size: readonly [number, number]) {
    this.#model = model;
    this.#size = size;
  }

  add(images: Float32Array, labels: Float32Array): void {
    const [height, width] = this.#size;
    const count = images.length / (height * width * 3);
    const tensor = tf.tensor4d(images, [count, height, width, 3]);
    const { values, width: read } = headFeatures(this.#model, tensor);
    tensor.dispose();
    this.#features.push(values);
    this.#labels.push(labels);
    this.#width = read;
  }

  take(classes: number): RegressionData {
    return {
      features: concat(this.#features),
      labels: concat(this.#labels),
      width: this.#width,
      classes,
    };
  }
}

async function compositeSamples(
  model: tfl.LayersModel,
  dataset: Dataset,
  config: Config,
  made: MadeData,
  composites: CompositeOptions,
  count: number,
  signal?: AbortSignal,
): Promise<RegressionData> {
  const classes = dataset.classes.length;
  const [height, width] = config.data.imageSize;
  const cells: Cell[] = Array.from({ length: count }, (_, i) => ({
    ground: i % 4 < 2,
    present: i % 2 === 0,
  }));
  const { batchSize: _, ...walk } = trainingBatchOptions(config, 0, 0, made);
  const samples = new Samples(model, [height, width]);
  let images: Float32Array[] = [];
  let labels: Float32Array[] = [];
  const flush = () => {
    signal?.throwIfAborted();
    if (images.length > 0) samples.add(concat(images), concat(labels));
    [images, labels] = [[], []];
  };
  for await (const made_ of dataset.composites(config.data.splits.train, { ...walk, composites }, cells)) {
    if (made_.labelWeights.every((weight) => weight === 0)) continue;
    images.push(made_.picture.data);
    labels.push(made_.labels);
    if (images.length === batchSize) flush();
  }
  flush();
  return samples.take(classes);
}

interface GroupSamples {
  readonly samples: RegressionData;
  /** Of each sample. */
  readonly groups: readonly string[];
}

async function groupSamples(
  model: tfl.LayersModel,
  dataset: Dataset,
  config: Config,
  signal?: AbortSignal,
): Promise<GroupSamples> {
  const samples = new Samples(model, config.data.imageSize);
  const groups: string[] = [];
  const options = {
    ...trainingBatchOptions(config, 0, 0),
    batchSize,
    augment: null,
    shuffle: false,
    dropRemainder: false,
  };
  for await (const batch of dataset.batches(config.data.splits.train, options)) {
    signal?.throwIfAborted();
    if (!batch.groups) {
      throw new UsageError(
        `training.refit.on: images of ${config.data.splits.train.join(', ')} in ${config.data.dir} have no group`,
      );
    }
    samples.add(batch.images, batch.labels);
    groups.push(...batch.groups);
  }
  return { samples: samples.take(dataset.classes.length), groups };
}

/** Each group weighs the same, and in it the images with each of the labels in question. */
function groupWeights({ samples, groups }: GroupSamples, classes: readonly number[]): Float32Array {
  const keys = groups.map((group, i) => {
    const labels = samples.labels.subarray(i * samples.classes, (i + 1) * samples.classes);
    return `${group} ${classes.map((c) => labels[c]).join('')}`;
  });
  const count = new Map<string, number>();
  for (const key of keys) count.set(key, (count.get(key) ?? 0) + 1);
  return Float32Array.from(keys, (key) => 1 / count.get(key)!);
}

function concat(arrays: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(arrays.reduce((sum, array) => sum + array.length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
}
