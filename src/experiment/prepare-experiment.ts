import type * as tfl from '@tensorflow/tfjs-layers';
import type { Config } from '../config/index.ts';
import type { Dataset, LabelStatistics } from '../data/index.ts';
import { UsageError } from '../errors/index.ts';
import { guidanceTerms, type ScheduledTerm } from '../gain/index.ts';
import { resolveTargetLayer, type TargetLayer } from '../gradcam/index.ts';
import { linkOfRun } from '../run/index.ts';
import { compositeQuestions, type SuspectQuestion } from './composite-scores.ts';
import { compositesOf, type MadeData, requireGroups, trainingBatchOptions } from './data-from-config.ts';
import { buildExperimentModel } from './model-from-config.ts';
import { guidanceOptionsOf, guidanceWithoutMasks } from './objective-from-config.ts';
import { loadOwnModule, type OwnModule } from './own-module.ts';
import { predictedMasksOf } from './predict-masks.ts';
import { describeModule } from './progress-lines.ts';
import { setUpDistillation } from './set-up-teacher.ts';
import { SUSPECTS_FILE, type Suspects, suspectsOf } from './suspects.ts';

/** What a training is made of, found to be good before the run directory is touched. */
export interface Prepared {
  readonly batchesPerEpoch: number;
  /** Of all that supervises: the training splits, and that of the masks. */
  readonly statistics: LabelStatistics;
  readonly own: OwnModule | undefined;
  readonly model: tfl.LayersModel;
  readonly link: 'sigmoid' | 'softmax';
  readonly target: TargetLayer;
  readonly teacher: tfl.LayersModel | undefined;
  /** Beside those of GAIN: guided ones, those of a teacher, and the user's own. */
  readonly terms: readonly ScheduledTerm[];
  readonly made: MadeData;
  readonly suspects: Suspects | undefined;
  readonly questions: readonly SuspectQuestion[];
}

/** What a preparation needs beside config and data. */
export interface PrepareOptions {
  readonly log: (line: string) => void;
  readonly signal?: AbortSignal | undefined;
  /** Folder of the network to begin with, in place of what the config says. */
  readonly network?: string | undefined;
  /** A file of the run directory that is to be. */
  readonly fileOf: (name: string) => string;
}

/**
 * Makes data, network, teacher and terms of an experiment ready, with a line about each.
 *
 * @throws {UsageError} {DataError} {ModelError} for what the user can mend
 */
export async function prepareExperiment(
  config: Config,
  dataset: Dataset,
  { log, signal, network, fileOf }: PrepareOptions,
): Promise<Prepared> {
  const { data } = config;
  const { classes } = dataset.info;
  const batchesPerEpoch = await dataset.countBatches(data.splits.train, trainingBatchOptions(config, 0, 0));
  const supervising = data.masks.count === 0 ? [] : [data.masks.split];
  const statistics = await dataset.labelStatistics([...new Set([...data.splits.train, ...supervising])]);
  log(
    `data     ${dataset.info.name}: ${statistics.examples} training ${data.frames ? 'clips' : 'images'}, ${classes.length} classes`,
  );
  if (batchesPerEpoch === 0) {
    throw new UsageError(
      `data.batchSize: ${data.batchSize} is more than the ${statistics.examples} images of ${data.splits.train.join(', ')}`,
    );
  }
  await requireGroups(config, dataset);
  const own = await loadOwnModule(config, classes);
  const begun =
    network === undefined
      ? config
      : {
          ...config,
          model: { ...config.model, weights: network, head: null, inputScaling: 'zero-one' as const },
        };
  const model = await buildExperimentModel(begun, classes.length, {
    exclusive: !dataset.info.multiLabel,
    log,
  });
  const predicted = await predictedMasksOf(config, model, dataset, log, signal);
  const link = linkOfRun(config, dataset.info)!;
  const suspects = await suspectsOf(config, dataset, {
    model,
    link,
    predicted,
    file: fileOf(SUSPECTS_FILE),
    signal,
  });
  if (suspects) log(`suspects ${suspects.names.join(', ')}`);
  const made = { predicted, composites: compositesOf(config, dataset, suspects?.names) };
  const questions = await compositeQuestions(dataset, config, made, signal);
  const distillation = await setUpDistillation(config, model, dataset, signal, log);
  const teacher = distillation?.teacher;
  const target = resolveTargetLayer(model, config.gain.targetLayer);
  log(`network  ${model.name}, ${model.countParams().toLocaleString('en')} parameters`);
  if (teacher) log(`teacher  ${teacher.name}, ${teacher.countParams().toLocaleString('en')} parameters`);
  log(`maps     ${target.reason}`);
  const guided = guidanceTerms(guidanceOptionsOf(config, classes));
  const idle = guidanceWithoutMasks(config);
  if (idle.length > 0)
    log(`warning  without masks (data.masks.count: 0) nothing is done by ${idle.join(', ')}`);

  const configured = [...guided, ...(distillation?.terms ?? [])];
  const taken = ['classification', 'mining', 'supervision', ...configured.map((term) => term.name)];
  const ownTerms = own?.terms(model, taken) ?? [];
  if (own) log(`module   ${own.file}: ${describeModule(own, ownTerms)}`);

  return {
    batchesPerEpoch,
    statistics,
    own,
    model,
    link,
    target,
    teacher,
    terms: [...configured, ...ownTerms],
    made,
    suspects,
    questions,
  };
}
