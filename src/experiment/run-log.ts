import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import type * as tfl from '@tensorflow/tfjs-layers';
import { type Logger, pino } from 'pino';
import { type Config, stringifyConfig } from '../config/index.ts';
import { InterruptedError } from '../errors/index.ts';
import type { SplitMetrics } from '../evaluation/index.ts';
import { LineFile } from '../files/index.ts';
import type { GainTrainer, StepReport } from '../gain/index.ts';
import { networkNodes } from '../gradcam/index.ts';
import type { AnswerScores } from '../metrics/index.ts';
import type { RunDirectory } from '../run/index.ts';
import { EventWriter } from '../tensorboard/index.ts';
import type { RunSummary } from './run-summary.ts';

/** How far the files of a run reach: part of every checkpoint, so that a resumed run can cut off what lies behind. */
export interface WrittenSoFar {
  /** Bytes of `metrics.ndjson`. */
  readonly metrics: number;
  /** The newest event file and its bytes. */
  readonly events: { readonly file: string; readonly bytes: number };
}

/** Everything that a run writes about itself while it goes: TensorBoard, `metrics.ndjson`, `log.ndjson`. */
export class RunLog {
  readonly #directory: RunDirectory;
  readonly #config: Config;
  readonly #events: EventWriter;
  readonly #log: Logger;
  readonly #lines: LineFile;

  private constructor(
    directory: RunDirectory,
    config: Config,
    events: EventWriter,
    log: Logger,
    lines: LineFile,
  ) {
    this.#directory = directory;
    this.#config = config;
    this.#events = events;
    this.#log = log;
    this.#lines = lines;
  }

  /** Opens the files of a run that begins; what an attempt that was killed before its first checkpoint left is deleted. */
  static async begin(
    directory: RunDirectory,
    config: Config,
    engine: string,
    model: tfl.LayersModel,
  ): Promise<RunLog> {
    await cutBack(directory, { metrics: 0, events: { file: '', bytes: 0 } });
    const records = await RunLog.#open(directory, config, { event: 'start', engine });
    records.#events.text('config', 0, `\`\`\`yaml\n${stringifyConfig(config)}\`\`\``);
    records.#events.hparams(hyperparameters(config), metricTags(config));
    records.#events.graph(networkNodes(model));
    await records.#events.flush();
    return records;
  }

  /**
   * Opens the files of a run that goes on from a checkpoint. What was written after it is cut off, since it will
   * be written again.
   */
  static async resume(
    directory: RunDirectory,
    config: Config,
    engine: string,
    { step, written }: { step: number; written: WrittenSoFar },
  ): Promise<RunLog> {
    await cutBack(directory, written);
    return RunLog.#open(directory, config, { event: 'resume', engine, step });
  }

