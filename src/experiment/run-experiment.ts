import { type Config, stringifyConfig } from '../config/index.ts';
import type { Dataset } from '../data/index.ts';
import { type EngineInfo, startEngine } from '../engine/index.ts';
import { DivergenceError, InterruptedError } from '../errors/index.ts';
import { compareWithTeacher, evaluateSplit, type SplitMetrics } from '../evaluation/index.ts';
import { type EpochSums, GainTrainer } from '../gain/index.ts';
import { saveLayersModel } from '../models/index.ts';
import { type Progress, startProgress, writeLine } from '../progress/index.ts';
import type { RunDirectory } from '../run/index.ts';
import { describeEnvironment, epochFolder } from '../run/index.ts';
import { AttentionPanel } from './attention-panel.ts';
import { type BestEvaluation, isBetter, selectedMetric } from './best-evaluation.ts';
import { CheckpointStore, restoreWeights } from './checkpoint.ts';
import { compositeScores } from './composite-scores.ts';
import { type MadeData, openExperimentData, trainingBatchOptions } from './data-from-config.ts';
import { evaluationOptionsOf } from './evaluation-from-config.ts';
import { batchToTensors } from './host-batch.ts';
import { checkModelConfig } from './model-from-config.ts';
import { masksAreRead, pairCapacityFor, trainerOptionsOf } from './objective-from-config.ts';
import type { OwnModule } from './own-module.ts';
import { prepareExperiment } from './prepare-experiment.ts';
import { describeLosses, describeStart, describeStep } from './progress-lines.ts';
import { refit } from './refit.ts';
import { RunLog, type WrittenSoFar } from './run-log.ts';
import type { RunSummary } from './run-summary.ts';
import { SUSPECTS_FILE } from './suspects.ts';

export interface RunOptions {
  /** Go on from the last checkpoint. */
  readonly resume: boolean;
  /** Ends the run after the batch that is running, with a checkpoint. */
  readonly signal?: AbortSignal | undefined;
  /** Takes a line for the user. @default writes it to stderr */
  readonly log?: (line: string) => void;
  /** Folder of the network to begin with, in place of what the config says. */
  readonly network?: string | undefined;
  /** How the stages before this one ended, for the summary. */
  readonly stages?: readonly { readonly name: string; readonly summary: RunSummary }[];
  /** The run whose maps the picture of before and after begins with. @default this one */
  readonly before?: string | undefined;
}

/** What the loop carries from step to step beside weights and optimizer; part of every checkpoint. */
interface LoopState {
  sums: EpochSums;
  best: BestEvaluation | null;
  evaluationsSinceBest: number;
  trainingSeconds: number;
  images: number;
  /** How far the files of the run reached. */
  written: WrittenSoFar | null;
  /** SHA-256 of the module of the user's own. */
  module: string | null;
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
  const { signal, log = writeLine } = options;
  checkModelConfig(config);
  const { name, ...settings } = config.engine;
  const engine = await startEngine({ engine: name, ...settings });
  log(`engine   ${engine.reason}`);
  const dataset = await openExperimentData(config, signal);
  // They load their libraries while the network is built and the first maps are drawn.
  void dataset.startWorkers(config.data.workers);
  try {
    return await runOnData(config, dataset, engine, directory, { ...options, log });
  } finally {
    await dataset.close();
  }
}

