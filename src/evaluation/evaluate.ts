import type * as tfl from '@tensorflow/tfjs-layers';
import { type Dataset, type HostBatch, openDataset } from '../data/index.ts';
import { type EngineInfo, type EngineOptions, startEngine } from '../engine/index.ts';
import { classificationLoss, describeEnvironment, labelPairs } from '../gain/index.ts';
import { type MapMethod, resolveTargetLayer, type TargetLayer } from '../gradcam/index.ts';
import { Bootstrap } from '../metrics/index.ts';
import { countParameters } from '../models/index.ts';
import { startProgress, writeLine } from '../progress/index.ts';
import { ClassificationTally } from './classification-tally.ts';
import { type ExplainedBatch, Explainer } from './explainer.ts';
import { FaithfulnessMeasure } from './faithfulness.ts';
import { type BatchReader, type Calibration, calibrate, LocalizationMeasure } from './localization.ts';
import { MapFiles } from './map-files.ts';
import { mapThumbnail } from './map-thumbnail.ts';
import {
  checkMethods,
  checkSplit,
  checkThreshold,
  type EvaluationOptions,
  requireTruth,
  type ThresholdSource,
} from './options.ts';
import {
  type EvaluationResult,
  evaluationFormat,
  evaluationVersion,
  type PairMeasures,
  type PairRecord,
} from './result.ts';
import type { ResultWriter } from './result-files.ts';
import { sanityCheck } from './sanity.ts';
import { findSubject, type LoadedSubject, loadSubject, type Source, type Subject } from './subject.ts';
import { truthOf } from './truth.ts';

/** δ of MaxBoxAccV2. */
const iouLevels = [0.3, 0.5, 0.7];
const confidence = 0.95;

