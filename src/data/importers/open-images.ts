import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DataError } from '../../errors/index.ts';
import { readBytes } from '../file-bytes.ts';
import { decodeMask } from '../image-decoding.ts';
import { csvRows } from './csv/rows.ts';
import type { ImportSource } from './import-run/import-examples.ts';
import { ImportNotes } from './import-run/import-notes.ts';
import {
  type AnnotatedImage,
  type AnnotatedSourceOptions,
  annotatedSource,
} from './reading/annotated-image.ts';
import { listFolder, stemOf } from './reading/image-files.ts';

export interface OpenImagesOptions extends AnnotatedSourceOptions {
  /** Image labels that people verified (`…-human-imagelabels.csv`): present with confidence 1, absent with 0. */
  labels?: string;
  /** Boxes (`…-annotations-bbox.csv`). */
  boxes?: string;
  /** Segmentations (`…-annotations-object-segmentation.csv`); their PNG lie beside it, or in a folder `masks`. */
  segmentations?: string;
  /** Names of the labels (`class-descriptions….csv`: label, name). */
  descriptions?: string;
  /** @default 'train' */
  split?: string;
}

interface Found extends AnnotatedImage {
  absent: Set<string>;
}

/**
 * Finds images of Open Images, as many as are in the folder, in the CSV files of the whole set. A class that people verified
 * as present or absent is known, every other is not: the labels of an image are unknown for it.
 *
 * @param dir folder of the images, `<ImageID>.jpg`
 * @throws {DataError} `file:line: …`
 */
export async function findOpenImages(dir: string, options: OpenImagesOptions): Promise<ImportSource> {
  const { labels, boxes, segmentations, descriptions, split = 'train' } = options;
  if (!labels && !boxes) throw new DataError(`${dir}: neither a file of labels nor of boxes is given`);
  const notes = new ImportNotes();
  const problems: DataError[] = [];
  const names = descriptions ? await readDescriptions(descriptions) : new Map<string, string>();
  const listing = await listFolder(dir);
  const images = new Map<string, Found>(
    listing.images.map((file) => [
      stemOf(file),
      {
        source: join(dir, file),
        name: file,
        where: join(dir, file),
        split,
        unit: 'parts',
        labels: [],
        shapes: [],
        absent: new Set(),
      },
    ]),
  );
  const each = async (
    path: string,
    columns: readonly string[],
    take: (image: Found, cells: string[], where: string, label: string) => void,
  ) => {
    for await (const { cells, where } of csvRows(path, ['ImageID', 'LabelName', ...columns])) {
      const [id, code, ...rest] = cells as [string, string, ...string[]];
      const image = images.get(id);
      if (!image) {
        notes.tell('rows left out, their image is not in the folder', where);
        continue;
      }
      try {
        take(image, rest, where, names.get(code) ?? code);
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        problems.push(error);
      }
    }
  };
  if (labels) {
    await each(labels, ['Confidence'], (image, [confidence], where, label) => {
      const value = number(confidence, where, 'Confidence');
      if (value === 1) image.labels!.push(label);
      else if (value === 0) image.absent.add(label);
      else notes.tell('labels left out, they are neither 0 nor 1', where);
    });
  }
  if (boxes) {
    await each(
      boxes,
      ['XMin', 'XMax', 'YMin', 'YMax', 'IsGroupOf'],
      (image, [xmin, xmax, ymin, ymax, group], where, label) => {
        image.labels!.push(label);
        if (group === '1') {
          notes.tell('groups, which give their image the class alone', where);
          return;
        }
        const side = (text: string | undefined, name: string) => number(text, where, name);
        const sides = {
          xmin: side(xmin, 'XMin'),
          ymin: side(ymin, 'YMin'),
          xmax: side(xmax, 'XMax'),
          ymax: side(ymax, 'YMax'),
        };
        image.shapes.push({ label, where, sides });
      },
    );
  }
  if (segmentations) {
    const folders = [dirname(segmentations), join(dirname(segmentations), 'masks')];
    await each(segmentations, ['MaskPath'], (image, [mask], where, label) => {
      const path = folders.map((folder) => join(folder, mask!)).find((candidate) => existsSync(candidate));
      if (!path) throw new DataError(`${where}: the mask ${mask} is not in ${folders.join(' or ')}`);
      image.labels!.push(label);
      image.shapes.push({ label, where, draw: async (width, height) => scaledMask(path, width, height) });
    });
  }
  const found = [...images.values()].filter((image) => {
    if (image.labels!.length > 0 || image.absent.size > 0) return true;
    notes.tell('images left out, no row is about them', image.name);
    return false;
  });
  const classes =
    options.classes ?? [...new Set(found.flatMap((image) => [...image.labels!, ...image.absent]))].sort();
  for (const image of found) {
    image.labels = [...new Set(image.labels)];
    for (const label of image.labels) {
      if (image.absent.delete(label))
        notes.tell('labels that are said to be absent and present: taken as present', image.name);
    }
    image.unknown = classes.filter((name) => !image.labels!.includes(name) && !image.absent.has(name));
  }
  return {
    ...annotatedSource('open-images', found, { ...options, classes }, notes, problems),
    multiLabel: true,
  };
}

async function readDescriptions(path: string): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  for await (const { cells } of csvRows(path)) if (cells[0] && cells[1]) names.set(cells[0], cells[1]);
  return names;
}

function number(text: string | undefined, where: string, name: string): number {
  const value = Number(text);
  if (!text || !Number.isFinite(value))
    throw new DataError(`${where}: ${name}: expected a number, found "${text ?? ''}"`);
  return value;
}

/** The masks have a size of their own, with the proportions of their image. */
async function scaledMask(path: string, width: number, height: number): Promise<Uint8Array> {
  const { default: sharp } = await import('sharp');
  const bytes = await readBytes(path);
  const size = await sharp(bytes)
    .metadata()
    .catch((cause: Error) => {
      throw new DataError(`${path}: mask cannot be decoded: ${cause.message}`, { cause });
    });
  const mask = await decodeMask(bytes, size, path);
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const x = Math.min(size.width - 1, Math.floor((((i % width) + 0.5) / width) * size.width));
    const y = Math.min(size.height - 1, Math.floor(((Math.floor(i / width) + 0.5) / height) * size.height));
    return mask[y * size.width + x]!;
  });
}
