import { readFile } from 'node:fs/promises';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import * as z from 'zod';
import { DataError } from '../../errors/index.ts';

/** An object of a VOC annotation, in the pixels of the format: from 1, both ends included. */
export interface VocObject {
  name: string;
  difficult: boolean;
  bounds: { xmin: number; ymin: number; xmax: number; ymax: number };
  /** Line of the file on which the object begins. */
  line: number;
}

export interface VocAnnotation {
  filename: string | undefined;
  /** As the file states it; some programs write 0x0. */
  size: { width: number; height: number };
  objects: VocObject[];
}

const number = z.coerce.number().refine(Number.isFinite, 'is not a number');
const text = z.coerce.string().trim().min(1);

const objectSchema = z.object({
  name: text,
  difficult: z.coerce.number().default(0),
  bndbox: z.object({ xmin: number, ymin: number, xmax: number, ymax: number }),
});

const parser = new XMLParser({ parseTagValue: false, isArray: (_, path) => path === 'annotation.object' });

/**
 * Reads a Pascal VOC annotation.
 *
 * @throws {DataError} that begins with `file:line`
 */
export async function readVocAnnotation(path: string): Promise<VocAnnotation> {
  const xml = await readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new DataError(`${path}: ${cause.code === 'ENOENT' ? 'no such file' : cause.message}`, { cause });
  });
  const valid = XMLValidator.validate(xml);
  if (valid !== true) throw new DataError(`${path}:${valid.err.line}: ${valid.err.msg}`);
  const { annotation } = parser.parse(xml) as { annotation?: Record<string, unknown> };
  if (annotation === undefined) throw new DataError(`${path}:1: expected <annotation>`);

  const lines = linesOf(xml, /<object[\s>/]/g);
  const objects = ((annotation.object as unknown[]) ?? []).map((found, i): VocObject => {
    const line = lines[i] ?? 1;
    const checked = objectSchema.safeParse(found);
    if (!checked.success) {
      const issue = checked.error.issues[0]!;
      throw new DataError(`${path}:${line}: object.${issue.path.join('.')}: ${issue.message}`);
    }
    const { name, difficult, bndbox } = checked.data;
    return { name, difficult: difficult > 0, bounds: bndbox, line };
  });
  const size = (annotation.size ?? {}) as Record<string, unknown>;
  const filename =
    typeof annotation.filename === 'string' && annotation.filename ? annotation.filename : undefined;
  return { filename, size: { width: Number(size.width) || 0, height: Number(size.height) || 0 }, objects };
}

function linesOf(text: string, pattern: RegExp): number[] {
  const lines: number[] = [];
  let line = 1;
  let position = 0;
  for (const match of text.matchAll(pattern)) {
    for (; position < match.index; position++) if (text[position] === '\n') line++;
    lines.push(line);
  }
  return lines;
}

/**
 * The box of an object, normalised to the upright image and clipped to it.
 *
 * The stated size tells in which of its two positions a photo with an EXIF orientation was annotated; a size of
 * 0x0, or one that fits neither, is not believed, and the box is taken to be in the pixels of the upright image.
 *
 * @param original size and orientation of the image file
 * @throws {DataError} when nothing of the box lies in the image
 */
export function vocBox(
  { bounds, line, name }: VocObject,
  { size }: VocAnnotation,
  original: { width: number; height: number; orientation: number },
  path: string,
) {
  const sideways = original.orientation >= 5;
  const annotatedAsStored =
    original.orientation > 1 &&
    size.width === original.width &&
    size.height === original.height &&
    original.width !== original.height;
  const upright = sideways ? { width: original.height, height: original.width } : original;
  const { width, height } = annotatedAsStored ? original : upright;
  const clip = (value: number) => Math.min(1, Math.max(0, value));
  const box = {
    xmin: clip((bounds.xmin - 1) / width),
    ymin: clip((bounds.ymin - 1) / height),
    xmax: clip(bounds.xmax / width),
    ymax: clip(bounds.ymax / height),
  };
  if (box.xmax <= box.xmin || box.ymax <= box.ymin) {
    const { xmin, ymin, xmax, ymax } = bounds;
    throw new DataError(
      `${path}:${line}: the box of ${name} (${xmin}, ${ymin}) to (${xmax}, ${ymax}) has no area in its image of ${width}x${height}`,
    );
  }
  return annotatedAsStored ? turnedUpright(box, original.orientation) : box;
}

type Sides = { xmin: number; ymin: number; xmax: number; ymax: number };

/** Moves a box as the EXIF orientation (2 to 8) moves its image. */
function turnedUpright({ xmin, ymin, xmax, ymax }: Sides, orientation: number): Sides {
  // Where a point (x, y) of the stored image comes to lie in the upright one.
  const moves: Record<number, (x: number, y: number) => [number, number]> = {
    2: (x, y) => [1 - x, y],
    3: (x, y) => [1 - x, 1 - y],
    4: (x, y) => [x, 1 - y],
    5: (x, y) => [y, x],
    6: (x, y) => [1 - y, x],
    7: (x, y) => [1 - y, 1 - x],
    8: (x, y) => [y, 1 - x],
  };
  const move = moves[orientation] ?? ((x, y) => [x, y]);
  const [a, b] = [move(xmin, ymin), move(xmax, ymax)];
  return {
    xmin: Math.min(a[0], b[0]),
    ymin: Math.min(a[1], b[1]),
    xmax: Math.max(a[0], b[0]),
    ymax: Math.max(a[1], b[1]),
  };
}
