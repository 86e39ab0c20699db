import type * as tfl from '@tensorflow/tfjs-layers';
import type { EpochSums } from './epoch-sums.ts';
import type { ExtraTerm, GainLossOptions } from './objective/index.ts';
import { checkOptimizer, type OptimizerSpec } from './optimizers.ts';
import {
  checkSchedule,
  checkWeightSchedule,
  type LearningRateSchedule,
  requireOption,
  type WeightSchedule,
} from './schedules.ts';
import type { LossTerm, StepReport } from './step-report.ts';

/** A term beside GAIN's own, with a weight that may grow over the training. */
export interface ScheduledTerm extends Omit<ExtraTerm, 'weight'> {
  readonly weight: number | WeightSchedule;
}

export interface GainTrainerOptions
  extends Omit<GainLossOptions, 'weights' | 'terms' | 'training' | 'dropoutSeed' | 'seed'> {
  /** Weight of each term: a number, or one that starts at an epoch and ramps up. @default 1, 1, 10 (the paper's) */
  readonly weights?: { readonly [Term in LossTerm]?: number | WeightSchedule };
  /** Terms beside GAIN's own, for example `distillationTerms`. @default none */
  readonly terms?: readonly ScheduledTerm[];
  /** @default adam at 1e-3 */
  readonly optimizer?: OptimizerSpec;
  /** @default constant */
  readonly schedule?: LearningRateSchedule;
  /** Largest global norm of the gradient. @default none */
  readonly clipNorm?: number | null;
  /** Batches per update, their gradients averaged; those left at the end of an epoch make one too. @default 1 */
  readonly accumulate?: number;
  /** Of dropout and of the classes drawn for mining. @default 1 */
  readonly seed?: number;
}

/** Where in the training a batch lies. */
export interface BatchPosition {
  /** In epochs, fractional: 2.5 is the middle of the third. */
  readonly epoch: number;
  /** Length of the training, in epochs. */
  readonly epochs: number;
  /** Length of one batch, in epochs. */
  readonly batchLength: number;
}

/** Hooks of `GainTrainer.fitDataset`; the names are those of tf.layers' callbacks. */
export interface TrainingCallbacks {
  /** Before everything else, as tfjs does with its own callbacks. */
  setModel?(model: tfl.LayersModel): void;
  onTrainBegin?(): void | Promise<void>;
  onEpochBegin?(epoch: number): void | Promise<void>;
  onBatchEnd?(batch: number, report: StepReport): void | Promise<void>;
  /** `logs`: `loss`, `acc` and the terms of the loss, means over the batches of the epoch; `val_…`, what `validate` gave. */
  onEpochEnd?(epoch: number, logs: Record<string, number>): void | Promise<void>;
  onTrainEnd?(): void | Promise<void>;
}

export interface FitDatasetArgs {
  readonly epochs: number;
  /** Batches of an epoch, for schedules; counted in the first epoch when absent. */
  readonly batchesPerEpoch?: number;
  readonly callbacks?: TrainingCallbacks | readonly TrainingCallbacks[];
  /** Computes metrics after an epoch; they join the epoch's logs, `accuracy` as `val_accuracy`. */
  readonly validate?: (epoch: number) => Promise<Record<string, number>>;
  /** Batches whose gradients the report holds, for histograms. @default none */
  readonly gradientsOf?: (epoch: number, batch: number) => boolean;
  /** Where to take up an interrupted training. `sums` are the {@link EpochSums} of the epoch so far. */
  readonly start?: { readonly epoch: number; readonly batch: number; readonly sums?: EpochSums };
}

/** What a caller in JavaScript may get wrong, told before the first step instead of as a NaN after it. */
export function checkTrainerOptions(
  { optimizer, schedule, terms = [], accumulate = 1, clipNorm = null, seed = 1 }: GainTrainerOptions,
  weights: Record<LossTerm, number | WeightSchedule>,
): void {
  if (optimizer) checkOptimizer(optimizer);
  if (schedule) checkSchedule(schedule);
  for (const [name, weight] of Object.entries(weights)) checkWeightSchedule(name, weight);
  for (const { name, weight, loss } of terms) {
    checkWeightSchedule(name, weight);
    requireOption(typeof loss === 'function', `terms.${name}.loss`, 'a function', typeof loss);
  }
  const whole = Number.isInteger(accumulate) && accumulate >= 1;
  requireOption(whole, 'accumulate', 'a whole number of at least 1', accumulate);
  requireOption(clipNorm === null || clipNorm > 0, 'clipNorm', 'a number above 0', clipNorm);
  requireOption(Number.isFinite(seed), 'seed', 'a finite number', seed);
}
