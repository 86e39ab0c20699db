import { type Config, stringifyConfig } from '../config/index.ts';
import type { Dataset } from '../data/index.ts';
import { type EngineInfo, startEngine } from '../engine/index.ts';
import { DivergenceError, InterruptedError } from '../errors/index.ts';
import { resolveTargetLayer } from '../gradcam/index.ts';
import { saveLayersModel } from '../models/index.ts';
import { type Progress, startProgress } from '../progress/index.ts';
import { AttentionPanel } from './attention-panel.ts';
import { CheckpointStore, restoreWeights } from './checkpoint.ts';
import { describeEnvironment } from './environment.ts';
import { type EvaluateOptions, evaluateSplit, type SplitMetrics } from './evaluate.ts';
import {
  buildExperimentModel,
  focusClassOf,
  linkOf,
  mapOptionsOf,
  openExperimentData,
  pairCapacityFor,
  trainerOptionsOf,
} from './experiment.ts';
import { batchToTensors } from './host-batch.ts';
import type { RunDirectory } from './run-directory.ts';
import { RunLog } from './run-log.ts';
import { type EpochSums, GainTrainer, type StepReport } from './trainer.ts';

export interface RunOptions {
  /** Go on from the last checkpoint. */
  readonly resume: boolean;
  /** Ends the training after the batch that is running, with a checkpoint. */
  readonly signal?: AbortSignal;
  /** Takes a line for the user. @default writes it to stderr */
  readonly log?: (line: string) => void;
}

/** What a run ends with; also written to `summary.json`. */
export interface RunSummary {
  readonly name: string;
  readonly engine: EngineInfo;
  readonly targetLayer: string;
  readonly epochs: number;
  readonly steps: number;
  /** Of training alone, without evaluation and checkpoints. */
  readonly trainingSeconds: number;
  readonly imagesPerSecond: number;
  readonly best: BestEvaluation | null;
  /** Of each test split, with the weights that `evaluation.checkpoint` names. */
  readonly metrics: Readonly<Record<string, SplitMetrics>>;
}

interface BestEvaluation {
  readonly metric: string;
  readonly value: number;
  readonly epoch: number;
}

/** What the loop carries from step to step beside weights and optimizer; part of every checkpoint. */
interface LoopState {
  sums: EpochSums;
  best: BestEvaluation | null;
  evaluationsSinceBest: number;
  trainingSeconds: number;
  images: number;
}

/**
 * The main job: trains the experiment that a config describes, from data to summary.
 *
 * @throws {DataError} {ModelError} {EngineError} {RunError} for what the user can mend;
 *   {DivergenceError} when a loss is not finite; {InterruptedError} when `signal` ended it.
 */