  static async #open(
    directory: RunDirectory,
    config: Config,
    first: { event: string; engine: string; step?: number },
  ): Promise<RunLog> {
    // The files are cut already; the step to purge from is for a TensorBoard that has read them before.
    const purge = first.step === undefined ? {} : { purgeStep: first.step + 1 };
    const events = await EventWriter.create(directory.path, purge);
    const lines = new LineFile(directory.file('log.ndjson'));
    const log = pino({ base: null }, lines);
    log.info(first);
    return new RunLog(directory, config, events, log, lines);
  }

  /** How far the files reach now, for a checkpoint. */
  async written(): Promise<WrittenSoFar> {
    await this.#events.flush();
    const file = basename(this.#events.path);
    return {
      metrics: await this.#directory.size('metrics.ndjson'),
      events: { file, bytes: await this.#directory.size(file) },
    };
  }

  /** The curves of a training step, every `log.scalarsEvery` steps. */
  step(report: StepReport, rate: number): void {
    const { step, losses, weights, maps, gradientNorms, learningRate, accuracy } = report;
    if (step % this.#config.log.scalarsEvery !== 0) return;
    const norm = Math.hypot(...gradientNorms);
    const values: Record<string, number> = {
      ...prefixed('loss', losses),
      'train/learning-rate': learningRate,
      'train/accuracy': accuracy,
      'train/images-per-second': rate,
      'train/gradient-norm': norm,
      ...prefixed('weight', weights),
      'map/dead-share': maps.deadShare,
      'map/mean': maps.mean,
      'map/entropy': maps.entropy,
    };
    this.#events.scalars(step, measured(values));
    this.#log.info({
      event: 'step',
      step,
      losses,
      learningRate,
      gradientNorm: norm,
      deadShare: maps.deadShare,
    });
  }

  /** Whether the end of an epoch (from 1) is drawn as histograms. */
  wantsHistograms(epoch: number): boolean {
    const { histogramsEvery } = this.#config.log;
    return histogramsEvery > 0 && epoch % histogramsEvery === 0;
  }

  /** With the last step of an epoch (from 1): gradient norms per weight, histograms of weights and gradients. */
  async epoch(trainer: GainTrainer, epoch: number, last: StepReport): Promise<void> {
    const { step } = last;
    if (this.wantsHistograms(epoch)) {
      for (const weight of trainer.model.trainableWeights) {
        this.#events.histogram(`weights/${weight.originalName}`, step, await weight.read().data());
      }
    }
    const norms = trainer.weightNames.map((name, i) => [`gradient-norm/${name}`, last.gradientNorms[i]!]);
    this.#events.scalars(step, Object.fromEntries(norms));
    last.gradients?.forEach((values, i) => {
      this.#events.histogram(`gradients/${trainer.weightNames[i]}`, step, values);
    });
    await this.#events.flush();
  }

  /** The metrics of a split. */
  async evaluation(step: number, epoch: number, split: string, metrics: SplitMetrics): Promise<void> {
    this.#events.scalars(step, prefixed(`eval-${split}`, flatMetrics(metrics)));
    await this.#directory.appendLine('metrics.ndjson', { step, epoch, split, ...metrics });
    await this.#events.flush();
  }

  /** A grid of images with their maps, as PNG. */
  async attention(step: number, png: Uint8Array): Promise<void> {
    this.#events.image('attention', step, png);
    await this.#events.flush();
  }

  async finish(summary: RunSummary): Promise<void> {
    this.#log.info({ event: 'finish', step: summary.steps, imagesPerSecond: summary.imagesPerSecond });
    this.#events.endSession('success');
    await this.#events.close();
    this.#lines.close();
  }

  /**
   * Records why the run stopped. An interrupted run stays open in the HPARAMS tab: TensorBoard keeps the first
   * end that it reads, and the run may yet be resumed.
   */
  async stop(error: Error): Promise<void> {
    // A full disk may be why the run stopped; what it does to these files must not hide the first error.
    const note = (entry: { event: string; error?: string; message: string }) => {
      try {
        this.#log.error(entry);
      } catch {}
    };
    note({ event: 'stop', error: error.name, message: error.message });
    if (!(error instanceof InterruptedError)) this.#events.endSession('failure');
    await this.#events.close().catch((closing: Error) => note({ event: 'close', message: closing.message }));
    this.#lines.close();
  }
}

async function cutBack(directory: RunDirectory, { metrics, events }: WrittenSoFar): Promise<void> {
  await directory.cut('metrics.ndjson', metrics);
  for (const file of await readdir(directory.path)) {
    if (!file.startsWith('events.out.tfevents.')) continue;
    // Later files sort after earlier ones.
    if (file === events.file) await directory.cut(file, events.bytes);
    else if (file > events.file) await directory.cut(file, 0);
  }
}

/** The numbers of a split without its per-class lists; those that were not measured are left out. */
export function flatMetrics({
  focus,
  teacher,
  composites,
  perClass: _perClass,
  images: _images,
  ...metrics
}: SplitMetrics): Record<string, number> {
  return measured({
    ...flatAnswers(metrics),
    ...(focus && prefixed('focus', flatAnswers(focus), '-')),
    ...(composites && prefixed('composites', { ...composites }, '-')),
    ...(teacher && prefixed('teacher', { ...teacher }, '-')),
  });
}

/** Groups by their names, and the constant answer's scores beside the network's. */
function flatAnswers<Scores extends AnswerScores>({ groups = {}, constant, ...scores }: Scores) {
  return {
    ...(scores as Record<string, number>),
    ...Object.fromEntries(Object.entries(groups).map(([name, { accuracy }]) => [`group-${name}`, accuracy])),
    ...prefixed('constant', constant as unknown as Record<string, number>, '-'),
  };
}

/** NaN stands for what there was nothing to measure on. */
function measured(values: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => !Number.isNaN(value)));
}

function prefixed(
  prefix: string,
  values: Readonly<Record<string, number>>,
  separator = '/',
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [`${prefix}${separator}${name}`, value]),
  );
}

/** What the HPARAMS tab compares runs by. */
function hyperparameters({
  seed,
  model,
  gain,
  training,
  data,
}: Config): Record<string, string | number | boolean> {
  return {
    seed,
    backbone: model.weights ?? model.backbone,
    method: gain.method,
    mining: gain.losses.mining.weight,
    supervision: gain.losses.supervision.weight,
    masks: data.masks.count === 'all' ? -1 : data.masks.count,
    differentiateWeights: gain.differentiateWeights,
    miningGradient: gain.miningGradient,
    optimizer: training.optimizer.name,
    learningRate: training.optimizer.learningRate,
    epochs: training.epochs,
    batchSize: data.batchSize,
  };
}

function metricTags({ data }: Config): string[] {
  const splits = [...(data.splits.validation ? [data.splits.validation] : []), ...data.splits.test];
  return splits.flatMap((split) => [
    `eval-${split}/mAP`,
    `eval-${split}/accuracy`,
    `eval-${split}/energyInMask`,
  ]);
}
