import { dirname, join } from 'node:path';
import * as z from 'zod';
import { DataError } from '../../errors/index.ts';
import { readJson } from '../../files/index.ts';
import type { PartBox } from './part-correspondence.ts';

const box = z.tuple([z.number(), z.number(), z.number(), z.number()]);
const schema = z.strictObject({
  images: z.array(z.string()).min(2),
  parts: z.record(z.string(), z.array(box)),
});

/**
 * Reads which parts of images are to be compared: `{ "images": ["a.jpg", "b.jpg"], "parts": { "left eye": [[xmin, ymin, xmax,
 * ymax], …] } }`, a box for each image, edges as shares of its width and height. Paths are relative to the file.
 *
 * @throws {DataError} naming the file and the key that breaks the rule
 */
export async function readParts(
  file: string,
): Promise<{ files: string[]; parts: Record<string, PartBox[]> }> {
  const read = await readJson(file, DataError);
  if (read === undefined) throw new DataError(`${file}: no such file`);
  const checked = schema.safeParse(read);
  if (!checked.success) {
    const issue = checked.error.issues[0]!;
    throw new DataError(`${file}: ${[...issue.path, issue.message].join('.')}`);
  }
  const { images, parts } = checked.data;
  return { files: images.map((image) => join(dirname(file), image)), parts };
}
