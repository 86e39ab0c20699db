import { type Logger, pino } from 'pino';
import { type Config, stringifyConfig } from '../config/index.ts';
import { InterruptedError } from '../errors/index.ts';
import { EventWriter } from '../tensorboard/index.ts';
import type { SplitMetrics } from './evaluate.ts';
import type { RunSummary } from './run.ts';
import type { RunDirectory } from './run-directory.ts';
import type { GainTrainer, StepReport } from './trainer.ts';

/** Everything that a run writes about itself while it goes: TensorBoard, `metrics.ndjson`, `log.ndjson`. */
export class RunLog {
  readonly #directory: RunDirectory;
  readonly #config: Config;
  readonly #events: EventWriter;
  readonly #log: Logger;

  private constructor(directory: RunDirectory, config: Config, events: EventWriter, log: Logger) {
    this.#directory = directory;
    this.#config = config;
    this.#events = events;
    this.#log = log;
  }

  /**
   * @param resumedAt step that the run goes on from: what was written after it is withdrawn, since it will be
   *   written again.
   */
  static async open(directory: RunDirectory, config: Config, resumedAt?: number): Promise<RunLog> {
    const resumed = resumedAt !== undefined;
    await directory.truncateLines('metrics.ndjson', resumed ? resumedAt : -1);
    const events = await EventWriter.create(directory.path, resumed ? { purgeStep: resumedAt + 1 } : {});
    if (!resumed) {
      events.text('config', 0, `\`\`\`yaml\n${stringifyConfig(config)}\`\`\``);
      events.hparams(hyperparameters(config), metricTags(config));
    }
    await events.flush();
    const log = pino({ base: null }, pino.destination({ dest: directory.file('log.ndjson'), sync: true }));
    log.info({ event: resumed ? 'resume' : 'start', step: resumedAt ?? 0 });
    return new RunLog(directory, config, events, log);
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
      'weight/mining': weights.mining,
      'weight/supervision': weights.supervision,
      ...(Number.isNaN(maps.deadShare)
        ? {}
        : { 'map/dead-share': maps.deadShare, 'map/mean': maps.mean, 'map/entropy': maps.entropy }),
    };
    this.#events.scalars(step, values);
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

  /** At the end of an epoch: gradient norms per layer, histograms of weights and gradients. */
  async epoch(trainer: GainTrainer, epoch: number, last: StepReport | undefined): Promise<void> {
    const step = trainer.optimizer.updates;
    if (this.wantsHistograms(epoch)) {
      for (const weight of trainer.model.trainableWeights) {
        this.#events.histogram(`weights/${weight.originalName}`, step, await weight.read().data());
      }
    }
    if (last) {
      this.#events.scalars(
        step,
        Object.fromEntries(
          trainer.weightNames.map((name, i) => [`gradient-norm/${name}`, last.gradientNorms[i]!]),
        ),
      );
      last.gradients?.forEach((values, i) => {
        this.#events.histogram(`gradients/${trainer.weightNames[i]}`, step, values);
      });
    }
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
  }

  /**
   * Records why the run stopped. An interrupted run stays open in the HPARAMS tab: TensorBoard keeps the first
   * end that it reads, and the run may yet be resumed.
   */
  async stop(error: Error): Promise<void> {
    this.#log.error({ event: 'stop', error: error.name, message: error.message });
    if (!(error instanceof InterruptedError)) this.#events.endSession('failure');
    // A full disk may be why the run stopped; that error must not hide the first one.
    await this.#events
      .close()
      .catch((closing: Error) => this.#log.error({ event: 'close', message: closing.message }));
  }
}

/** The numbers of a split without its per-class lists; those that were not measured are left out. */
export function flatMetrics({
  focus,
  perClass: _perClass,
  images: _images,
  ...metrics
}: SplitMetrics): Record<string, number> {
  const all = { ...metrics, ...(focus && prefixed('focus', focus, '-')) };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => !Number.isNaN(value)));
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
