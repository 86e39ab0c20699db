import { existsSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { type Dataset, type PredictedMask, type PredictedMasks, writePredictedMasks } from '../data/index.ts';
import { DataError } from '../errors/index.ts';
import { fileStem, writeJson, writeWhole } from '../files/index.ts';
import { imageGrid, overlayMap, rgbImage, type Tile } from '../pictures/index.ts';
import { cocoShape } from './coco-shape.ts';

/** Images in the picture of the first masks. */
const shown = 24;

/**
 * Writes predicted masks for other programs and for the eye: a PNG per image (value c + 1 for class c), one file in
 * COCO format whose annotations carry `"predicted": true` and a score, and a grid of the first images with their masks.
 *
 * @returns how many PNGs were written
 */
export async function exportMasks(
  { info, masks }: PredictedMasks,
  dataset: Dataset,
  out: string,
): Promise<{ masks: number }> {
  const [height, width] = info.imageSize;
  const images: object[] = [];
  const annotations: object[] = [];
  for (const mask of masks.values()) {
    const file = pngName(mask.id);
    const png = await sharp(mask.classes, { raw: { width, height, channels: 1 } })
      .png()
      .toBuffer();
    await writeWhole(join(out, file), png);
    images.push({ id: images.length + 1, file_name: file, source: mask.id, width, height });
    for (const [c, score] of mask.confidence) {
      const region = mask.classes.map((value) => Number(value === c + 1));
      annotations.push({
        id: annotations.length + 1,
        image_id: images.length,
        category_id: c + 1,
        ...cocoShape(region, width, height),
        iscrowd: 1,
        predicted: true,
        score: Number(score.toFixed(4)),
      });
    }
  }
  const categories = info.classes.map((name, c) => ({ id: c + 1, name, estimated_iou: info.iou[c] ?? null }));
  await writeJson(join(out, 'predicted.coco.json'), {
    info: {
      description: 'masks predicted by a pixel classifier, not drawn by a person',
      learned_from: info.learnedFrom,
    },
    images,
    annotations,
    categories,
  });
  const rows = await gridRows(info, masks, dataset);
  if (rows.length > 0) {
    const title = `Predicted masks, learned from ${info.learnedFrom} images`;
    await writeWhole(join(out, 'grid.png'), await imageGrid(rows, { title, across: 3 }));
  }
  return { masks: images.length };
}

/**
 * Takes over masks that were corrected by hand: PNGs of {@link exportMasks} in which 0 is the background and c + 1 is
 * class c. The file of the predicted masks is written anew; a corrected mask has a confidence of 1.
 *
 * @returns how many masks differed
 * @throws {DataError} naming the PNG that has another size or a class that does not exist
 */
export async function takeCorrections(
  { info, masks, path }: PredictedMasks & { readonly path: string },
  folder: string,
): Promise<number> {
  const [height, width] = info.imageSize;
  let taken = 0;
  const corrected: PredictedMask[] = [];
  for (const mask of masks.values()) {
    const file = join(folder, pngName(mask.id));
    if (!existsSync(file)) {
      corrected.push(mask);
      continue;
    }
    const { data, info: found } = await sharp(file)
      .toColourspace('b-w')
      .raw()
      .toBuffer({ resolveWithObject: true })
      .catch((cause: Error) => {
        throw new DataError(`${file}: cannot be read: ${cause.message}`, { cause });
      });
    if (found.width !== width || found.height !== height) {
      throw new DataError(
        `${file}: expected ${width}x${height} pixels, found ${found.width}x${found.height}`,
      );
    }
    const classes = Uint8Array.from({ length: width * height }, (_, p) => data[p * found.channels]!);
    const highest = classes.reduce((most, value) => Math.max(most, value), 0);
    if (highest > info.classes.length) {
      throw new DataError(`${file}: value ${highest} names no class: there are ${info.classes.length}`);
    }
    if (Buffer.compare(classes, mask.classes) === 0) {
      corrected.push(mask);
      continue;
    }
    taken++;
    const present = [...new Set(classes)].filter((value) => value > 0).sort((a, b) => a - b);
    corrected.push({ id: mask.id, classes, confidence: new Map(present.map((value) => [value - 1, 1])) });
  }
  if (taken > 0) await writePredictedMasks(path, info, corrected);
  return taken;
}

/** The name of an example's PNG: its id, fit for a file. */
function pngName(id: string): string {
  return `${fileStem(id)}.png`;
}

async function gridRows(info: PredictedMasks['info'], masks: PredictedMasks['masks'], dataset: Dataset) {
  const [height, width] = info.imageSize;
  const rows: Tile[][] = [];
  for (const split of Object.keys(dataset.info.splits)) {
    const walk = {
      batchSize: shown,
      imageSize: info.imageSize,
      fit: info.fit,
      workers: 0,
      masks: 'none' as const,
    };
    for await (const batch of dataset.batches(split, walk)) {
      for (const [sample, id] of batch.ids.entries()) {
        const mask = masks.get(id);
        if (!mask || rows.length >= shown) continue;
        const size = height * width * 3;
        const image = rgbImage(batch.images.slice(sample * size, (sample + 1) * size), height, width);
        const map = Float32Array.from(mask.classes, (value) => value / info.classes.length);
        const names = [...mask.confidence].map(([c, p]) => `${info.classes[c]} ${p.toFixed(2)}`);
        rows.push([
          { image, caption: names.join(', ') || 'nothing found' },
          { image: overlayMap(image, { data: map, width, height }) },
        ]);
      }
      break;
    }
  }
  return rows;
}
