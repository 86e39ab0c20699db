import { type Dataset, openDataset } from '../data/index.ts';
import { type EngineInfo, type EngineOptions, startEngine } from '../engine/index.ts';
import { ModelError, UsageError } from '../errors/index.ts';
import { resolveTargetLayer, type TargetLayer } from '../gradcam/index.ts';
import { Bootstrap } from '../metrics/index.ts';
import { startProgress, writeLine } from '../progress/index.ts';
import { type FoundNetwork, findNetwork, loadNetwork, type TrainedNetwork } from '../run/index.ts';
import { type BatchReader, batchReader } from './batch-reader.ts';
import { type Calibration, calibrate, withoutBoxes } from './calibration.ts';
import { Explainer } from './explainer.ts';
import { measureSplit } from './measure-split.ts';
import {
  checkMethods,
  checkSplit,
  checkThreshold,
  hasTruth,
  type MeasureName,
  requireTruth,
  type ThresholdSource,
} from './options.ts';
import type { EvaluationResult } from './result.ts';
import { confidence, type EvaluateRequest, type Setting } from './setting.ts';
import { findTeacher } from './teacher.ts';

/** The result of a split, and the step of the training that TensorBoard shows it at. */
export interface Evaluated {
  readonly step: number;
  readonly result: EvaluationResult;
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
  const found = await findNetwork(source, request.data);
  const methods = await checkMethods(options.methods ?? methodsOf(found));
  if (found.dataDir === null)
    throw new UsageError('data: a model folder does not say which data set; name one');
  const dataset = await openDataset(found.dataDir);
  try {
    const splits = request.splits ?? testSplits(found);
    for (const split of splits) checkSplit(dataset, split, '--split');
    const clips = dataset.info.clips ?? false;
    const measures = options.measures ?? (await measuresFor(dataset, splits, log));
    if (clips) checkClips(measures, options, found.dataDir);
    const threshold = measures.includes('localization')
      ? await checkTruth(dataset, splits, options.threshold, found)
      : undefined;
    if (measures.includes('wrong-reasons')) await checkConfounders(dataset, splits);

    const engine = await startEngine(engineOptions(found, request.engine));
    log(`engine   ${engine.reason}`);
    const network = await loadNetwork(
      found,
      {
        inputScaling: request.inputScaling,
        imageSize: request.imageSize,
        frames: request.frames,
        targetLayer: options.targetLayer,
      },
      { clips },
    );
    if (clips && !network.frames) {
      throw new ModelError(`${found.path}: takes images, and ${found.dataDir} holds clips`);
    }
    if (network.channels !== 3)
      throw new ModelError(`${found.path}: takes grey images, the data set gives colours`);
    for (const note of network.notes) log(note);
    const target = resolveTargetLayer(network.model, network.targetLayer);
    log(`maps     ${methods.join(', ')} of ${target.path}: ${target.reason}`);
    if (target.warning) log(`warning  ${target.warning}`);
    await warnOfSlow(methods, threshold, log);
    const setting = await prepare(
      { ...request, log },
      network,
      dataset,
      target,
      methods,
      engine,
      measures,
      threshold,
    );
    const results: Evaluated[] = [];
    for (const split of splits)
      results.push({ step: found.steps, result: await evaluateOne(setting, split) });
    return results;
  } finally {
    await dataset.close();
  }
}

/** Whoever asks for methods of many passes is told before, and how to do with fewer. */
async function warnOfSlow(
  methods: readonly string[],
  threshold: ThresholdSource | undefined,
  log: (line: string) => void,
): Promise<void> {
  const { findMethods } = await import('../explain/index.ts');
  const slow = findMethods(methods).filter((method) => method.slow);
  if (slow.length === 0) return;
  const also =
    threshold && 'split' in threshold
      ? `, on all of ${threshold.split} too, where the threshold is chosen (--threshold gives it)`
      : '';
  const names = slow.map(({ name }) => name).join(', ');
  log(`slow     ${names}: tens of passes per image or more${also}; --limit and --samples make it fewer`);
}

/** @throws {UsageError} for what is measured of images alone */
function checkClips(
  measures: readonly MeasureName[],
  options: EvaluateRequest['options'],
  dir: string,
): void {
  const other = measures.find((name) => name !== 'localization');
  if (other) throw new UsageError(`--measures: ${other} is measured on images, and ${dir} holds clips`);
  if (options.threshold) {
    throw new UsageError(`--threshold is of boxes, and ${dir} holds clips: a box does not say when`);
  }
  if (options.teacher !== undefined)
    throw new UsageError(`--teacher: compared on images, and ${dir} holds clips`);
}

