import { dirname, join, relative, sep } from 'node:path';
import sharp from 'sharp';
import * as z from 'zod';
import { DataError } from '../../../errors/index.ts';
import type { ImportSource } from '../import-run/import-examples.ts';
import { ImportNotes, type TellNote } from '../import-run/import-notes.ts';
import {
  type AnnotatedImage,
  type AnnotatedSourceOptions,
  annotatedSource,
  ellipseOutline,
  type Shape,
} from '../reading/annotated-image.ts';
import { listFolder, stemOf } from '../reading/image-files.ts';
import { checked, readJsonFile } from '../reading/json-file.ts';
import { listedImage } from '../reading/listed-image.ts';

const point = z.tuple([z.number(), z.number()]);
const schema = z.object({
  imagePath: z.string().min(1),
  imageData: z.string().nullish(),
  imageHeight: z.number().nullish(),
  imageWidth: z.number().nullish(),
  flags: z.record(z.string(), z.unknown()).nullish(),
  shapes: z.array(
    z.object({
      label: z.string().trim().min(1),
      points: z.array(point).default([]),
      shape_type: z.string().default('polygon'),
      mask: z.string().nullish(),
    }),
  ),
});

/**
 * Finds images that LabelMe annotated: a JSON file for each, in the folder itself or in a folder for each split. Polygons,
 * rectangles, circles and masks are read; flags of an image that are true are its classes where no image has a shape. An
 * image that is not there is taken from its JSON, where that holds it.
 *
 * @throws {DataError} that names the file and the shape
 */
export async function findLabelMe(dir: string, options: AnnotatedSourceOptions = {}): Promise<ImportSource> {
  const notes = new ImportNotes();
  const problems: DataError[] = [];
  const top = await listFolder(dir);
  const here = top.others.filter((file) => file.toLowerCase().endsWith('.json'));
  const places: [split: string, folder: string][] =
    here.length > 0 ? [['train', dir]] : top.folders.map((name) => [name, join(dir, name)]);
  if (here.length > 0)
    for (const name of top.folders)
      notes.tell('folders left out, there are annotations above them', join(dir, name));
  const images: AnnotatedImage[] = [];
  const flagged: string[][] = [];
  for (const [split, folder] of places) {
    const listing = await listFolder(folder);
    const jsons = listing.others.filter((file) => file.toLowerCase().endsWith('.json'));
    const stems = new Set(jsons.map(stemOf));
    for (const image of listing.images) {
      if (!stems.has(stemOf(image)))
        notes.tell('images left out, they have no annotation', join(folder, image));
    }
    for (const json of jsons) {
      const path = join(folder, json);
      try {
        const file = checked(schema, await readJsonFile(path), `${path}: `);
        const flags = Object.entries(file.flags ?? {}).flatMap(([name, on]) => (on === true ? name : []));
        const shapes = file.shapes.flatMap((shape, i) =>
          readShape(shape, `${path}: shapes[${i}]`, notes.tell),
        );
        images.push({
          source: sourceOf(path, file, notes.tell),
          name: relative(dir, join(folder, file.imagePath.replaceAll('\\', '/')))
            .split(sep)
            .join('/'),
          where: path,
          split,
          ...(file.imageWidth &&
            file.imageHeight && { stated: { width: file.imageWidth, height: file.imageHeight } }),
          shapes,
        });
        flagged.push(flags);
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        problems.push(error);
      }
    }
  }
  if (images.length === 0) throw problems[0] ?? new DataError(`${dir}: holds no JSON file of LabelMe`);
  if (images.every(({ shapes }) => shapes.length === 0)) {
    for (const [i, image] of images.entries()) image.labels = flagged[i]!;
  } else {
    for (const [i, flags] of flagged.entries()) {
      for (const flag of flags)
        notes.tell('flags left out, as there are shapes', `${images[i]!.where}: ${flag}`);
    }
  }
  return annotatedSource('labelme', images, options, notes, problems);
}

function sourceOf(
  path: string,
  { imagePath, imageData }: z.output<typeof schema>,
  tell: TellNote,
): AnnotatedImage['source'] {
  try {
    return listedImage(dirname(path), imagePath, path, tell);
  } catch (error) {
    if (!imageData || !(error instanceof DataError)) throw error;
    tell('images that are not there, taken from their JSON', path);
    return async () => Buffer.from(imageData, 'base64');
  }
}

function readShape(
  { label, points, shape_type, mask }: z.output<typeof schema>['shapes'][number],
  where: string,
  tell: TellNote,
): Shape[] {
  const [a, b] = points;
  if (shape_type === 'polygon' && points.length >= 3) return [{ label, where, polygons: [points.flat()] }];
  if (!a || !b || !['rectangle', 'circle', 'mask'].includes(shape_type)) {
    tell(`shapes left out: ${points.length < 2 ? 'too few points' : shape_type}`, where);
    return [];
  }
  if (shape_type === 'circle') {
    const radius = Math.hypot(b[0] - a[0], b[1] - a[1]);
    return [{ label, where, polygons: [ellipseOutline(a[0], a[1], radius, radius)] }];
  }
  const sides = {
    xmin: Math.min(a[0], b[0]),
    ymin: Math.min(a[1], b[1]),
    xmax: Math.max(a[0], b[0]),
    ymax: Math.max(a[1], b[1]),
  };
  if (shape_type === 'rectangle') return [{ label, where, sides }];
  if (!mask) {
    tell('shapes left out: a mask without pixels', where);
    return [];
  }
  return [{ label, where, draw: (width, height) => pasted(mask, sides, width, height, where) }];
}

/** The mask of a shape is a picture of its box. */
async function pasted(
  mask: string,
  { xmin, ymin }: { xmin: number; ymin: number },
  width: number,
  height: number,
  where: string,
) {
  const { data, info } = await sharp(Buffer.from(mask, 'base64'))
    .extractChannel(0)
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
    .catch((cause: Error) => {
      throw new DataError(`${where}: mask cannot be decoded: ${cause.message}`, { cause });
    });
  const whole = new Uint8Array(width * height);
  const [left, top] = [Math.round(xmin), Math.round(ymin)];
  for (let y = 0; y < info.height; y++) {
    for (let x = 0; x < info.width; x++) {
      const inside = left + x >= 0 && left + x < width && top + y >= 0 && top + y < height;
      if (inside && data[y * info.width + x]) whole[(top + y) * width + left + x] = 1;
    }
  }
  return whole;
}
