import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import sharp from 'sharp';
import { type ImportNote, openDataset } from '../../src/data/index.ts';
import { temporaryFolder } from './temporary-folder.ts';

// What the tests of the importers make and look at.

/** An image of one grey. */
export function grey(
  value: number,
  width = 8,
  height = 6,
  format: 'png' | 'jpeg' | 'gif' = 'png',
  orientation?: number,
): Promise<Buffer> {
  const image = sharp({
    create: { width, height, channels: 3, background: { r: value, g: value, b: value } },
  });
  return (orientation ? image.withMetadata({ orientation }) : image).toFormat(format).toBuffer();
}

/** A PNG of one channel. */
export function mask(
  width: number,
  height: number,
  value: (x: number, y: number) => number,
): Promise<Buffer> {
  const pixels = Uint8Array.from({ length: width * height }, (_, i) =>
    value(i % width, Math.floor(i / width)),
  );
  return sharp(pixels, { raw: { width, height, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();
}

/** Writes files under a folder of the test's own. */
export function files(t: ExecutionContext, content: Record<string, Uint8Array | string>): string {
  const dir = temporaryFolder(t);
  for (const [name, bytes] of Object.entries(content)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), bytes);
  }
  return dir;
}

/** All of a small split, unshuffled. */
export async function firstBatch(
  t: ExecutionContext,
  dir: string,
  split: string,
  imageSize: [number, number] = [6, 8],
) {
  const dataset = await openDataset(dir);
  t.teardown(() => dataset.close());
  for await (const batch of dataset.batches(split, { batchSize: 100, imageSize, workers: 0 })) return batch;
  return t.fail() as never;
}

/** What an import told, without what the tests' few images bring about: too few of them to train on. */
export function told(notes: readonly ImportNote[]): ImportNote[] {
  const few = ['nothing to learn', 'classes without an image to train on'];
  return notes.filter(({ what }) => !few.includes(what));
}

/** A mask of a batch as lines of `.` and `#`. */
export function drawn(mask: Float32Array, width: number): string[] {
  const text = Array.from(mask, (value) => (value ? '#' : '.')).join('');
  return text.match(new RegExp(`.{${width}}`, 'g')) ?? [];
}

/** Boxes of a batch without the noise of float32. */
export function rounded<B extends { xmin: number; ymin: number; xmax: number; ymax: number }>(
  boxes: readonly B[],
) {
  const round = (value: number) => Math.round(value * 1e4) / 1e4;
  return boxes.map(({ xmin, ymin, xmax, ymax }) => [xmin, ymin, xmax, ymax].map(round));
}
