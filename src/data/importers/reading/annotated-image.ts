import { DataError } from '../../../errors/index.ts';
import { checkedName } from '../../../files/index.ts';
import type { ImageExample, ImageObject } from '../../image-example.ts';
import type { ImportItem, ImportSource } from '../import-run/import-examples.ts';
import type { ImportNotes, TellNote } from '../import-run/import-notes.ts';
import { annotatedFrame, placeBox, type Sides } from './annotated-frame.ts';
import { labelsOf, objectExample } from './object-example.ts';
import { drawSegmentation } from './segmentation.ts';
import { boxOfMask, encodeMask, readImage, type StoredImage, storeImage } from './stored-image.ts';

/** An object as an annotation file tells it: its box, its outline, or its pixels. */
export interface Shape {
  label: string;
  /** Beginning of messages about it. */
  where: string;
  /** In the unit of the image's `unit`. */
  sides?: Sides;
  /** x1, y1, x2, y2, … of one or several outlines, by the even-odd rule. */
  polygons?: number[][];
  /** Draws its pixels, [height*width], where it is neither. */
  draw?: (width: number, height: number) => Uint8Array | Promise<Uint8Array>;
}

/** An image as an annotation file tells it, with file or bytes, its shapes, and labels of the whole image. */
export interface AnnotatedImage {
  /** The image file, or how its bytes are read. */
  source: string | (() => Promise<Uint8Array>);
  name: string;
  /** Beginning of messages about it. */
  where: string;
  split: string;
  group?: string;
  /** Size that the annotation states, in pixels. */
  stated?: { width?: number; height?: number };
  /** What the numbers of the shapes are: pixels, or parts of the image from 0 to 1. @default 'pixels' */
  unit?: 'pixels' | 'parts';
  /** Classes of the whole image, beside those of its shapes. */
  labels?: string[];
  /** Classes of which it is not known whether they are in the image. */
  unknown?: string[];
  shapes: Shape[];
}

export interface AnnotatedSourceOptions {
  /** Names of the classes, in order; other names are errors. @default all that occur, sorted */
  classes?: readonly string[] | undefined;
  /** Import outlines as masks. @default true */
  masks?: boolean | undefined;
  /** Shrink larger images to this longest side. */
  resize?: number | undefined;
}

/**
 * Makes a source of the images that an annotation tool knows. Where no image has a shape and each has one label, the data
 * set has one label per image.
 *
 * @throws {DataError} when no class is told
 */
export function annotatedSource(
  format: string,
  images: readonly AnnotatedImage[],
  options: AnnotatedSourceOptions,
  notes: ImportNotes,
  problems: DataError[],
): ImportSource {
  const namesOf = ({ labels = [], unknown = [], shapes }: AnnotatedImage) => [
    ...labels,
    ...unknown,
    ...shapes.map(({ label }) => label),
  ];
  const classes = options.classes ?? [...new Set(images.flatMap(namesOf))].sort();
  if (classes.length === 0) throw problems[0] ?? new DataError(`${format}: no image has a class`);
  const indices = new Map(classes.map((name, index) => [name, index]));
  const items: ImportItem[] = [];
  for (const image of images) {
    const stranger = namesOf(image).find((name) => !indices.has(name));
    try {
      if (stranger !== undefined) {
        throw new DataError(`${image.where}: class ${stranger} is not one of ${classes.join(', ')}`);
      }
      const labels = [...new Set([...(image.labels ?? []), ...image.shapes.map(({ label }) => label)])];
      items.push({
        split: checkedName(image.split, `${image.where}: split`),
        name: image.name,
        labels: labels.map((name) => indices.get(name)!).sort((a, b) => a - b),
        ...(image.group && { group: image.group }),
        load: (tell) => loadAnnotated(image, indices, options, tell),
      });
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      problems.push(error);
    }
  }
  const multiLabel = images.some(
    ({ labels = [], unknown = [], shapes }) => shapes.length > 0 || labels.length !== 1 || unknown.length > 0,
  );
  return { format, classes, multiLabel, items, problems, notes: notes.list };
}

async function loadAnnotated(
  image: AnnotatedImage,
  indices: ReadonlyMap<string, number>,
  { masks = true, resize }: AnnotatedSourceOptions,
  tell: TellNote,
): Promise<ImageExample | undefined> {
  const { source, name, where, stated = {}, unit = 'pixels', labels = [], unknown = [], shapes } = image;
  const { original, ...stored } =
    typeof source === 'string'
      ? await readImage(source, resize)
      : await storeImage(await source(), where, resize);
  const frame = annotatedFrame(original, stated);
  const known = stated.width && stated.height;
  if (unit === 'pixels' && known && (stated.width !== frame.width || stated.height !== frame.height)) {
    throw new DataError(
      `${where}: is said to be ${stated.width}x${stated.height}, but the image is ${frame.width}x${frame.height} (width x height)`,
    );
  }
  const [x, y] = unit === 'parts' ? [frame.width, frame.height] : [1, 1];
  const objects: ImageObject[] = [];
  for (const shape of shapes) {
    const object = await placeShape(shape, frame, x, y, masks ? stored : undefined, tell);
    if (object) objects.push({ class: indices.get(shape.label)!, ...object });
  }
  const more = {
    ...(unknown.length > 0 && { unknown: unknown.map((label) => indices.get(label)!).sort((a, b) => a - b) }),
  };
  const others = labels.map((label) => ({ class: indices.get(label)! }));
  if (labels.length > 0) {
    return { ...stored, ...more, filename: name, labels: labelsOf([...objects, ...others]), objects };
  }
  return objectExample({ ...stored, ...more, filename: name }, objects, shapes.length, tell);
}

async function placeShape(
  { sides, polygons, draw, where }: Shape,
  frame: ReturnType<typeof annotatedFrame>,
  x: number,
  y: number,
  stored: Omit<StoredImage, 'original'> | undefined,
  tell: TellNote,
): Promise<Omit<ImageObject, 'class'> | undefined> {
  const { width, height } = frame;
  let mask: Uint8Array | undefined;
  try {
    if (polygons) {
      const outlines = polygons.map((outline) => outline.map((value, i) => value * (i % 2 === 0 ? x : y)));
      mask = drawSegmentation(outlines, width, height);
    } else if (draw) mask = await draw(width, height);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new DataError(`${where}: ${cause.message}`, { cause });
  }
  const around = mask && boxOfMask(mask, width, height);
  if (mask && !around && !sides) {
    tell('objects left out, no pixel of the image lies in their outline', where);
    return undefined;
  }
  const box = sides
    ? { xmin: sides.xmin * x, ymin: sides.ymin * y, xmax: sides.xmax * x, ymax: sides.ymax * y }
    : around!;
  const placed = placeBox(box, frame, where, tell);
  if (!placed) return undefined;
  return { ...placed, ...(stored && mask && around && { mask: await encodeMask(mask, frame, stored) }) };
}

/** The outline of an ellipse as a polygon. @param angle by which it is turned, in radians, clockwise on the screen */
export function ellipseOutline(cx: number, cy: number, rx: number, ry: number, angle = 0): number[] {
  const steps = 72;
  return Array.from({ length: steps }, (_, i) => {
    const t = (2 * Math.PI * i) / steps;
    const [dx, dy] = [rx * Math.cos(t), ry * Math.sin(t)];
    return [
      cx + dx * Math.cos(angle) - dy * Math.sin(angle),
      cy + dx * Math.sin(angle) + dy * Math.cos(angle),
    ];
  }).flat();
}
