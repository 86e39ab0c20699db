import * as z from 'zod';
import { DataError, UsageError } from '../../../errors/index.ts';
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

export interface ViaOptions extends AnnotatedSourceOptions {
  /** Attribute of the regions that is the class. @default the only one there is */
  labelAttribute?: string;
  /** Attribute of the files that groups the images. */
  groupAttribute?: string;
  /** @default 'train' */
  split?: string;
}

const n = z.number();
const region = z.object({
  shape_attributes: z.looseObject({ name: z.string() }),
  region_attributes: z.record(z.string(), z.unknown()).default({}),
});
const entry = z.object({
  filename: z.string().min(1),
  regions: z.union([z.array(region), z.record(z.string(), region)]).default([]),
  file_attributes: z.record(z.string(), z.unknown()).default({}),
});
const shapes = {
  rect: z.object({ x: n, y: n, width: n, height: n }),
  polygon: z.object({ all_points_x: z.array(n), all_points_y: z.array(n) }),
  circle: z.object({ cx: n, cy: n, r: n }),
  ellipse: z.object({ cx: n, cy: n, rx: n, ry: n, theta: n.default(0) }),
};

/**
 * Finds the images of a VGG Image Annotator (VIA 1 and 2) project or JSON export: rectangles, polygons, circles and
 * ellipses.
 *
 * @param path of the JSON file
 * @param dir folder of the images
 * @throws {UsageError} when it is not plain which attribute is the class
 * @throws {DataError} that names the file and the region
 */
export async function findVia(path: string, dir: string, options: ViaOptions = {}): Promise<ImportSource> {
  const notes = new ImportNotes();
  const problems: DataError[] = [];
  const json = (await readJsonFile(path)) as Record<string, unknown> | null;
  if (typeof json !== 'object' || json === null || 'metadata' in json) {
    throw new DataError(`${path}: is no project or export of VIA 1 or 2`);
  }
  const entries: [where: string, value: z.output<typeof entry>][] = [];
  for (const [key, value] of Object.entries((json._via_img_metadata ?? json) as Record<string, unknown>)) {
    try {
      entries.push([`${path}: ${key}`, checked(entry, value, `${path}: ${key}`)]);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      problems.push(error);
    }
  }
  const attribute =
    options.labelAttribute ??
    onlyAttribute(
      entries.map(([, value]) => value),
      path,
    );
  const images: AnnotatedImage[] = [];
  const listed = new Set<string>();
  for (const [where, { filename, regions, file_attributes }] of entries) {
    try {
      const file = listedImage(dir, filename, where, notes.tell);
      listed.add(file);
      const group = options.groupAttribute ? file_attributes[options.groupAttribute] : undefined;
      images.push({
        source: file,
        name: filename,
        where,
        split: options.split ?? 'train',
        ...(group !== undefined && group !== '' && { group: String(group) }),
        shapes: Object.values(regions).flatMap((found, i) =>
          shapesOf(found, attribute, `${where}: regions[${i}]`, notes.tell),
        ),
      });
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      problems.push(error);
    }
  }
  await tellUnlisted(dir, listed, path, notes.tell);
  return annotatedSource('via', images, options, notes, problems);
}

function onlyAttribute(entries: readonly z.output<typeof entry>[], path: string): string {
  const names = new Set(
    entries.flatMap(({ regions }) =>
      Object.values(regions).flatMap((found) => Object.keys(found.region_attributes)),
    ),
  );
  const [name, ...others] = names;
  if (name === undefined) throw new DataError(`${path}: no region has an attribute, so none has a class`);
  if (others.length > 0) {
    throw new UsageError(
      `${path}: which attribute is the class (label attribute)? The regions have ${[...names].join(', ')}`,
    );
  }
  return name;
}

function shapesOf(
  { shape_attributes, region_attributes }: z.output<typeof region>,
  attribute: string,
  where: string,
  tell: TellNote,
): Shape[] {
  const value = region_attributes[attribute];
  const ticked =
    typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([name, on]) => (on ? name : []))
      : [value];
  const labels = ticked.flatMap((name) =>
    name === undefined || name === null ? [] : String(name).trim() || [],
  );
  if (labels.length === 0) tell('regions left out, they have no class', where);
  const outline = outlineOf(shape_attributes, where);
  if (!outline) tell(`regions left out: ${shape_attributes.name}`, where);
  return outline ? labels.map((label) => ({ label, where, ...outline })) : [];
}

function outlineOf(shape: { name: string }, where: string): Pick<Shape, 'sides' | 'polygons'> | undefined {
  if (shape.name === 'rect') {
    const { x, y, width, height } = checked(shapes.rect, shape, where);
    return { sides: { xmin: x, ymin: y, xmax: x + width, ymax: y + height } };
  }
  if (shape.name === 'polygon') {
    const { all_points_x: xs, all_points_y: ys } = checked(shapes.polygon, shape, where);
    if (xs.length !== ys.length) throw new DataError(`${where}: has ${xs.length} x and ${ys.length} y`);
    return { polygons: [xs.flatMap((x, i) => [x, ys[i]!])] };
  }
  if (shape.name === 'circle') {
    const { cx, cy, r } = checked(shapes.circle, shape, where);
    return { polygons: [ellipseOutline(cx, cy, r, r)] };
  }
  if (shape.name === 'ellipse') {
    const { cx, cy, rx, ry, theta } = checked(shapes.ellipse, shape, where);
    return { polygons: [ellipseOutline(cx, cy, rx, ry, theta)] };
  }
  return undefined;
}
