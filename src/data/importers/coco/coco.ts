import { DataError } from '../../../errors/index.ts';
import { checkedName } from '../../../files/index.ts';
import type { ImageExample, ImageObject } from '../../image-example.ts';
import type { ImportItem, ImportSource } from '../import-run/import-examples.ts';
import { ImportNotes, type TellNote } from '../import-run/import-notes.ts';
import { annotatedFrame, type Frame, placeBox } from '../reading/annotated-frame.ts';
import { listedImage, tellUnlisted } from '../reading/listed-image.ts';
import { objectExample } from '../reading/object-example.ts';
import { drawSegmentation } from '../reading/segmentation.ts';
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
  /** Attribute of the images, itself or in their `attributes` or `extra`, that groups them. */
  groupAttribute?: string;
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
  const notes = new ImportNotes();
  let first: CocoFile | undefined;
  for (const part of parts) {
    const file = await readCocoFile(part.annotations, options.groupAttribute, options.onProgress);
    notes.add(file.notes);
    first ??= file;
    if (JSON.stringify(file.categories) !== JSON.stringify(first.categories)) {
      throw new DataError(`${file.path}: has other categories than ${first.path}`);
    }
    const classOf = new Map(
      file.categories.flatMap(({ ids }, index) => ids.map((id) => [id, index] as const)),
    );
    const missing: DataError[] = [];
    const listed = new Set<string>();
    for (const image of file.images) {
      try {
        const where = `${describePlace(file.path, image.place)} (id ${image.id})`;
        const path = listedImage(part.images, image.file_name, where, notes.tell);
        listed.add(path);
        items.push({
          split: checkedName(part.split, `${file.path}: split`),
          name: image.file_name,
          labels: [...new Set(Array.from(image.categories, (category) => classOf.get(category)!))],
          ...(image.group && { group: image.group }),
          load: (tell) => loadImage(path, file.path, image, classOf, options, tell),
        });
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        missing.push(error);
      }
    }
    if (options.groupAttribute && file.images.length > 0 && file.images.every(({ group }) => group === '')) {
      throw new DataError(`${file.path}: no image has the attribute ${options.groupAttribute}`);
    }
    if (missing.length === file.images.length && missing[0]) {
      throw new DataError(
        `${part.images}: none of the ${missing.length} images of ${file.path} is here, not even ${file.images[0]!.file_name}`,
      );
    }
    problems.push(...file.problems, ...missing);
    await tellUnlisted(part.images, listed, file.path, notes.tell);
  }
  const classes = first?.categories.map(({ name }) => name) ?? [];
  if (classes.length === 0) throw problems[0] ?? new DataError(`${first?.path}: lists no category`);
  return { format: 'coco', classes, multiLabel: true, items, problems, notes: notes.list };
}

async function loadImage(
  path: string,
  annotations: string,
  image: CocoImage,
  classOf: ReadonlyMap<CocoId, number>,
  { masks = true, resize }: CocoOptions,
  tell: TellNote,
): Promise<ImageExample | undefined> {
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
