import { join } from 'node:path';
import { type Dataset, openDataset, type PredictedMasks, readPredictedMasks } from '../data/index.ts';
import { startEngine } from '../engine/index.ts';
import { UsageError } from '../errors/index.ts';
import { fileStems, writeJson, writeWhole } from '../files/index.ts';
import { imageGrid, rgbImage, type Tile } from '../pictures/index.ts';
import { findNetwork, loadNetwork, type NetworkSource, type TrainedNetwork } from '../run/index.ts';
import { segmentDataset } from '../segmentation/index.ts';
import { type Audit, type AuditPictures, auditClassifier, type KnownMasks } from './audit.ts';
import { Scorer } from './scorer.ts';

export interface AuditNetworkOptions {
  readonly source: NetworkSource;
  /** Data set. @default that of the run */
  readonly data?: string | undefined;
  /** @default the validation split of the run */
  readonly split?: string | undefined;
  /** Names of classes. @default all */
  readonly classes?: readonly string[] | undefined;
  /** @default true masks where the split has any, else predicted ones where there is something to learn from, else boxes */
  readonly masks?: KnownMasks | undefined;
  /** A file of predicted masks. */
  readonly predictedFrom?: string | undefined;
  /** Images with masks that a segmenter may learn from. @default those of the run's data.masks */
  readonly maskCount?: number | undefined;
  readonly perCell: number;
  readonly limit: number;
  readonly seed: number;
  readonly replicates: number;
  readonly engine?: string | undefined;
  readonly threads?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((what: string, done: number, total: number) => void) | undefined;
}

/**
 * Audits a trained network on a split of its data set.
 *
 * @returns the audit, its pictures, and the network it is of
 * @throws {UsageError} when the split, a class, or the masks that were asked for are not there
 */
export async function auditNetwork(
  options: AuditNetworkOptions,
): Promise<{ audit: Audit; pictures: AuditPictures[]; network: TrainedNetwork }> {
  const found = await findNetwork(options.source, options.data);
  const settings = found.config?.engine;
  await startEngine({
    engine: (options.engine ?? settings?.name ?? 'auto') as 'auto',
    threads: options.threads ?? settings?.threads ?? 0,
  });
  const network = await loadNetwork(found);
  if (network.dataDir === null)
    throw new UsageError('--data DIR is needed: nothing says which data set it was trained on');
  const dataset = await openDataset(network.dataDir);
  try {
    const split =
      options.split ?? network.config?.data.splits.validation ?? Object.keys(dataset.info.splits)[0]!;
    const classes = options.classes?.map((name) => {
      const index = dataset.classes.indexOf(name);
      if (index >= 0) return index;
      throw new UsageError(
        `--class: no class '${name}' in ${dataset.dir}; it has ${dataset.classes.join(', ')}`,
      );
    });
    const { masks, predicted } = await knownMasks(network, dataset, split, options);
    const scorer = new Scorer(network.model, network.link, network.imageSize);
    const { signal, perCell, limit, seed, replicates, onProgress } = options;
    const result = await auditClassifier(scorer, dataset, {
      split,
      imageSize: network.imageSize,
      fit: network.fit,
      targetLayer: network.targetLayer,
      classes,
      masks,
      predicted,
      perCell,
      limit,
      seed,
      replicates,
      signal,
      onClass: (name, done, total) => onProgress?.(`auditing ${name}`, done, total),
    });
    return { ...result, network };
  } finally {
    await dataset.close();
  }
}

/** The best that is known of where the objects are, or what was asked for. */
async function knownMasks(
  network: TrainedNetwork,
  dataset: Dataset,
  split: string,
  options: AuditNetworkOptions,
): Promise<{ masks: KnownMasks; predicted?: PredictedMasks }> {
  const statistics = await dataset.labelStatistics(split);
  const ofRun = network.config?.data.masks;
  const count = options.maskCount ?? ofRun?.count ?? 0;
  const wanted =
    options.masks ??
    (options.predictedFrom
      ? 'predicted'
      : statistics.withMasks > 0
        ? 'true'
        : count !== 0
          ? 'predicted'
          : statistics.withBoxes > 0
            ? 'boxes'
            : 'none');
  if (wanted === 'true' && statistics.withMasks === 0)
    throw new UsageError(`--masks true: split ${split} has none`);
  if (wanted === 'boxes' && statistics.withBoxes === 0)
    throw new UsageError(`--masks boxes: split ${split} has none`);
  if (wanted !== 'predicted') return { masks: wanted };
  if (options.predictedFrom)
    return { masks: 'predicted', predicted: await readPredictedMasks(options.predictedFrom) };
  if (!ofRun || count === 0) {
    throw new UsageError(
      '--masks predicted: there is nothing to learn from; --predicted FILE names masks, or --mask-count how many images with masks may be used',
    );
  }
  const predicted = await segmentDataset(network.model, dataset, {
    imageSize: network.imageSize,
    fit: network.fit,
    masks: { split: ofRun.split, count },
    splits: [split],
    seed: options.seed,
    folds: 0,
    batch: [8, 0],
    pasted: 0.3,
    signal: options.signal,
    onProgress: options.onProgress,
  });
  return { masks: 'predicted', predicted };
}

/** Writes `audit.json` and a picture for each class that has one to a folder. @returns the files */
export async function writeAudit(
  out: string,
  { audit, pictures, network }: Awaited<ReturnType<typeof auditNetwork>>,
): Promise<string[]> {
  const files = [join(out, 'audit.json')];
  const pictureOf: Record<string, string> = {};
  const stems = fileStems(pictures.map((one) => one.class));
  for (const [i, one] of pictures.entries()) {
    const png = await drawPictures(one, network.imageSize);
    if (!png) continue;
    pictureOf[one.class] = `${stems[i]!}.png`;
    const file = join(out, pictureOf[one.class]!);
    await writeWhole(file, png);
    files.push(file);
  }
  await writeJson(files[0]!, { network: network.name, ...audit, pictures: pictureOf });
  return files;
}

/** Composites of the four cells with their answers, and the images that tell most. */
async function drawPictures(
  { class: name, composites, telling }: AuditPictures,
  [height, width]: readonly [number, number],
): Promise<Buffer | undefined> {
  const tile = (pixels: Float32Array, caption: string, wrong: boolean): Tile => ({
    image: rgbImage(pixels, height, width),
    caption,
    ...(wrong && { warning: 'caption' as const }),
  });
  const across = 6;
  const rows: Tile[][] = [];
  for (const [ground, present, label] of [
    [false, true, `${name}, other ground`],
    [true, false, `its ground, no ${name}`],
    [true, true, `${name}, its ground`],
    [false, false, `neither`],
  ] as const) {
    const some = composites
      .filter((one) => one.ground === ground && one.present === present)
      .slice(0, across);
    if (some.length === 0) continue;
    rows.push(
      some.map(({ picture, yes }) => tile(picture, `${label}: ${yes ? 'yes' : 'no'}`, yes !== present)),
    );
  }
  for (const { pixels, changed, change, before, after } of telling.slice(0, 4)) {
    rows.push([
      tile(pixels, `score ${before.toFixed(1)}`, false),
      tile(changed, `${change}: ${after.toFixed(1)}`, true),
    ]);
  }
  return rows.length === 0 ? undefined : imageGrid(rows, { title: `Audit of ${name}`, tileSize: 176 });
}