async function runOnData(
  config: Config,
  dataset: Dataset,
  engine: EngineInfo,
  directory: RunDirectory,
  { resume, signal, log, network, stages = [], before }: RunOptions & { log: (line: string) => void },
): Promise<RunSummary> {
  const { training, data } = config;

  // ---- data, network: the run directory stays as it is until both are found to be good
  const fileOf = (name: string) => directory.file(name);
  const prepared = await prepareExperiment(config, dataset, { log, signal, network, fileOf });
  const { batchesPerEpoch, statistics, own, model, link, target, teacher, terms } = prepared;
  const { made, suspects, questions } = prepared;

  // ---- trainer, at the beginning or where the last checkpoint left it
  const capacity = pairCapacityFor(statistics.perImage, data.batchSize);
  const maxLabels = Math.max(1, statistics.maxPerImage);
  const trainer = new GainTrainer(model, {
    ...trainerOptionsOf(config, link),
    terms,
    pairCapacity: capacity,
    // A composite may show a suspect beside all that its ground shows.
    groups: maxLabels + (data.composites ? 1 : 0),
  });
  const evaluation = evaluationOptionsOf(config, dataset, link, maxLabels, signal);
  const evaluate = async (split: string): Promise<SplitMetrics> => {
    const metrics = await evaluateSplit(model, dataset, split, evaluation);
    if (!teacher) return metrics;
    const { maps } = config.distillation!;
    return {
      ...metrics,
      teacher: await compareWithTeacher(model, teacher, dataset, split, maps, evaluation),
    };
  };
  const panel = await AttentionPanel.load(config, dataset, evaluation, directory, teacher);
  const checkpoints = new CheckpointStore(directory.file('checkpoints'));
  const restored = resume ? await checkpoints.restore(model, trainer.optimizer) : undefined;
  const state: LoopState = {
    sums: { batches: 0, losses: {} },
    best: null,
    evaluationsSinceBest: 0,
    trainingSeconds: 0,
    images: 0,
    written: null,
    module: own?.sha256 ?? null,
    ...restored?.carried,
  };
  if (restored && state.module !== (own?.sha256 ?? null)) {
    log(
      `warning  ${own?.file} is not what it was when the run began: this run is no longer the uninterrupted one`,
    );
  }
  state.module = own?.sha256 ?? null;
  signal?.throwIfAborted();

  // ---- records: from here on the directory holds a run
  await directory.begin();
  await directory.write('config.yaml', stringifyConfig(config));
  if (suspects?.audit) await directory.writeJson(SUSPECTS_FILE, suspects.audit);
  await directory.writeJson('environment.json', {
    ...describeEnvironment(engine, config.seed),
    ...(own && { module: { file: own.file, sha256: own.sha256 } }),
  });
  const records =
    restored && state.written
      ? await RunLog.resume(directory, config, engine.reason, { step: restored.step, written: state.written })
      : await RunLog.begin(directory, config, engine.reason, model);
  if (resume) log(`resumed  ${describeStart(restored, training.epochs)}`);

  /** Of the next batch, and whether the step before it is in a checkpoint. */
  let next = { epoch: restored?.epoch ?? 0, batch: restored?.batch ?? 0 };
  let saved = true;
  const saveCheckpoint = async (best = false) => {
    await trainer.requireFiniteWeights();
    state.written = await records.written();
    const carried = { ...state, sums: trainer.epochSums };
    const progress = { step: trainer.optimizer.updates, ...next, carried };
    await checkpoints.save(model, trainer.optimizer, progress, { best });
    saved = true;
  };

  const keepEpoch = async (epoch: number) => {
    const { keepEvery } = training;
    if (keepEvery === null || epoch % keepEvery !== 0) return;
    await saveLayersModel(model, directory.file(...epochFolder(epoch)));
  };

  // ---- the training
  const maskCapacity = masksAreRead(config) ? capacity : 0;
  let progress: Progress | undefined;
  let lastBatchAt = 0;
  const pace = { since: Date.now(), sinceDone: next.epoch * batchesPerEpoch + next.batch };
  try {
    if (!restored) await keepEpoch(0);
    if (!restored && panel) await records.attention(0, await panel.draw(model, 0));
    await trainer.fitDataset(
      (epoch, first) => trainingBatches(config, dataset, made, own, epoch, first, maskCapacity),
      {
        epochs: training.epochs,
        batchesPerEpoch,
        gradientsOf: (epoch, batch) => batch + 1 === batchesPerEpoch && records.wantsHistograms(epoch + 1),
        start: { ...next, sums: state.sums },
        validate: async (epoch) => {
          progress?.stop();
          const due = (epoch + 1) % training.evaluateEvery === 0 || epoch + 1 === training.epochs;
          if (!due) return {};
          const step = trainer.optimizer.updates;
          if (panel) await records.attention(step, await panel.draw(model, epoch + 1));
          if (data.splits.validation === null) return {};
          const metrics = {
            ...(await evaluate(data.splits.validation)),
            ...(questions.length > 0 && {
              composites: await compositeScores(model, dataset, link, questions),
            }),
          };
          await records.evaluation(step, epoch + 1, data.splits.validation, metrics);
          const value = selectedMetric(metrics, training.selectBy);
          const better = isBetter(training.selectBy, value, state.best);
          if (better) state.best = { metric: training.selectBy, value, epoch: epoch + 1 };
          state.evaluationsSinceBest = better ? 0 : state.evaluationsSinceBest + 1;
          return { [`val ${training.selectBy}`]: value };
        },
        callbacks: {
          onEpochBegin(epoch) {
            lastBatchAt = performance.now();
            progress = startProgress(`epoch ${epoch + 1}/${training.epochs}`, batchesPerEpoch, {
              whole: {
                label: 'run',
                total: training.epochs * batchesPerEpoch,
                before: epoch * batchesPerEpoch,
                ...pace,
              },
            });
          },
          async onBatchEnd(batch, report) {
            next = { ...next, batch: batch + 1 };
            saved = false;
            state.images += report.images;
            state.trainingSeconds += (performance.now() - lastBatchAt) / 1000;
            progress?.update(batch + 1, describeStep(report, state.images / state.trainingSeconds));
            records.step(report, state.images / state.trainingSeconds);
            if (batch + 1 === batchesPerEpoch) await records.epoch(trainer, next.epoch + 1, report);
            else if (report.step % training.checkpointEvery === 0 && !trainer.midUpdate)
              await saveCheckpoint();
            if (!trainer.midUpdate) signal?.throwIfAborted();
            lastBatchAt = performance.now();
          },
          async onEpochEnd(epoch, logs) {
            log(`epoch ${epoch + 1}/${training.epochs}: ${describeLosses(logs)}`);
            next = { epoch: epoch + 1, batch: 0 };
            await keepEpoch(epoch + 1);
            await saveCheckpoint(state.best?.epoch === epoch + 1);
            signal?.throwIfAborted();
            const patience = training.earlyStopping?.patience ?? Number.POSITIVE_INFINITY;
            if (state.evaluationsSinceBest >= patience) {
              log(`stopped early: no better ${training.selectBy} in ${patience} evaluations`);
              trainer.stopTraining = true;
            }
          },
        },
      },
    );

    // ---- results
    const chosen = await checkpoints.find(config.evaluation.checkpoint);
    if (chosen && config.evaluation.checkpoint === 'best') await restoreWeights(model, chosen);
    if (training.refit) log(await refit(model, dataset, config, training.refit, made, link, signal));
    const metrics: Record<string, SplitMetrics> = {};
    for (const split of data.splits.test) {
      metrics[split] = await evaluate(split);
      await records.evaluation(trainer.optimizer.updates, training.epochs, split, metrics[split]);
    }
    await saveLayersModel(model, directory.file('model'));
    await panel?.drawBeforeAfter(before);
    const summary: RunSummary = {
      name: config.name,
      engine,
      targetLayer: target.path,
      epochs: next.epoch,
      steps: trainer.optimizer.updates,
      trainingSeconds: state.trainingSeconds,
      imagesPerSecond: state.images / state.trainingSeconds,
      best: state.best,
      metrics,
      ...(stages.length > 0 && {
        stages: stages.map(({ name, summary: { trainingSeconds, metrics } }) => ({
          name,
          trainingSeconds,
          metrics,
        })),
      }),
      ...(Object.keys(config.evaluation.published).length > 0 && { published: config.evaluation.published }),
    };
    await directory.writeJson('summary.json', summary);
    await records.finish(summary);
    return summary;
  } catch (error) {
    progress?.stop();
    let reason = error as Error;
    if (signal?.aborted && error === signal.reason) {
      if (!saved) await saveCheckpoint();
      const { updates } = trainer.optimizer;
      reason = new InterruptedError(
        `interrupted after step ${updates}, checkpoint written; --resume goes on`,
      );
    } else if (error instanceof DivergenceError) {
      const good = (await checkpoints.find('last')) ?? 'none was written yet';
      reason = new DivergenceError(`${error.message}; last good checkpoint: ${good}`, { cause: error });
    }
    await records.stop(reason);
    throw reason;
  } finally {
    trainer.dispose();
  }
}

async function* trainingBatches(
  config: Config,
  dataset: Dataset,
  made: MadeData,
  own: OwnModule | undefined,
  epoch: number,
  firstBatch: number,
  maskCapacity: number,
) {
  const { imageSize, splits, masks, frames } = config.data;
  const classes = dataset.info.classes.length;
  const batches = dataset.batches(splits.train, trainingBatchOptions(config, epoch, firstBatch, made));
  let index = firstBatch;
  for await (const made of batches) {
    const batch = own ? await own.transformBatch(made, epoch, index++) : made;
    yield batchToTensors(batch, imageSize, classes, maskCapacity, masks.mark, masks.use, frames);
  }
}
