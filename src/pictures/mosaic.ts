import { UsageError } from '../errors/index.ts';
import { fitImage } from './image-grid.ts';
import { filledImage, paste, type Rgb, type RgbImage } from './pixels.ts';

const GAP = 2;
const GROUND: Rgb = [250, 250, 248];

/**
 * Small pictures as one: row by row, each enlarged or reduced to a square of `cell` pixels, missing ones left empty.
 *
 * @param columns pictures in a row
 * @param rows rows, filled or not
 * @param cell side of a picture's square in pixels
 * @throws {UsageError} when there are more pictures than fields
 */
export async function mosaic(
  images: readonly RgbImage[],
  { columns, rows, cell }: { columns: number; rows: number; cell: number },
): Promise<RgbImage> {
  if (images.length > columns * rows) {
    throw new UsageError(`${images.length} pictures do not fit into ${columns} x ${rows} fields`);
  }
  const along = (fields: number) => fields * (cell + GAP) - GAP;
  const canvas = filledImage(along(columns), along(rows), GROUND);
  const fitted = await Promise.all(images.map((image) => fitImage(image, cell, 'nearest')));
  for (const [i, image] of fitted.entries()) {
    const [left, top] = [(i % columns) * (cell + GAP), Math.trunc(i / columns) * (cell + GAP)];
    paste(canvas, image, left + ((cell - image.width) >> 1), top + ((cell - image.height) >> 1));
  }
  return canvas;
}
