import { readFile } from 'node:fs/promises';
import { XMLParser, XMLValidator } from 'fast-xml-parser';
import * as z from 'zod';
import { DataError } from '../../../errors/index.ts';
import type { TellNote } from '../import-run/import-notes.ts';
import { type Frame, placeBox, type Sides } from '../reading/annotated-frame.ts';

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
 * The box of an object in the upright image, normalised and clipped.
 *
 * VOC counts pixels from 1 and includes both ends, so a box that ends where it begins would be one pixel wide; but
 * nobody draws that, and programs that count otherwise write it for an empty box: it is taken as one.
 *
 * @returns undefined where nothing of it lies in the image
 */
export function vocBox(
  { bounds, line, name }: VocObject,
  frame: Frame,
  path: string,
  tell: TellNote,
): Sides | undefined {
  const { xmin, ymin, xmax, ymax } = bounds;
  const what = `${path}:${line}: ${name} (${xmin}, ${ymin}) to (${xmax}, ${ymax})`;
  const empty = xmax <= xmin || ymax <= ymin;
  const sides = empty ? bounds : { xmin: xmin - 1, ymin: ymin - 1, xmax, ymax };
  return placeBox(sides, frame, what, tell);
}
