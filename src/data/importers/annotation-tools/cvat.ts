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
import { checked } from '../reading/json-file.ts';
import { listedImage, tellUnlisted } from '../reading/listed-image.ts';
import { linesOf, readXml } from '../reading/xml-file.ts';

export interface CvatOptions extends AnnotatedSourceOptions {
  /** Attribute of the tags of an image that groups the images, e.g. `place` in `<tag><attribute name="place">`. */
  groupAttribute?: string;
}

const number = z.coerce.number().refine(Number.isFinite, 'is not a number');
const shapeBase = z.object({ '@label': z.string().min(1) });
const points = z.string().transform((text, context) => {
  const numbers = text.split(/[;,]/).map(Number);
  if (numbers.length < 6 || numbers.length % 2 !== 0 || !numbers.every(Number.isFinite)) {
    context.addIssue({ code: 'custom', message: `expected x,y;x,y;x,y, found "${text.slice(0, 40)}"` });
  }
  return numbers;
});
const schemas = {
  box: shapeBase.extend({
    '@xtl': number,
    '@ytl': number,
    '@xbr': number,
    '@ybr': number,
    '@rotation': number.optional(),
  }),
  polygon: shapeBase.extend({ '@points': points }),
  ellipse: shapeBase.extend({
    '@cx': number,
    '@cy': number,
    '@rx': number,
    '@ry': number,
    '@rotation': number.optional(),
  }),
  mask: shapeBase.extend({
    '@rle': z.string(),
    '@left': number,
    '@top': number,
    '@width': number,
    '@height': number,
  }),
};
const imageSchema = z.looseObject({
  '@name': z.string().min(1),
  '@width': number,
  '@height': number,
  '@subset': z.string().optional(),
});
const KINDS = ['box', 'polygon', 'ellipse', 'mask', 'tag', 'polyline', 'points', 'cuboid', 'skeleton'];

/**
 * Finds the images of a task or project that CVAT exported as "CVAT for images 1.1": boxes, polygons, ellipses, masks, and
 * tags, which are classes of the whole image. The subset of an image is its split.
 *
 * @param path of `annotations.xml`
 * @param dir folder of the images
 * @throws {DataError} that names the file and line
 */
export async function findCvat(path: string, dir: string, options: CvatOptions = {}): Promise<ImportSource> {
  const notes = new ImportNotes();
  const problems: DataError[] = [];
  const lists = KINDS.map((kind) => `annotations.image.${kind}`);
  const { root, text } = await readXml(path, 'annotations', [
    'annotations.image',
    ...lists,
    'annotations.image.tag.attribute',
  ]);
  const lines = linesOf(text, /<image[\s>]/g);
  const found = (root.image as unknown[] | undefined) ?? [];
  if (found.length === 0) {
    throw new DataError(
      `${path}: holds no <image>; is it exported as "CVAT for images 1.1"?${root.track ? ' It holds tracks, those of a video.' : ''}`,
    );
  }
  const images: AnnotatedImage[] = [];
  const listed = new Set<string>();
  for (const [i, element] of found.entries()) {
    const where = `${path}:${lines[i] ?? 1}`;
    try {
      const image = checked(imageSchema, element, `${where}: image`);
      const file = listedImage(dir, image['@name'], where, notes.tell);
      listed.add(file);
      const { labels, group } = tagsOf(image.tag, options.groupAttribute);
      images.push({
        source: file,
        name: image['@name'],
        where,
        split: image['@subset'] || 'train',
        ...(group && { group }),
        stated: { width: image['@width'], height: image['@height'] },
        labels,
        shapes: shapesOf(image, where, notes.tell),
      });
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      problems.push(error);
    }
  }
  await tellUnlisted(dir, listed, path, notes.tell);
  return annotatedSource('cvat', images, options, notes, problems);
}