export async function runExperiment(
  config: Config,
  directory: RunDirectory,
  options: RunOptions,
): Promise<RunSummary> {
  const { resume, signal, log = (line) => process.stderr.write(`${line}\n`) } = options;
  const { training, data } = config;

  // ---- engine, data, network
  const engine = await startEngine({ engine: config.engine.name, threads: config.engine.threads });
  log(`engine   ${engine.reason}`);
  const dataset = await openExperimentData(config);
  const { classes } = dataset.info;
  const statistics = await dataset.labelStatistics(data.splits.train);
  log(`data     ${dataset.info.name}: ${statistics.examples} training images, ${classes.length} classes`);
  const model = await buildExperimentModel(config, classes.length);
  const target = resolveTargetLayer(model, config.gain.targetLayer);
  log(
    `network  ${model.name}, ${model.countParams().toLocaleString('en')} parameters; maps: ${target.reason}`,
  );

  // ---- trainer, at the beginning or where the last checkpoint left it
  const link = linkOf(config, dataset);
  const capacity = pairCapacityFor(statistics.perImage, data.batchSize);
  const maxLabels = Math.max(1, statistics.maxPerImage);
  const trainer = new GainTrainer(model, {
    ...trainerOptionsOf(config, link),
    pairCapacity: capacity,
    groups: maxLabels,
  });
  const checkpoints = new CheckpointStore(directory.file('checkpoints'));
  const restored = resume ? await checkpoints.restore(model, trainer.optimizer) : undefined;
  const start = restored ?? { step: 0, epoch: 0, batch: 0, carried: {} };
  const state: LoopState = {
    sums: { batches: 0, losses: {} },
    best: null,
    evaluationsSinceBest: 0,
    trainingSeconds: 0,
    images: 0,
    ...start.carried,
  };
  if (restored) log(`resumed  after step ${start.step}: epoch ${start.epoch + 1}, batch ${start.batch}`);

  // ---- records
  await directory.write('config.yaml', stringifyConfig(config));
  await directory.writeJson('environment.json', describeEnvironment(engine, config.seed));
  const records = await RunLog.open(directory, config, restored ? start.step : undefined);
  const evaluation: EvaluateOptions = {
    batchSize: config.evaluation.batchSize,
    imageSize: data.imageSize,
    fit: data.fit,
    workers: data.workers,
    maxLabels,
    maps: mapOptionsOf(config),
    link,
    focusClass: focusClassOf(config, dataset),
  };
  const panel = await AttentionPanel.load(config, dataset, evaluation, directory);
  const saveCheckpoint = (epoch: number, batch: number, best = false) =>
    checkpoints.save(
      model,
      trainer.optimizer,
      { step: trainer.optimizer.updates, epoch, batch, carried: { ...state, sums: trainer.epochSums } },
      { best },
    );

  // ---- the training
  const maskCapacity = data.masks.count === 0 ? 0 : capacity;
  const batchesPerEpoch = Math.floor(statistics.examples / data.batchSize);
  let progress: Progress | undefined;
  let epochNow = start.epoch;
  let lastBatchAt = 0;
  let lastOfEpoch: StepReport | undefined;
  try {
    if (!restored && panel) await records.attention(0, await panel.draw(model, 0));
    await trainer.fitDataset((epoch, first) => trainingBatches(config, dataset, epoch, first, maskCapacity), {
      epochs: training.epochs,
      batchesPerEpoch,
      gradientsOf: (epoch, batch) => batch + 1 === batchesPerEpoch && records.wantsHistograms(epoch + 1),
      start: { epoch: start.epoch, batch: start.batch, sums: state.sums },
      validate: async (epoch) => {
        progress?.stop();
        const due = (epoch + 1) % training.evaluateEvery === 0 || epoch + 1 === training.epochs;
        if (!due || data.splits.validation === null) return {};
        const metrics = await evaluateSplit(model, dataset, data.splits.validation, evaluation);
        const step = trainer.optimizer.updates;
        await records.evaluation(step, epoch + 1, data.splits.validation, metrics);
        if (panel) await records.attention(step, await panel.draw(model, epoch + 1));
        const better = isBetter(training.selectBy, metrics[training.selectBy], state.best);
        if (better)
          state.best = { metric: training.selectBy, value: metrics[training.selectBy], epoch: epoch + 1 };
        state.evaluationsSinceBest = better ? 0 : state.evaluationsSinceBest + 1;
        return { [`val ${training.selectBy}`]: metrics[training.selectBy] };
      },
      callbacks: {
        onEpochBegin(epoch) {
          epochNow = epoch;
          lastBatchAt = performance.now();
          progress = startProgress(`epoch ${epoch + 1}/${training.epochs}`, batchesPerEpoch);
        },
        async onBatchEnd(batch, report) {
          state.images += report.images;
          state.trainingSeconds += (performance.now() - lastBatchAt) / 1000;
          progress?.update(batch + 1, describeStep(report, state.images / state.trainingSeconds));
          records.step(report, state.images / state.trainingSeconds);
          if (batch + 1 === batchesPerEpoch) lastOfEpoch = report;
          const stop = signal?.aborted === true;
          if (!trainer.midUpdate && (stop || report.step % training.checkpointEvery === 0)) {
            await saveCheckpoint(epochNow, batch + 1);
            trainer.stopTraining = stop;
          }
          lastBatchAt = performance.now();
        },
        async onEpochEnd(epoch, logs) {
          await records.epoch(trainer, epoch + 1, lastOfEpoch);
          lastOfEpoch = undefined;
          log(`epoch ${epoch + 1}/${training.epochs}: ${describeLogs(logs)}`);
          await saveCheckpoint(epoch + 1, 0, state.best?.epoch === epoch + 1);
          const patience = training.earlyStopping?.patience ?? Number.POSITIVE_INFINITY;
          if (state.evaluationsSinceBest >= patience) {
            log(`stopped early: no better ${training.selectBy} in ${patience} evaluations`);
            trainer.stopTraining = true;
          }
          if (signal?.aborted) trainer.stopTraining = true;
        },
      },
    });
  } catch (error) {
    progress?.stop();
    await records.stop(error as Error);
    if (!(error instanceof DivergenceError)) throw error;
    const good = (await checkpoints.find('last')) ?? 'none was written yet';
    throw new DivergenceError(`${error.message}; last good checkpoint: ${good}`, { cause: error });
  }
  if (signal?.aborted) {
    progress?.stop();
    const interrupted = new InterruptedError(
      `interrupted at step ${trainer.optimizer.updates}, checkpoint written; --resume goes on`,
    );
    await records.stop(interrupted);
    throw interrupted;
  }

  // ---- results
  const chosen = await checkpoints.find(config.evaluation.checkpoint);
  if (chosen && config.evaluation.checkpoint === 'best') await restoreWeights(model, chosen);
  const metrics: Record<string, SplitMetrics> = {};
  for (const split of data.splits.test) {
    metrics[split] = await evaluateSplit(model, dataset, split, evaluation);
    await records.evaluation(trainer.optimizer.updates, training.epochs, split, metrics[split]);
  }
  await saveLayersModel(model, directory.file('model'));
  if (panel) await panel.drawBeforeAfter();
  const summary: RunSummary = {
    name: config.name,
    engine,
    targetLayer: target.path,
    epochs: training.epochs,
    steps: trainer.optimizer.updates,
    trainingSeconds: state.trainingSeconds,
    imagesPerSecond: state.images / state.trainingSeconds,
    best: state.best,
    metrics,
  };
  await directory.writeJson('summary.json', summary);
  await records.finish(summary);
  await dataset.close();
  trainer.dispose();
  return summary;
}