function engineOptions({ config }: FoundNetwork, asked: string | undefined): EngineOptions {
  const { name = 'auto', threads = 0 } = config?.engine ?? {};
  // The engine itself says which names there are.
  return { engine: (asked ?? name) as NonNullable<EngineOptions['engine']>, threads };
}

function testSplits({ config }: FoundNetwork): readonly string[] {
  const splits = config?.data.splits.test ?? [];
  return splits.length > 0 ? splits : ['test'];
}

/** The run's own, and the one that it was distilled with. */
function methodsOf({ config }: FoundNetwork): readonly string[] {
  if (!config) return ['grad-cam'];
  const { gain, distillation } = config;
  return distillation ? [gain.method, distillation.maps.method] : [gain.method];
}

/** What is measured when nothing was said. */
async function measuresFor(
  dataset: Dataset,
  splits: readonly string[],
  log: (line: string) => void,
): Promise<readonly MeasureName[]> {
  for (const split of splits) {
    if (await hasTruth(dataset, split)) continue;
    log(`measures ${split} has neither boxes nor masks: no localization`);
    return [];
  }
  return ['localization'];
}

async function checkTruth(
  dataset: Dataset,
  splits: readonly string[],
  threshold: ThresholdSource | undefined,
  { config }: FoundNetwork,
): Promise<ThresholdSource> {
  for (const split of splits) {
    await requireTruth(
      dataset,
      split,
      'so there is nothing to measure localization on; --measures faithfulness needs none',
    );
  }
  // Of clips there are no boxes, so no threshold to choose.
  if (dataset.info.clips) return { value: 0 };
  const supervising = config?.data.masks.split;
  const isFree = supervising !== undefined && !splits.includes(supervising);
  return checkThreshold(dataset, threshold, isFree ? supervising : undefined);
}

async function checkConfounders(dataset: Dataset, splits: readonly string[]): Promise<void> {
  for (const split of splits) {
    const { withConfounders } = await dataset.labelStatistics(split);
    if (withConfounders > 0) continue;
    await requireTruth(dataset, split, 'so nothing says what must not matter, for --measures wrong-reasons');
  }
}

/** Chooses the thresholds, once for all splits. */
async function prepare(
  request: EvaluateRequest & { log: (line: string) => void },
  network: TrainedNetwork,
  dataset: Dataset,
  target: TargetLayer,
  methods: readonly string[],
  engine: EngineInfo,
  measures: readonly MeasureName[],
  threshold: ThresholdSource | undefined,
): Promise<Setting> {
  const { options, signal, log } = request;
  const { model, imageSize, frames, link, config } = network;
  const batchSize = options.batchSize ?? Math.min(32, config?.evaluation.batchSize ?? 32);
  const { seed, samples } = options;
  const explaining = {
    methods,
    targetLayer: target.path,
    imageSize,
    frames,
    batchSize,
    link,
    seed,
    samples,
    signal,
  };
  const explainer = await Explainer.create(model, explaining);
  const teacher = frames ? undefined : await findTeacher(network, dataset, options, explaining, log);
  const read = batchReader(dataset, network, batchSize, signal);
  let calibration: Calibration | undefined;
  if (frames && threshold) {
    calibration = withoutBoxes(methods.length);
  } else if (threshold) {
    calibration = await chooseThresholds(explainer, dataset, threshold, read);
  }
  const bootstrap = new Bootstrap({ replicates: options.replicates, confidence, seed: options.seed });
  if (request.splits?.some((split) => threshold && 'split' in threshold && split === threshold.split)) {
    log('warning  a threshold chosen on the split that is evaluated flatters it');
  }
  return {
    network,
    dataset,
    target,
    explainer,
    teacher,
    measures,
    calibration,
    bootstrap,
    engine,
    request,
    read,
  };
}

async function chooseThresholds(
  explainer: Explainer,
  dataset: Dataset,
  threshold: ThresholdSource,
  read: BatchReader,
): Promise<Calibration> {
  if ('value' in threshold) return calibrate(explainer, dataset, threshold, read, () => {});
  const { split } = threshold;
  const progress = startProgress(`${split}: choosing thresholds`, dataset.info.splits[split]!.examples);
  try {
    return await calibrate(explainer, dataset, threshold, read, (images) => progress.update(images));
  } finally {
    progress.stop();
  }
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