export interface EvaluateRequest {
  readonly source: Source;
  /** @default the test splits of the run, else `test` */
  readonly splits?: readonly string[] | undefined;
  readonly options: EvaluationOptions;
  /** @default that of the run, else `auto` */
  readonly engine?: string | undefined;
  /** Where the records and the result of a split go. @default nowhere */
  readonly writerFor?: ((split: string) => ResultWriter) | undefined;
  readonly maps?: { readonly dir: string; readonly format: 'png' | 'npy' } | undefined;
  /** Takes a line for the user. @default writes it to stderr */
  readonly log?: ((line: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The result of a split, and the step of the training that TensorBoard shows it at. */
export interface Evaluated {
  readonly step: number;
  readonly result: EvaluationResult;
}

/** What the evaluation of several splits shares. */
interface Setting {
  readonly subject: Subject;
  readonly dataset: Dataset;
  readonly loaded: LoadedSubject;
  readonly target: TargetLayer;
  readonly explainer: Explainer;
  readonly calibration: Calibration | undefined;
  readonly bootstrap: Bootstrap;
  readonly engine: EngineInfo;
  readonly request: EvaluateRequest;
  readonly read: BatchReader;
}

/**
 * Evaluates a network on splits of a data set; the protocol is in docs/evaluation.md.
 *
 * What can be known to be wrong without the network is found before it is loaded, and before an engine is started.
 *
 * @returns the result of each split, in their order
 * @throws {UsageError} {RunError} {ModelError} {DataError} for what the user can mend
 */
export async function evaluate(request: EvaluateRequest): Promise<Evaluated[]> {
  const { source, options, log = writeLine } = request;
  const subject = await findSubject(source);
  const methods = checkMethods(options.methods ?? [subject.config?.gain.method ?? 'grad-cam']);
  const dataset = await openDataset(subject.dataDir);
  try {
    const splits = request.splits ?? testSplits(subject);
    for (const split of splits) checkSplit(dataset, split, '--split');
    const threshold = await checkTruth(dataset, splits, options);

    const engine = await startEngine(engineOptions(subject, request.engine));
    log(`engine   ${engine.reason}`);
    const loaded = await loadSubject(subject, dataset);
    const target = resolveTargetLayer(loaded.model, options.targetLayer ?? subject.config?.gain.targetLayer);
    log(`maps     ${methods.join(', ')} of ${target.path}: ${target.reason}`);
    if (target.warning) log(`warning  ${target.warning}`);
    const setting = await prepare(
      { ...request, log },
      subject,
      dataset,
      loaded,
      target,
      methods,
      engine,
      threshold,
    );
    const results: Evaluated[] = [];
    for (const split of splits)
      results.push({ step: subject.step, result: await evaluateOne(setting, split) });
    return results;
  } finally {
    await dataset.close();
  }
}

function engineOptions({ config }: Subject, asked: string | undefined): EngineOptions {
  const { name = 'auto', threads = 0 } = config?.engine ?? {};
  // The engine itself says which names there are.
  return { engine: (asked ?? name) as NonNullable<EngineOptions['engine']>, threads };
}

function testSplits({ config }: Subject): readonly string[] {
  const splits = config?.data.splits.test ?? [];
  return splits.length > 0 ? splits : ['test'];
}

async function checkTruth(
  dataset: Dataset,
  splits: readonly string[],
  { measures, threshold }: EvaluationOptions,
): Promise<ThresholdSource | undefined> {
  if (!measures.includes('localization')) return undefined;
  for (const split of splits) {
    await requireTruth(
      dataset,
      split,
      'so there is nothing to measure localization on; --measures faithfulness needs none',
    );
  }
  return checkThreshold(dataset, threshold);
}

/** Chooses the thresholds, once for all splits. */
async function prepare(
  request: EvaluateRequest & { log: (line: string) => void },
  subject: Subject,
  dataset: Dataset,
  loaded: LoadedSubject,
  target: TargetLayer,
  methods: readonly MapMethod[],
  engine: EngineInfo,
  threshold: ThresholdSource | undefined,
): Promise<Setting> {
  const { options, signal, log } = request;
  const { model, imageSize, link, fit, workers } = loaded;
  const batchSize = options.batchSize ?? Math.min(32, subject.config?.evaluation.batchSize ?? 32);
  const explainer = new Explainer(model, { methods, targetLayer: target.path, imageSize, batchSize, link });
  const read: BatchReader = async function* (split, limit = Number.POSITIVE_INFINITY) {
    let left = limit;
    const batches = dataset.batches(split, { batchSize, imageSize, fit, workers });
    for await (const batch of batches) {
      signal?.throwIfAborted();
      yield firstImages(batch, left, imageSize, dataset.classes.length);
      left -= batch.size;
      if (left <= 0) return;
    }
  };
  let calibration: Calibration | undefined;
  if (threshold) {
    const split = 'split' in threshold ? threshold.split : '';
    const total = split === '' ? 0 : dataset.info.splits[split]!.examples;
    const progress = startProgress(`${split}: choosing thresholds`, total);
    try {
      calibration = await calibrate(explainer, dataset, threshold, read, (images) => progress.update(images));
    } finally {
      progress.stop();
    }
  }
  const bootstrap = new Bootstrap({ replicates: options.replicates, confidence, seed: options.seed });
  if (request.splits?.some((split) => threshold && 'split' in threshold && split === threshold.split)) {
    log('warning  a threshold chosen on the split that is evaluated flatters it');
  }
  return { subject, dataset, loaded, target, explainer, calibration, bootstrap, engine, request, read };
}

/** The first images of a batch; the batch itself when it has no more. */
function firstImages(
  batch: HostBatch,
  count: number,
  [height, width]: readonly [number, number],
  classes: number,
): HostBatch {
  if (batch.size <= count) return batch;
  return {
    size: count,
    images: batch.images.slice(0, count * height * width * 3),
    labels: batch.labels.slice(0, count * classes),
    masks: batch.masks.filter(({ sample }) => sample < count),
    boxes: batch.boxes.filter(({ sample }) => sample < count),
    supervised: batch.supervised.slice(0, count),
    ids: batch.ids.slice(0, count),
    views: batch.views.slice(0, count),
  };
}

async function evaluateOne(setting: Setting, split: string): Promise<EvaluationResult> {
  const writer = setting.request.writerFor?.(split);
  try {
    const result = await measureSplit(setting, split, writer);
    await writer?.finish(result);
    return result;
  } catch (error) {
    await writer?.abandon();
    throw error;
  }
}

async function measureSplit(
  setting: Setting,
  split: string,
  writer: ResultWriter | undefined,
): Promise<EvaluationResult> {
  const { dataset, loaded, explainer, calibration, bootstrap, request, read } = setting;
  const { options, maps } = request;
  const { methods, imageSize } = explainer.options;
  const [height, width] = imageSize;
  const classes = dataset.classes.length;
  const wants = (name: EvaluationOptions['measures'][number]) => options.measures.includes(name);

  const classification = new ClassificationTally(classes, loaded.link === 'sigmoid', bootstrap);
  const localization = calibration
    ? new LocalizationMeasure(methods, calibration, {
        classes,
        imageSize,
        iouLevels,
        tolerance: options.tolerance,
        bootstrap,
      })
    : undefined;
  const faithfulness = wants('faithfulness') ? new FaithfulnessMeasure(explainer, bootstrap) : undefined;
  const sanityBatches: HostBatch[] = [];
  const mapFiles = maps
    ? new MapFiles(maps.dir, { format: maps.format, methods, classes: dataset.classes, imageSize, split })
    : undefined;
  await mapFiles?.begin();

  const total = Math.min(options.limit ?? Number.POSITIVE_INFINITY, dataset.info.splits[split]!.examples);
  const counted = { images: 0, pairs: 0, pairsWithTruth: 0, boxes: 0, masks: 0 };
  const seconds = { data: 0, maps: 0, measures: 0 };
  let mapSize: readonly [number, number] = [0, 0];
  const start = performance.now();
  let before = start;
  const lap = (part: keyof typeof seconds) => {
    const now = performance.now();
    seconds[part] += (now - before) / 1000;
    before = now;
  };

  const progress = startProgress(split, total);
  try {
    for await (const batch of read(split, options.limit)) {
      lap('data');
      const pairs = labelPairs(batch, classes, Number.POSITIVE_INFINITY);
      const explained = explainer.explain(batch, pairs);
      mapSize = explained.smallSize;
      lap('maps');
      for (let sample = 0; sample < batch.size; sample++) {
        const index = counted.images + sample;
        const counts = bootstrap.counts(index);
        const row = explained.scores.subarray(sample * classes, (sample + 1) * classes);
        const own = pairs.flatMap((pair, p) =>
          pair.sample === sample
            ? [{ index: p, pair, rank: rankOf(row, pair.class), truth: truthOf(batch, pair, imageSize) }]
            : [],
        );
        classification.add(
          explained.logits.subarray(sample * classes, (sample + 1) * classes),
          batch.labels.subarray(sample * classes, (sample + 1) * classes),
          own.map(({ rank }) => rank),
          counts,
        );
        const measured: Record<string, PairMeasures>[] = localization
          ? localization.addImage(explained, own, counts)
          : own.map(() => ({}));
        if (faithfulness && index < options.faithfulnessLimit) {
          const image = batch.images.subarray(sample * height * width * 3, (sample + 1) * height * width * 3);
          const effects = faithfulness.measure(
            own.map(({ index: p, pair }) => ({
              class: pair.class,
              image,
              whole: row[pair.class]!,
              maps: methods.map((_, m) => explained.map(m, p)),
              position: index,
              counts,
            })),
          );
          for (const [i, ofMethods] of effects.entries()) {
            for (const [m, effect] of ofMethods.entries()) {
              measured[i]![methods[m]!] = { ...measured[i]![methods[m]!], ...effect } as PairMeasures;
            }
          }
        }
        const records = own.map(
          ({ index: p, pair, rank, truth }, i): PairRecord => ({
            class: pair.class,
            rank,
            trueBoxes: truth?.boxes ?? [],
            methods: Object.fromEntries(
              methods.map((method, m) => [method, withMap(measured[i]![method], explained, m, p)]),
            ),
          }),
        );
        counted.pairs += own.length;
        for (const { truth } of own) {
          counted.pairsWithTruth += Number(truth !== undefined);
          counted.boxes += truth?.boxes.length ?? 0;
          counted.masks += Number(truth?.hasMask ?? false);
        }
        await writer?.record({
          id: batch.ids[sample]!,
          index,
          labels: own.map(({ pair }) => pair.class),
          scores: Array.from(row, (score) => Math.round(score * 1e4) / 1e4),
          pairs: records,
        });
        if (mapFiles) {
          mapFiles.image(index, batch.ids[sample]!);
          for (const [i, { index: p, pair, truth }] of own.entries()) {
            mapFiles.truth(index, pair.class, truth?.boxes ?? []);
            for (const [m, method] of methods.entries()) {
              const image = { index, id: batch.ids[sample]!, class: pair.class, score: row[pair.class]! };
              await mapFiles.map(m, image, explained.map(m, p), measured[i]![method]?.box);
            }
          }
        }
      }
      if (wants('sanity') && counted.images < options.sanityLimit) {
        sanityBatches.push(firstImages(batch, options.sanityLimit - counted.images, imageSize, classes));
      }
      counted.images += batch.size;
      lap('measures');
      progress.update(counted.images, `${(counted.images / ((before - start) / 1000)).toFixed(0)} img/s`);
    }
  } finally {
    progress.stop();
  }
  await mapFiles?.finish();
  const elapsed = (performance.now() - start) / 1000;

  let sanity: EvaluationResult['sanity'] = null;
  if (wants('sanity')) {
    const stages = startProgress(`${split}: destroying layers`, loaded.model.layers.length);
    try {
      sanity = await sanityCheck(explainer, sanityBatches, {
        classes,
        seed: options.seed,
        onStage: (done) => stages.update(done),
      });
    } finally {
      stages.stop();
    }
  }
  return {
    ...describeSetting(setting, split, mapSize),
    dataset: { ...describeDataset(dataset), ...counted },
    classification: classification.scores(classificationLoss),
    localization: localization?.result() ?? null,
    faithfulness: faithfulness?.result() ?? null,
    sanity,
    imageRecords: writer?.recordsName ?? '',
    timing: { seconds: elapsed, imagesPerSecond: counted.images / elapsed, parts: seconds },
  };
}

/** 1 for the highest score. */
function rankOf(scores: Float32Array, index: number): number {
  let rank = 1;
  for (let c = 0; c < scores.length; c++) if (scores[c]! > scores[index]!) rank++;
  return rank;
}

function withMap(
  measures: PairMeasures | undefined,
  explained: ExplainedBatch,
  method: number,
  pair: number,
): PairMeasures {
  const map = explained.smallMap(method, pair);
  const dead = map.every((value) => value === 0);
  return { dead, ...measures, map: mapThumbnail(map, explained.smallSize) };
}

function describeDataset({ dir, info }: Dataset) {
  return { name: info.name, dir, classes: info.classes, multiLabel: info.multiLabel };
}

function describeSetting(
  { subject, loaded, target, explainer, bootstrap, engine, request }: Setting,
  split: string,
  mapSize: readonly [number, number],
): Pick<
  EvaluationResult,
  'format' | 'version' | 'finished' | 'split' | 'model' | 'settings' | 'config' | 'environment'
> {
  const { options } = request;
  const { methods, imageSize, link } = explainer.options;
  const model: tfl.LayersModel = loaded.model;
  return {
    format: evaluationFormat,
    version: evaluationVersion,
    finished: new Date().toISOString(),
    split,
    model: {
      run: subject.run,
      path: subject.modelPath,
      name: model.name,
      parameters: countParameters(model),
      targetLayer: target.path,
      targetLayerReason: target.reason,
      mapSize,
    },
    settings: {
      methods,
      measures: options.measures,
      imageSize,
      link,
      iouLevels,
      tolerance: options.tolerance,
      bootstrap: { replicates: bootstrap.replicates, confidence, seed: options.seed },
      limit: options.limit ?? null,
    },
    config: subject.config,
    environment: describeEnvironment(engine, options.seed),
  };
}
