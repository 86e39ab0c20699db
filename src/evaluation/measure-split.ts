import type { HostBatch } from '../data/index.ts';
import { classificationLoss, labelPairs } from '../metrics/index.ts';
import { startProgress } from '../progress/index.ts';
import { firstImages } from './batch-reader.ts';
import { ClassificationTally } from './classification-tally.ts';
import { type ExplainedImage, explainedImages } from './explained-image.ts';
import type { ExplainedBatch } from './explainer.ts';
import { FaithfulnessMeasure } from './faithfulness.ts';
import { LocalizationThread } from './localization-thread.ts';
import { MapFiles } from './map-files.ts';
import type { MeasureName } from './options.ts';
import type { EvaluationResult, PairMeasures, SanityResult } from './result.ts';
import type { ResultWriter } from './result-files.ts';
import { sanityCheck } from './sanity.ts';
import { describeSetting, iouLevels, type Setting } from './setting.ts';
import { type MeasuredPairs, SplitRecords } from './split-records.ts';
import { TeacherMeasure } from './teacher-measure.ts';
import { WrongReasonsMeasure } from './wrong-reasons.ts';

/**
 * Walks once over a split and measures all that was asked for.
 *
 * @param writer takes the records of the images, not the result
 */
export async function measureSplit(
  setting: Setting,
  split: string,
  writer: ResultWriter | undefined,
): Promise<EvaluationResult> {
  const { dataset, network, explainer, measures, bootstrap, request, read } = setting;
  const { options, maps } = request;
  const { methods, imageSize, frames } = explainer.options;
  const { classes, multiLabel } = dataset.info;
  const wants = (name: MeasureName) => measures.includes(name);

  const classification = new ClassificationTally(
    classes.length,
    network.link === 'sigmoid',
    bootstrap,
    focusOf(network.config?.evaluation.focusClass, classes),
  );
  const ofMaps = mapMeasures(setting);
  const wrongReasons = wants('wrong-reasons')
    ? new WrongReasonsMeasure(
        explainer,
        bootstrap,
        (await dataset.labelStatistics(split)).withConfounders > 0,
      )
    : undefined;
  const teacher =
    setting.teacher && new TeacherMeasure(setting.teacher, explainer, classes.length, bootstrap);
  const mapFiles =
    maps && new MapFiles(maps.dir, { format: maps.format, methods, classes, imageSize, frames, split });
  const records = new SplitRecords(methods, writer, mapFiles, frames);
  const sanityBatches: HostBatch[] = [];
  await mapFiles?.begin();

  const total = Math.min(options.limit ?? Number.POSITIVE_INFINITY, dataset.info.splits[split]!.examples);
  const seconds = { data: 0, maps: 0, measures: 0 };
  let mapSizes: readonly (readonly number[])[] = [];
  const start = performance.now();
  let before = start;
  const lap = (part: keyof typeof seconds) => {
    const now = performance.now();
    seconds[part] += (now - before) / 1000;
    before = now;
  };

  let done = 0;
  let written = Promise.resolve();
  let localization: EvaluationResult['localization'] = null;
  const progress = startProgress(split, total);
  try {
    for await (const batch of read(split, options.limit)) {
      lap('data');
      const pairs = labelPairs(batch, classes.length, Number.POSITIVE_INFINITY);
      const explained = await explainer.explain(batch, pairs);
      await wrongReasons?.addBatch(batch, explained.logits, done);
      // Of a batch without a pair only some methods know the extent of their maps.
      if (pairs.length > 0 || mapSizes.length === 0) mapSizes = methods.map((_, m) => explained.smallSize(m));
      const first = done;
      await teacher?.add(batch, pairs, explained, first);
      lap('maps');
      const images = [...explainedImages(batch, pairs, explained, first, imageSize, frames, bootstrap)];
      const measuring = ofMaps.addBatch(images, explained);
      measuring.catch(() => undefined);
      for (const image of images) {
        const ranks = image.pairs.map(({ rank }) => rank);
        classification.add(image.logits, image.labels, ranks, image.counts, image);
      }
      // One batch is measured and written down while the maps of the next are made.
      await written;
      written = (async () => {
        for (const [i, measured] of (await measuring).entries()) {
          await records.add(images[i]!, explained, measured);
        }
      })();
      // Whoever awaits it is told of its failure.
      written.catch(() => undefined);
      if (wants('sanity') && first < options.sanityLimit) {
        sanityBatches.push(firstImages(batch, options.sanityLimit - first, imageSize, classes.length));
      }
      done += batch.size;
      lap('measures');
      progress.update(done, `${(done / ((before - start) / 1000)).toFixed(0)} img/s`);
    }
    await written;
    localization = await ofMaps.result();
    lap('measures');
  } finally {
    progress.stop();
    await ofMaps.close();
  }
  await mapFiles?.finish();
  const elapsed = (performance.now() - start) / 1000;

  return {
    ...describeSetting(setting, split, mapSizes),
    dataset: { name: dataset.info.name, dir: dataset.dir, classes, multiLabel, ...records.counted },
    classification: classification.scores(classificationLoss),
    localization,
    faithfulness: ofMaps.faithfulness?.result() ?? null,
    sanity: wants('sanity') ? await checkSanity(setting, split, sanityBatches) : null,
    wrongReasons: wrongReasons?.result() ?? null,
    teacher: teacher?.result() ?? null,
    imageRecords: writer?.recordsName ?? '',
    timing: { seconds: elapsed, imagesPerSecond: records.counted.images / elapsed, parts: seconds },
  };
}