async function* trainingBatches(
  config: Config,
  dataset: Dataset,
  epoch: number,
  firstBatch: number,
  maskCapacity: number,
) {
  const { splits, batchSize, imageSize, fit, workers, augment, shuffleBuffer, masks } = config.data;
  const batches = dataset.batches(splits.train, {
    batchSize,
    imageSize,
    fit,
    workers,
    augment,
    shuffle: shuffleBuffer,
    seed: config.seed,
    epoch,
    skipBatches: firstBatch,
    dropRemainder: true,
    masks: masks.count === 0 ? 'none' : { split: masks.split, count: masks.count },
    maskedPerBatch: masks.perBatch,
  });
  for await (const batch of batches)
    yield batchToTensors(batch, imageSize, dataset.info.classes.length, maskCapacity);
}

function isBetter(metric: string, value: number, best: BestEvaluation | null): boolean {
  if (best === null) return true;
  return metric === 'loss' ? value < best.value : value > best.value;
}

function describeStep({ losses }: StepReport, rate: number): string {
  const short: Record<string, string> = {
    total: 'loss',
    classification: 'cl',
    mining: 'am',
    supervision: 'e',
  };
  const shown = Object.entries(losses).map(([name, value]) => `${short[name] ?? name} ${value.toFixed(3)}`);
  return `${shown.join(' ')} ${rate.toFixed(0)} img/s`;
}

function describeLogs(logs: Record<string, number>): string {
  return Object.entries(logs)
    .map(([name, value]) => `${name} ${value.toFixed(4)}`)
    .join(', ');
}
