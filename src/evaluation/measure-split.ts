import type { HostBatch } from '../data/index.ts';
import { classificationLoss, labelPairs } from '../metrics/index.ts';
import { startProgress } from '../progress/index.ts';
import { firstImages } from './batch-reader.ts';
import { ClassificationTally } from './classification-tally.ts';
import { type ExplainedImage, explainedImages } from './explained-image.ts';
import type { ExplainedBatch } from './explainer.ts';
import { FaithfulnessMeasure } from './faithfulness.ts';
import { LocalizationMeasure } from './localization.ts';
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
  const { methods, imageSize } = explainer.options;
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
    maps && new MapFiles(maps.dir, { format: maps.format, methods, classes, imageSize, split });
  const records = new SplitRecords(methods, writer, mapFiles);
  const sanityBatches: HostBatch[] = [];
  await mapFiles?.begin();

  const total = Math.min(options.limit ?? Number.POSITIVE_INFINITY, dataset.info.splits[split]!.examples);
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
      const pairs = labelPairs(batch, classes.length, Number.POSITIVE_INFINITY);
      const explained = explainer.explain(batch, pairs);
      wrongReasons?.addBatch(batch, explained.logits, records.counted.images);
      mapSize = explained.smallSize;
      const first = records.counted.images;
      teacher?.add(batch, pairs, explained, first);
      lap('maps');
      for (const image of explainedImages(batch, pairs, explained, first, imageSize, bootstrap)) {
        const ranks = image.pairs.map(({ rank }) => rank);
        classification.add(image.logits, image.labels, ranks, image.counts, image);
        await records.add(image, explained, ofMaps.add(image, explained));
      }
      if (wants('sanity') && first < options.sanityLimit) {
        sanityBatches.push(firstImages(batch, options.sanityLimit - first, imageSize, classes.length));
      }
      lap('measures');
      const done = records.counted.images;
      progress.update(done, `${(done / ((before - start) / 1000)).toFixed(0)} img/s`);
    }
  } finally {
    progress.stop();
  }
  await mapFiles?.finish();
  const elapsed = (performance.now() - start) / 1000;

  return {
    ...describeSetting(setting, split, mapSize),
    dataset: { name: dataset.info.name, dir: dataset.dir, classes, multiLabel, ...records.counted },
    classification: classification.scores(classificationLoss),
    localization: ofMaps.localization?.result() ?? null,
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

/** The measures of maps that were asked for, fed image by image. */
function mapMeasures({ dataset, explainer, measures, calibration, bootstrap, request }: Setting) {
  const { tolerance, faithfulnessLimit } = request.options;
  const { methods, imageSize } = explainer.options;
  const options = { classes: dataset.classes.length, imageSize, iouLevels, tolerance, bootstrap };
  const localization = calibration && new LocalizationMeasure(methods, calibration, options);
  const faithfulness = measures.includes('faithfulness')
    ? new FaithfulnessMeasure(explainer, bootstrap)
    : undefined;

  const add = (image: ExplainedImage, explained: ExplainedBatch): MeasuredPairs => {
    const { index, pixels, scores, pairs, counts } = image;
    const measured = localization?.addImage(explained, pairs, counts) ?? pairs.map(() => ({}));
    if (!faithfulness || index >= faithfulnessLimit) return measured;
    const effects = faithfulness.measure(
      pairs.map(({ index: p, pair }) => ({
        class: pair.class,
        image: pixels,
        whole: scores[pair.class]!,
        maps: methods.map((_, m) => explained.map(m, p)),
        position: index,
        counts,
      })),
    );
    return measured.map((ofMethods: Record<string, PairMeasures>, i) =>
      Object.fromEntries(
        methods.map((method, m) => [method, { ...ofMethods[method], ...effects[i]![m] } as PairMeasures]),
      ),
    );
  };
  return { localization, faithfulness, add };
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