/** The class that the run is about, where the data set has it. */
function focusOf(name: string | null | undefined, classes: readonly string[]) {
  const index = name ? classes.indexOf(name) : -1;
  return index < 0 ? undefined : { class: index, name: name! };
}

/** The measures of maps that were asked for, fed batch by batch. */
function mapMeasures({ dataset, explainer, measures, calibration, bootstrap, request }: Setting) {
  const { tolerance, faithfulnessLimit } = request.options;
  const { methods, imageSize, frames } = explainer.options;
  const options = { classes: dataset.classes.length, imageSize, frames, iouLevels, tolerance, bootstrap };
  const localization = calibration && new LocalizationThread(methods, calibration, options);
  const faithfulness = measures.includes('faithfulness')
    ? new FaithfulnessMeasure(explainer, bootstrap)
    : undefined;

  /** @returns what was measured of the pairs of each image, by method */
  const addBatch = async (
    images: readonly ExplainedImage[],
    explained: ExplainedBatch,
  ): Promise<readonly MeasuredPairs[]> => {
    // The thread begins at once; what needs the engine is done here meanwhile.
    const localized = localization?.addBatch(images, explained);
    localized?.catch(() => undefined);
    const effects = images.map((image) => effectsOf(image, explained));
    const measured = (await localized) ?? images.map(({ pairs }) => pairs.map(() => ({})));
    return measured.map((ofPairs, i) =>
      ofPairs.map((ofMethods: Readonly<Record<string, PairMeasures>>, p) => {
        const effect = effects[i]?.[p];
        if (!effect) return ofMethods;
        return Object.fromEntries(
          methods.map((method, m) => [method, { ...ofMethods[method], ...effect[m] } as PairMeasures]),
        );
      }),
    );
  };
  const effectsOf = ({ index, pixels, scores, pairs, counts }: ExplainedImage, explained: ExplainedBatch) =>
    !faithfulness || index >= faithfulnessLimit
      ? undefined
      : faithfulness.measure(
          pairs.map(({ index: p, pair }) => ({
            class: pair.class,
            image: pixels,
            whole: scores[pair.class]!,
            maps: methods.map((_, m) => explained.map(m, p)),
            position: index,
            counts,
          })),
        );
  return {
    addBatch,
    faithfulness,
    result: async () => (localization ? localization.result() : null),
    close: async () => localization?.close(),
  };
}

async function checkSanity(
  { dataset, network, explainer, request }: Setting,
  split: string,
  batches: readonly HostBatch[],
): Promise<SanityResult> {
  const stages = startProgress(`${split}: destroying layers`, network.model.layers.length);
  try {
    return await sanityCheck(explainer, batches, {
      classes: dataset.classes.length,
      seed: request.options.seed,
      onStage: (done) => stages.update(done),
    });
  } finally {
    stages.stop();
  }
}
