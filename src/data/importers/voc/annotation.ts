import * as z from 'zod';
import { DataError } from '../../../errors/index.ts';
import type { TellNote } from '../import-run/import-notes.ts';
import { type Frame, placeBox, type Sides } from '../reading/annotated-frame.ts';
import { linesOf, readXml, xmlText } from '../reading/xml-file.ts';

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

const text = z.preprocess(xmlText, z.string('expected a text').min(1, 'is empty'));
const number = z.preprocess((element) => Number(xmlText(element) || Number.NaN), z.number('is not a number'));

const objectSchema = z.object({
  name: text,
  difficult: number.optional(),
  bndbox: z.object({ xmin: number, ymin: number, xmax: number, ymax: number }),
});

/**
 * Reads a Pascal VOC annotation.
 *
 * @throws {DataError} that begins with `file:line`
 */
export async function readVocAnnotation(path: string): Promise<VocAnnotation> {
  const { root: annotation, text: xml } = await readXml(path, 'annotation', ['annotation.object']);

  const lines = linesOf(xml, /<object[\s>/]/g);
  const objects = ((annotation.object as unknown[]) ?? []).map((found, i): VocObject => {
    const line = lines[i] ?? 1;
    const checked = objectSchema.safeParse(found);
    if (!checked.success) {
      const issue = checked.error.issues[0]!;
      throw new DataError(`${path}:${line}: object.${issue.path.join('.')}: ${issue.message}`);
    }
    const { name, difficult, bndbox } = checked.data;
    return { name, difficult: (difficult ?? 0) > 0, bounds: bndbox, line };
  });
  const size = (annotation.size ?? {}) as Record<string, unknown>;
  const side = (name: string) => Number(xmlText(size[name])) || 0;
  const filename = xmlText(annotation.filename) || undefined;
  return { filename, size: { width: side('width'), height: side('height') }, objects };
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
