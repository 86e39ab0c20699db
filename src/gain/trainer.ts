import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { enableHigherOrderGradients } from '../autodiff/index.ts';
import { DivergenceError, UsageError } from '../errors/index.ts';
import { asGainBatch, type BatchSource, batchesOf, sizeOf } from './batch-source.ts';
import { addTo, type EpochSums, emptySums, meansOf } from './epoch-sums.ts';
import { epochLogs, type History, historyOf } from './history.ts';
import { type GainBatch, type GainLoss, gainLoss } from './objective/index.ts';
import { clipByGlobalNorm, Optimizer, type OptimizerSpec } from './optimizers.ts';
import { constantRate, learningRateFactor, scheduledWeight, type WeightSchedule } from './schedules.ts';
import { accuracyOf, type LossTerm, numbersOf, requireFinite, type StepReport } from './step-report.ts';
import {
  type BatchPosition,
  checkTrainerOptions,
  type FitDatasetArgs,
  type GainTrainerOptions,
  type ScheduledTerm,
  type TrainingCallbacks,
} from './trainer-options.ts';

/**
 * Trains a model with its own attention in the loss (GAIN, Li et al. 2018, arXiv 1802.10171).
 *
 * ```ts
 * const trainer = new GainTrainer(model, { link: 'sigmoid', optimizer: { name: 'adam', learningRate: 1e-3 } });
 * await trainer.fitDataset(dataset, { epochs: 10 });
 * ```
 *
 * The model is any `tf.LayersModel` with image input; it stays the user's and is trained in place.
 */
export class GainTrainer {
  readonly model: tfl.LayersModel;
  readonly optimizer: Optimizer;
  /** Names of the trainable weights, in the order of {@link StepReport.gradientNorms}. */
  readonly weightNames: readonly string[];
  /** Set to end {@link fitDataset} after the batch that is running. */
  stopTraining = false;

  readonly #options: GainTrainerOptions;
  readonly #spec: OptimizerSpec;
  readonly #variables: tf.Variable[];
  readonly #schedules: Record<LossTerm, WeightSchedule>;
  readonly #terms: readonly ScheduledTerm[];
  #accumulated: tf.Tensor[] | undefined;
  #pending = 0;
  #factor = 1;
  #sums: EpochSums = emptySums();

  constructor(model: tfl.LayersModel, options: GainTrainerOptions = {}) {
    enableHigherOrderGradients();
    this.model = model;
    this.#options = options;
    const { classification = 1, mining = 1, supervision = 10 } = options.weights ?? {};
    checkTrainerOptions(options, { classification, mining, supervision });
    this.#schedules = {
      classification: asSchedule(classification),
      mining: asSchedule(mining),
      supervision: asSchedule(supervision),
    };
    this.#terms = options.terms ?? [];
    const trainable = model.trainableWeights;
    if (trainable.length === 0)
      throw new UsageError(`model ${model.name}: nothing to train: every layer is frozen`);
    this.#variables = trainable.map((weight) => weight.read() as tf.Variable);
    this.weightNames = trainable.map((weight) => weight.originalName);
    this.#spec = options.optimizer ?? { name: 'adam', learningRate: 1e-3 };
    this.optimizer = new Optimizer(this.#variables, this.#spec);
  }

  /**
   * One step on one batch: the losses of all streams, their gradient, and (every `accumulate` batches) an update.
   *
   * @param batch see {@link gainLoss}; it stays the caller's.
   * @param position where in the training the batch lies, for the schedules.
   * @param options `gradients`: whether the report is to hold the gradients.
   * @throws {DivergenceError} when a loss or a gradient is not finite, naming it.
   */
  trainOnBatch(
    batch: GainBatch,
    position: BatchPosition,
    { gradients: wantsGradients = false }: { gradients?: boolean } = {},
  ): StepReport {
    const { accumulate = 1, schedule = constantRate } = this.#options;
    const { epoch, epochs, batchLength } = position;
    const weights = mapTerms((term) => scheduledWeight(this.#schedules[term], epoch, batchLength));
    const terms = this.#terms.map((term) => ({
      ...term,
      weight: scheduledWeight(asSchedule(term.weight), epoch, batchLength),
    }));
    const factor = learningRateFactor(schedule, epoch, epochs, batchLength * accumulate);