function tagsOf(tags: unknown, groupAttribute: string | undefined): { labels: string[]; group: string } {
  const labels: string[] = [];
  let group = '';
  for (const tag of (tags as Record<string, unknown>[] | undefined) ?? []) {
    if (typeof tag['@label'] === 'string') labels.push(tag['@label']);
    for (const attribute of (tag.attribute as Record<string, unknown>[] | undefined) ?? []) {
      if (groupAttribute && attribute['@name'] === groupAttribute)
        group = String(attribute['#text'] ?? '').trim();
    }
  }
  return { labels: [...new Set(labels)], group };
}

function shapesOf(image: Record<string, unknown>, where: string, tell: TellNote): Shape[] {
  const shapes: Shape[] = [];
  for (const kind of KINDS.filter((name) => name !== 'tag')) {
    for (const [i, element] of ((image[kind] as unknown[] | undefined) ?? []).entries()) {
      const at = `${where}: ${kind}[${i}]`;
      if (!(kind in schemas)) tell(`shapes left out: ${kind}`, at);
      else shapes.push(shapeOf(kind as keyof typeof schemas, element, at));
    }
  }
  return shapes;
}

function shapeOf(kind: keyof typeof schemas, element: unknown, where: string): Shape {
  if (kind === 'box') {
    const box = checked(schemas.box, element, where);
    const [x1, y1, x2, y2] = [box['@xtl'], box['@ytl'], box['@xbr'], box['@ybr']];
    const label = box['@label'];
    if (!box['@rotation']) return { label, where, sides: { xmin: x1, ymin: y1, xmax: x2, ymax: y2 } };
    const corners = [x1, y1, x2, y1, x2, y2, x1, y2];
    return {
      label,
      where,
      polygons: [turned(corners, (x1 + x2) / 2, (y1 + y2) / 2, (box['@rotation'] * Math.PI) / 180)],
    };
  }
  if (kind === 'polygon') {
    const polygon = checked(schemas.polygon, element, where);
    return { label: polygon['@label'], where, polygons: [polygon['@points']] };
  }
  if (kind === 'ellipse') {
    const e = checked(schemas.ellipse, element, where);
    const outline = ellipseOutline(
      e['@cx'],
      e['@cy'],
      e['@rx'],
      e['@ry'],
      ((e['@rotation'] ?? 0) * Math.PI) / 180,
    );
    return { label: e['@label'], where, polygons: [outline] };
  }
  const mask = checked(schemas.mask, element, where);
  const runs = mask['@rle'].split(',').map(Number);
  const box = { left: mask['@left'], top: mask['@top'], width: mask['@width'], height: mask['@height'] };
  return { label: mask['@label'], where, draw: (width, height) => drawRuns(runs, box, width, height) };
}

function turned(points: readonly number[], cx: number, cy: number, angle: number): number[] {
  return points.map((value, i) => {
    const [dx, dy] = i % 2 === 0 ? [value - cx, points[i + 1]! - cy] : [points[i - 1]! - cx, value - cy];
    return i % 2 === 0
      ? cx + dx * Math.cos(angle) - dy * Math.sin(angle)
      : cy + dx * Math.sin(angle) + dy * Math.cos(angle);
  });
}

/** Runs of outside and inside in turn, row by row within the box of the mask. */
function drawRuns(
  runs: readonly number[],
  box: { left: number; top: number; width: number; height: number },
  width: number,
  height: number,
): Uint8Array {
  const sum = runs.reduce((total, run) => total + run, 0);
  if (sum !== box.width * box.height || runs.some((run) => !Number.isInteger(run) || run < 0)) {
    throw new RangeError(`the runs cover ${sum} pixels of ${box.width * box.height}`);
  }
  const mask = new Uint8Array(width * height);
  let position = 0;
  for (const [i, run] of runs.entries()) {
    for (const end = position + run; position < end; position++) {
      const [x, y] = [box.left + (position % box.width), box.top + Math.floor(position / box.width)];
      if (i % 2 === 1 && x >= 0 && x < width && y >= 0 && y < height) mask[y * width + x] = 1;
    }
  }
  return mask;
}
