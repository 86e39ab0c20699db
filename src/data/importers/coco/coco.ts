import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../../../errors/index.ts';
import type { ImageExample, ImageObject } from '../../image-example.ts';
import type { ImportItem, ImportSource } from '../import-run/import-examples.ts';
import type { TellNote } from '../import-run/import-notes.ts';
import { annotatedFrame, type Frame, placeBox } from '../reading/annotated-frame.ts';
import { objectExample } from '../reading/object-example.ts';
import { boxOfMask, encodeMask, readImage, type StoredImage } from '../reading/stored-image.ts';
import {
  type CocoAnnotation,
  type CocoFile,
  type CocoId,
  type CocoImage,
  readCocoAnnotations,
  readCocoFile,
} from './annotation-file.ts';
import { describePlace } from './json-records.ts';
import { drawSegmentation } from './segmentation.ts';

/** An annotation file and the folder of its images, which become a split. */
export interface CocoPart {
  split: string;
  images: string;
  annotations: string;
}

export interface CocoOptions {
  /** Import polygons and runs as masks. @default true */
  masks?: boolean;
  /** Shrink larger images to this longest side. */
  resize?: number;
  /** Called while the annotation files are read: bytes done, and in all. */
  onProgress?: (done: number, total: number) => void;
}

/**
 * Finds images with COCO annotations. The classes are the categories in the order of their ids, which may have gaps.
 *
 * A crowd (`iscrowd: 1`) gives its image the class, but neither box nor mask, as it is no single object.
 *
 * @throws {DataError} for a file that is no COCO file, or when the parts have different categories
 */
export async function findCoco(parts: readonly CocoPart[], options: CocoOptions = {}): Promise<ImportSource> {
  const items: ImportItem[] = [];
  const problems: DataError[] = [];
  let first: CocoFile | undefined;
  for (const part of parts) {
    const file = await readCocoFile(part.annotations, options.onProgress);
    first ??= file;
    if (JSON.stringify(file.categories) !== JSON.stringify(first.categories)) {
      throw new DataError(`${file.path}: has other categories than ${first.path}`);
    }
    const classOf = new Map(file.categories.map(({ id }, index) => [id, index]));
    const missing: DataError[] = [];
    for (const image of file.images) {
      if (!existsSync(join(part.images, image.file_name))) {
        const where = describePlace(file.path, image.place);
        missing.push(
          new DataError(`${where} (id ${image.id}): ${join(part.images, image.file_name)} does not exist`),
        );
        continue;
      }
      items.push({
        split: part.split,
        labels: Array.from(image.categories, (category) => classOf.get(category)!),
        load: (tell) => loadImage(part.images, file.path, image, classOf, options, tell),
      });
    }
    if (missing.length === file.images.length && missing[0]) {
      throw new DataError(
        `${part.images}: none of the ${missing.length} images of ${file.path} is here, not even ${file.images[0]!.file_name}`,
      );
    }
    problems.push(...file.problems, ...missing);
  }
  const classes = first?.categories.map(({ name }) => name) ?? [];
  return { format: 'coco', classes, multiLabel: true, items, problems };
}

async function loadImage(
  dir: string,
  annotations: string,
  image: CocoImage,
  classOf: ReadonlyMap<CocoId, number>,
  { masks = true, resize }: CocoOptions,
  tell: TellNote,
): Promise<ImageExample | undefined> {
  const path = join(dir, image.file_name);
  const { original, ...stored } = await readImage(path, resize);
  const frame = annotatedFrame(original, image);
  if (frame.width !== image.width || frame.height !== image.height) {
    throw new DataError(
      `${describePlace(annotations, image.place)}: is ${image.width}x${image.height}, but ${path} is ${frame.width}x${frame.height} (width x height)`,
    );
  }
  const objects: ImageObject[] = [];
  const crowds: { class: number }[] = [];
  const read = await readCocoAnnotations(annotations, image.annotations);
  for (const { annotation, place } of read) {
    const index = classOf.get(annotation.category_id)!;
    if (annotation.iscrowd) {
      tell('crowds, which give their image the class alone');
      crowds.push({ class: index });
      continue;
    }
    const where = describePlace(annotations, place);
    const object = await readObject(annotation, where, frame, masks ? stored : undefined, tell);
    if (object) objects.push({ class: index, ...object });
  }
  return objectExample({ ...stored, filename: image.file_name }, objects, read.length, tell, crowds);
}

/** Box and mask of an annotation; undefined when nothing of it lies in the image. */
async function readObject(
  { bbox, segmentation }: CocoAnnotation,
  where: string,
  frame: Frame,
  stored: Omit<StoredImage, 'original'> | undefined,
  tell: TellNote,
): Promise<Omit<ImageObject, 'class'> | undefined> {
  const wanted = stored !== undefined || !bbox;
  const drawn =
    wanted && segmentation && !(Array.isArray(segmentation) && segmentation.length === 0)
      ? draw(segmentation, frame, where)
      : undefined;
  const around = drawn && boxOfMask(drawn, frame.width, frame.height);
  if (!bbox && !around) throw new DataError(`${where}: has neither bbox nor segmentation`);
  const sides = bbox
    ? { xmin: bbox[0], ymin: bbox[1], xmax: bbox[0] + bbox[2], ymax: bbox[1] + bbox[3] }
    : around!;
  const box = placeBox(sides, frame, `${where}: bbox [${bbox}]`, tell);
  if (!box) return undefined;
  return { ...box, ...(stored && around && { mask: await encodeMask(drawn!, frame, stored) }) };
}

function draw(
  segmentation: Parameters<typeof drawSegmentation>[0],
  { width, height }: Frame,
  where: string,
): Uint8Array {
  try {
    return drawSegmentation(segmentation, width, height);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new DataError(`${where}.segmentation: ${cause.message}`, { cause });
  }
}

/** The split that an annotation file is for, from its name: `instances_val2017.json` is `val`. */
export function cocoSplit(annotations: string): string {
  return /(?:^|[^a-z])(train|val|valid|test)(?![a-z])/i.exec(annotations)?.[1]?.toLowerCase() ?? 'train';
}