    // Everything that is to be known of the step is one small tensor: one read, one run of a lazy engine.
    const names: string[] = [];
    const kept = tf.tidy(() => {
      let streams: Streams | undefined;
      const { grads } = tf.variableGrads(() => {
        const options = { ...this.#options, weights, terms, ...this.#seeds() };
        streams = keepAll(gainLoss<tf.Tensor, tf.Tensor>(this.model, batch, options));
        return streams.total;
      }, this.#variables);
      const gradients = this.#variables.map((variable) => grads[variable.name] ?? null);
      const squaredNorms = gradients.map((gradient) =>
        gradient ? tf.sum(tf.square(gradient)) : tf.scalar(0),
      );
      const numbers = numbersOf(streams!);
      names.push(...Object.keys(numbers));
      const statistics = tf.keep(tf.stack([...Object.values(numbers), ...squaredNorms]));
      const logits = tf.keep(tf.clone(streams!.logits));
      disposeAll(streams!);

      this.#update(gradients, factor);
      const copies = wantsGradients
        ? gradients.map((gradient) => tf.keep(tf.clone(gradient ?? tf.scalar(0))))
        : [];
      return { statistics, logits, copies };
    });

    const statistics = kept.statistics.dataSync();
    const logits = Float32Array.from(kept.logits.dataSync());
    const gradients = kept.copies.map((copy) => Float32Array.from(copy.dataSync()));
    tf.dispose(kept);

    const values = Object.fromEntries(names.map((name, i) => [name, statistics[i]!]));
    const { deadShare = Number.NaN, mapMean = Number.NaN, mapEntropy = Number.NaN, ...losses } = values;
    const report: StepReport = {
      step: this.optimizer.updates,
      losses: losses as Record<string, number>,
      weights: { ...weights, ...Object.fromEntries(terms.map(({ name, weight }) => [name, weight])) },
      learningRate: this.#spec.learningRate * factor,
      accuracy: accuracyOf(logits, batch, this.#options.link),
      maps: { deadShare, mean: mapMean, entropy: mapEntropy },
      gradientNorms: Float32Array.from(statistics.subarray(names.length), Math.sqrt),
      ...(wantsGradients && { gradients }),
      images: kept.logits.shape[0]!,
    };
    requireFinite(report, this.weightNames);
    return report;
  }

  /**
   * Trains on a data set for a number of epochs.
   *
   * @param dataset the batches of one epoch, gone through once an epoch; or a function that gives those of an
   *   epoch, for data that is shuffled anew each time (it then also skips the batches before `start`).
   * @returns for each epoch means over its batches: `loss`, `acc`, the terms of the loss; and as `val_…` what `validate` gave.
   * @throws {DivergenceError} when a loss is not finite.
   */
  async fitDataset(
    dataset: BatchSource | ((epoch: number, firstBatch: number) => BatchSource),
    args: FitDatasetArgs,
  ): Promise<History> {
    const callbacks = [args.callbacks ?? []].flat() as TrainingCallbacks[];
    const finished: { epoch: number; logs: Record<string, number> }[] = [];
    let batchesPerEpoch = args.batchesPerEpoch ?? sizeOf(dataset);
    const start = { epoch: 0, batch: 0, ...args.start };
    this.stopTraining = false;
    for (const callback of callbacks) {
      callback.setModel?.(this.model);
      await callback.onTrainBegin?.();
    }

    for (let epoch = start.epoch; epoch < args.epochs && !this.stopTraining; epoch++) {
      const first = epoch === start.epoch ? start.batch : 0;
      this.#sums = (epoch === start.epoch && args.start?.sums) || emptySums();
      for (const callback of callbacks) await callback.onEpochBegin?.(epoch);

      const source = typeof dataset === 'function' ? dataset(epoch, first) : dataset;
      let batch = first;
      for await (const example of batchesOf(source)) {
        const batchLength = batchesPerEpoch ? 1 / batchesPerEpoch : 0;
        const position = {
          epoch: epoch + Math.min(1, batch * batchLength),
          epochs: args.epochs,
          batchLength,
        };
        const gradients = args.gradientsOf?.(epoch, batch) ?? false;
        const report = this.trainOnBatch(asGainBatch(example), position, { gradients });
        // What an iterator gave is used once, as in `model.fitDataset`; an array is gone through again.
        if (!Array.isArray(source)) tf.dispose(example as unknown as tf.TensorContainer);
        addTo(this.#sums, { ...report.losses, acc: report.accuracy });
        for (const callback of callbacks) await callback.onBatchEnd?.(batch, report);
        batch++;
        if (this.stopTraining) break;
      }
      if (this.stopTraining && batch < (batchesPerEpoch ?? batch)) break;
      if (batch === 0) throw new UsageError(`epoch ${epoch + 1}: the data set gave no batch`);
      batchesPerEpoch ??= batch;
      if (this.#pending > 0) tf.tidy(() => this.#applyAccumulated());

      const logs = epochLogs(meansOf(this.#sums), await args.validate?.(epoch));
      finished.push({ epoch, logs });
      for (const callback of callbacks) await callback.onEpochEnd?.(epoch, logs);
    }
    for (const callback of callbacks) await callback.onTrainEnd?.();
    return historyOf(finished);
  }

  /** Sums of the epoch that is running, for a checkpoint in its middle. */
  get epochSums(): EpochSums {
    return structuredClone(this.#sums);
  }

  /** Whether gradients are waiting for the rest of their update; a checkpoint is only exact when none are. */
  get midUpdate(): boolean {
    return this.#pending > 0;
  }

  /**
   * Looks whether the weights can be kept. A loss may be finite and the update that it led to not.
   *
   * @throws {DivergenceError} naming the step and the first weight that is not finite.
   */
  async requireFiniteWeights(): Promise<void> {
    for (const weight of this.model.weights) {
      const values = await weight.read().data();
      if (!values.every(Number.isFinite)) {
        throw new DivergenceError(
          `step ${this.optimizer.updates}: the weight ${weight.originalName} is not finite`,
        );
      }
    }
  }

  /** Frees the optimizer's state. The model stays. */
  dispose(): void {
    this.optimizer.dispose();
    tf.dispose(this.#accumulated ?? []);
  }

  /** Applies gradients, or adds them to those of the batches before and applies their mean. */
  #update(gradients: readonly (tf.Tensor | null)[], factor: number): void {
    const { accumulate = 1 } = this.#options;
    if (accumulate === 1) {
      this.#apply(gradients, factor);
      return;
    }
    this.#accumulated ??= this.#variables.map((variable) => tf.keep(tf.zerosLike(variable)));
    this.#accumulated = this.#accumulated.map((sum, i) => {
      const gradient = gradients[i];
      if (!gradient) return sum;
      const next = tf.keep(tf.add(sum, gradient));
      sum.dispose();
      return next;
    });
    this.#pending++;
    this.#factor = factor;
    if (this.#pending === accumulate) this.#applyAccumulated();
  }

  #applyAccumulated(): void {
    const sums = this.#accumulated!;
    this.#apply(
      sums.map((sum) => tf.div(sum, this.#pending)),
      this.#factor,
    );
    tf.dispose(sums);
    this.#accumulated = undefined;
    this.#pending = 0;
  }

  #apply(gradients: readonly (tf.Tensor | null)[], factor: number): void {
    const { clipNorm = null } = this.#options;
    this.optimizer.apply(clipNorm === null ? gradients : clipByGlobalNorm(gradients, clipNorm), factor);
  }

  /** Seeds of a batch, which do not depend on when the process was started. */
  #seeds(): { seed: number; dropoutSeed: number } {
    const { seed = 1, accumulate = 1 } = this.#options;
    const own = (seed * 1_000_003 + this.optimizer.updates * accumulate + this.#pending) % 0x7fffffff;
    return { seed: own, dropoutSeed: own };
  }
}

const terms: readonly LossTerm[] = ['classification', 'mining', 'supervision'];

function mapTerms(value: (term: LossTerm) => number): Record<LossTerm, number> {
  return Object.fromEntries(terms.map((term) => [term, value(term)])) as Record<LossTerm, number>;
}

function asSchedule(weight: number | WeightSchedule): WeightSchedule {
  return typeof weight === 'number' ? { weight, startEpoch: 0, rampEpochs: 0 } : weight;
}

/** Of images or clips. */
type Streams = GainLoss<tf.Tensor, tf.Tensor>;

/** Keeps the tensors of a result beyond the tidy of `variableGrads`. */
function keepAll(streams: Streams): Streams {
  for (const tensor of tensorsOf(streams)) tf.keep(tensor);
  return streams;
}

function disposeAll(streams: Streams): void {
  for (const tensor of tensorsOf(streams)) tensor.dispose();
}

function tensorsOf(streams: Streams): tf.Tensor[] {
  const values: unknown[] = [...Object.values(streams), ...Object.values(streams.terms)];
  return values.filter((value) => value instanceof tf.Tensor);
}
