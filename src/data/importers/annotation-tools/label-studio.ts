import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
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
import { checked, readJsonFile } from '../reading/json-file.ts';
import { listedImage, tellUnlisted } from '../reading/listed-image.ts';

export interface LabelStudioOptions extends AnnotatedSourceOptions {
  /** Key of a task's data that groups the images. */
  groupAttribute?: string;
  /** @default 'train' */
  split?: string;
}

const result = z.looseObject({
  type: z.string(),
  value: z.record(z.string(), z.unknown()).default({}),
  original_width: z.number().nullish(),
  original_height: z.number().nullish(),
});
const task = z.looseObject({
  data: z.record(z.string(), z.unknown()),
  annotations: z
    .array(z.looseObject({ result: z.array(result), was_cancelled: z.boolean().nullish() }))
    .nullish(),
});
const n = z.number();
const values = {
  rectanglelabels: z.object({ x: n, y: n, width: n, height: n, rotation: n.default(0) }),
  polygonlabels: z.object({ points: z.array(z.tuple([n, n])).min(3) }),
  ellipselabels: z.object({ x: n, y: n, radiusX: n, radiusY: n, rotation: n.default(0) }),
};

/**
 * Finds the images of a Label Studio project (its JSON export): rectangles, polygons and ellipses with labels, and choices,
 * which are classes of the whole image. Of several annotations of an image the first that was not cancelled counts.
 *
 * @param path of the JSON file
 * @param dir folder of the images
 * @throws {DataError} that names the file and the task
 */
export async function findLabelStudio(
  path: string,
  dir: string,
  options: LabelStudioOptions = {},
): Promise<ImportSource> {
  const notes = new ImportNotes();
  const problems: DataError[] = [];
  const json = await readJsonFile(path);
  if (!Array.isArray(json))
    throw new DataError(`${path}: expected a list of tasks; is it the JSON export of Label Studio?`);
  const images: AnnotatedImage[] = [];
  const listed = new Set<string>();
  for (const [i, value] of json.entries()) {
    const where = `${path}: [${i}]`;
    try {
      const { data, annotations } = checked(task, value, where);
      const kept = (annotations ?? []).filter(({ was_cancelled }) => !was_cancelled);
      if (kept.length === 0) {
        notes.tell('tasks left out, they have no annotation', where);
        continue;
      }
      for (const _ of kept.slice(1)) notes.tell('further annotations of an image left out', where);
      const file = imageOf(data, dir, where, notes.tell);
      listed.add(file);
      const group = options.groupAttribute ? data[options.groupAttribute] : undefined;
      const read = readResults(kept[0]!.result, `${where}.annotations[0]`, notes.tell);
      images.push({
        source: file,
        name: basename(file),
        where,
        split: options.split ?? 'train',
        ...(group !== undefined && group !== null && { group: String(group) }),
        unit: 'parts',
        ...read,
      });
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      problems.push(error);
    }
  }
  await tellUnlisted(dir, listed, path, notes.tell);
  return annotatedSource('label-studio', images, options, notes, problems);
}

/** The image of a task is an address on the server; uploads carry eight digits before their name. */
function imageOf(data: Record<string, unknown>, dir: string, where: string, tell: TellNote): string {
  const address = [data.image, data.img, ...Object.values(data)].find(
    (value): value is string =>
      typeof value === 'string' && /\.(jpe?g|png|webp|gif|tiff?|avif)($|\?)/i.test(value),
  );
  if (!address) throw new DataError(`${where}: its data names no image`);
  const local = /[?&]d=([^&]+)/.exec(address)?.[1] ?? address;
  let name: string;
  try {
    name = decodeURIComponent(local.replace(/^[a-z0-9]+:\/\/[^/]*/i, '').replace(/[?#].*$/, ''));
  } catch {
    name = local;
  }
  const candidates = [name.replace(/^\/+/, ''), basename(name), basename(name).replace(/^[0-9a-f]{8}-/, '')];
  const found = candidates.find((candidate) => existsSync(join(dir, candidate)));
  return listedImage(dir, found ?? basename(name), where, tell);
}

function readResults(
  results: readonly z.output<typeof result>[],
  where: string,
  tell: TellNote,
): { labels: string[]; shapes: Shape[] } {
  const labels: string[] = [];
  const shapes: Shape[] = [];
  for (const [i, found] of results.entries()) {
    const at = `${where}.result[${i}]`;
    const { type, value } = found;
    if (type === 'choices') {
      labels.push(...checked(z.array(z.string()), value.choices, at));
      continue;
    }
    const outline = outlineOf(found, at);
    const names = Array.isArray(value[type]) ? (value[type] as unknown[]).map(String) : [];
    if (!outline) tell(`results left out: ${type}`, at);
    else if (names.length === 0) tell('results left out, they have no label', at);
    else for (const label of names) shapes.push({ label, where: at, ...outline });
  }
  return { labels: [...new Set(labels)], shapes };
}

/** Label Studio counts in percent of the width and height; what is turned is turned in pixels. */
function outlineOf(
  { type, value, original_width, original_height }: z.output<typeof result>,
  where: string,
): Pick<Shape, 'sides' | 'polygons'> | undefined {
  const [width, height] = [original_width || 100, original_height || 100];
  const parts = (points: readonly number[]) => points.map((v, i) => v / (i % 2 === 0 ? width : height));
  if (type === 'rectanglelabels') {
    const { x, y, width: w, height: h, rotation } = checked(values.rectanglelabels, value, where);
    if (rotation === 0)
      return { sides: { xmin: x / 100, ymin: y / 100, xmax: (x + w) / 100, ymax: (y + h) / 100 } };
    const [left, top, a] = [(x * width) / 100, (y * height) / 100, (rotation * Math.PI) / 180];
    const corner = (dx: number, dy: number) => {
      const [px, py] = [(dx * width) / 100, (dy * height) / 100];
      return [left + px * Math.cos(a) - py * Math.sin(a), top + px * Math.sin(a) + py * Math.cos(a)];
    };
    return { polygons: [parts([corner(0, 0), corner(w, 0), corner(w, h), corner(0, h)].flat())] };
  }
  if (type === 'polygonlabels') {
    return {
      polygons: [
        checked(values.polygonlabels, value, where)
          .points.flat()
          .map((v) => v / 100),
      ],
    };
  }
  if (type === 'ellipselabels') {
    const { x, y, radiusX, radiusY, rotation } = checked(values.ellipselabels, value, where);
    const outline = ellipseOutline(
      (x * width) / 100,
      (y * height) / 100,
      (radiusX * width) / 100,
      (radiusY * height) / 100,
      (rotation * Math.PI) / 180,
    );
    return { polygons: [parts(outline)] };
  }
  return undefined;
}
