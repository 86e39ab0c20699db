import { existsSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { DataError } from '../../../errors/index.ts';
import type { ImageObject } from '../../image-example.ts';
import { type Frame, placeBox } from '../reading/annotated-frame.ts';
import { boxOfMask, encodeMask } from '../reading/stored-image.ts';
import { RIM, readSegmentation, type Segmentation } from './palette.ts';

/** The classes of the VOC challenge, whose numbers in a segmentation begin at 1. */
export const VOC_CLASSES: readonly string[] =
  'aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike person pottedplant sheep sofa train tvmonitor'.split(
    ' ',
  );

const classFile = (dir: string, stem: string) => join(dir, 'SegmentationClass', `${stem}.png`);

/**
 * The classes of an image that has a segmentation and no annotation.
 *
 * @throws {DataError} for a number that stands for none of the classes
 */
export async function segmentedLabels(
  dir: string,
  stem: string,
  classes: readonly string[],
): Promise<number[]> {
  const path = classFile(dir, stem);
  const { width = 0, height = 0 } = await sharp(path)
    .metadata()
    .catch((cause: Error) => {
      throw new DataError(`${path}: mask cannot be decoded: ${cause.message}`, { cause });
    });
  return labelsIn(await readSegmentation(path, { width, height, orientation: 1 }), classes);
}

/**
 * The objects of such an image: those of `SegmentationObject`, or one for each class where there is none.
 *
 * @param original size and orientation of the image file; the masks are stored in the size of `stored`
 */
export async function segmentedObjects(
  dir: string,
  stem: string,
  classes: readonly string[],
  original: Frame,
  stored: { width: number; height: number },
): Promise<ImageObject[]> {
  const byClass = await readSegmentation(classFile(dir, stem), original);
  labelsIn(byClass, classes);
  const objectFile = join(dir, 'SegmentationObject', `${stem}.png`);
  const byObject = existsSync(objectFile) ? await readSegmentation(objectFile, original) : byClass;
  const { frame } = byClass;

  const numbers = [...new Set(byObject.values)].filter((value) => value !== 0 && value !== RIM);
  const objects = numbers
    .sort((a, b) => a - b)
    .map(async (number): Promise<ImageObject | undefined> => {
      const mask = Uint8Array.from(byObject.values, (value) => Number(value === number));
      const value = majority(byClass.values.filter((_, i) => mask[i] === 1));
      const box = placeBox(boxOfMask(mask, frame.width, frame.height)!, frame, byObject.path, () => {});
      if (value === undefined || !box) return undefined;
      return { class: value - 1, ...box, mask: await encodeMask(mask, frame, stored) };
    });
  return (await Promise.all(objects)).flatMap((object) => object ?? []);
}

function labelsIn({ path, values }: Segmentation, classes: readonly string[]): number[] {
  const present = [...new Set(values)].filter((value) => value !== 0 && value !== RIM).sort((a, b) => a - b);
  const unknown = present.find((value) => value > classes.length);
  if (unknown !== undefined) {
    throw new DataError(`${path}: holds the number ${unknown}, but there are ${classes.length} classes`);
  }
  return present.map((value) => value - 1);
}

/** The most frequent number, without background and rim. */
function majority(values: Segmentation['values']): number | undefined {
  const counts = new Map<number, number>();
  for (const value of values) {
    if (value !== 0 && value !== RIM) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
}
