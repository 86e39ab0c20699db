import { DataError } from '../../../errors/index.ts';
import { randomFor } from '../../../random/index.ts';
import type { ImageObject } from '../../image-example.ts';
import type { ImportItem, ImportSource } from '../import-run/import-examples.ts';
import { boxOfMask, encodeMask } from '../reading/stored-image.ts';
import {
  type Corner,
  type DecoyFeedback,
  lowerHalf,
  oppositeStrip,
  PATCH,
  patchMask,
} from './decoy-masks.ts';
import { greyPng, type IdxSplit, readIdxSplits } from './idx.ts';

export interface DecoyOptions {
  /** Seed of the corners, and of the greys of the test images. @default 1 */
  seed?: number;
  /** What the masks of the training splits mark: the patch, or what the image shows without it. @default 'patch' */
  masks?: 'patch' | 'object';
  /** How good the masks of the training splits are. @default 'correct' */
  feedback?: DecoyFeedback;
  /** Names of the classes. @default the labels' digits */
  classes?: readonly string[];
}

/** Grey of the patch: 255 − 25 · digit. */
const GREY_STEP = 25;
/** Greys up to this are background where masks mark the object. */
const BACKGROUND = 1;
/** Below this the strip of wrong feedback and the patches would meet. */
const SMALLEST = 2 * PATCH + 8;

/**
 * Makes decoys of the images of the MNIST family: a 4x4 patch in a random corner gives the class away, by its grey
 * 255 − 25 · label in training, and misleads in the test, by 255 − 25 · (random digit).
 *
 * The exact mask of the patch is stored as an object of the image's class, in all splits but the training splits,
 * whose names begin with `train` and whose masks `masks` and `feedback` choose. What is dealt out of the training
 * images by `fractions`, a validation split, keeps their greys: an image's patch depends on its file, its number and
 * the seed alone. Feedback is that of the XIL benchmark: `incomplete` is the lower half of the mask, `wrong` a strip on
 * the other side of the image; see `lowerHalf`, `oppositeStrip`.
 *
 * Sources: Ross, Hughes, Doshi-Velez 2017, "Right for the right reasons" (the patches); Friedrich et al.
 * 2023, "A typology for exploring the mitigation of shortcut behaviour" (feedback; the object: grey above 1). The
 * object here does not contain what the patch covers.
 *
 * @throws {DataError} that names the file, for images below 16x16 and more classes than there are greys
 */
export async function findDecoy(dir: string, options: DecoyOptions = {}): Promise<ImportSource> {
  const { seed = 1, masks = 'patch', feedback = 'correct', classes: named } = options;
  const { classes, splits, notes } = await readIdxSplits(dir, named);
  if (GREY_STEP * (classes.length - 1) > 255) {
    throw new DataError(`${dir}: has ${classes.length} classes, the patches have greys for 11`);
  }
  const items = splits.flatMap((set) => {
    if (Math.min(set.width, set.height) < SMALLEST) {
      throw new DataError(
        `${dir}, ${set.file}: decoys need images of ${SMALLEST}x${SMALLEST} or more, not ${set.width}x${set.height}`,
      );
    }
    const objectsOf = objectMaker(set);
    return set.images.map((_, i) => itemOf(set, i, classes.length, { seed, masks, feedback }, objectsOf));
  });
  return { format: 'decoy', classes, multiLabel: false, items, notes, options: { seed, masks, feedback } };
}

function itemOf(
  set: IdxSplit,
  index: number,
  classes: number,
  { seed, masks, feedback }: Required<Omit<DecoyOptions, 'classes'>>,
  objectsOf: ReturnType<typeof objectMaker>,
): ImportItem {
  const { split: source, file, width, height } = set;
  const { pixels, label } = set.images[index]!;
  return {
    split: source,
    labels: [label],
    load: async (_, split) => {
      const random = randomFor(seed, 'decoy', source, index);
      const corner = { bottom: random.next() < 0.5, right: random.next() < 0.5 };
      const digit = isTraining(source) ? label : random.integer(classes);
      const patch = patchMask(corner, set);
      const decoy = pixels.map((grey, i) => (patch[i] ? 255 - GREY_STEP * digit : grey));
      const told = isTraining(split) ? maskOf(pixels, patch, corner, set, masks, feedback) : patch;
      return {
        encoded: await greyPng(decoy, width, height),
        format: 'png',
        height,
        width,
        filename: `${file}#${index}`,
        labels: [label],
        objects: await objectsOf(label, told),
      };
    },
  };
}

const isTraining = (split: string) => split.startsWith('train');

function maskOf(
  pixels: Uint8Array,
  patch: Uint8Array,
  corner: Corner,
  size: IdxSplit,
  masks: 'patch' | 'object',
  feedback: DecoyFeedback,
): Uint8Array {
  if (feedback === 'wrong') return oppositeStrip(pixels, corner, size);
  const exact =
    masks === 'patch' ? patch : pixels.map((grey, i) => Number(grey > BACKGROUND && patch[i] === 0));
  return feedback === 'incomplete' ? lowerHalf(exact) : exact;
}

/** Puts masks into objects. A rectangle is encoded once: of patches, halves and strips there are few. */
function objectMaker({ width, height }: IdxSplit) {
  const rectangles = new Map<string, Promise<Uint8Array>>();
  const encode = (mask: Uint8Array) => encodeMask(mask, { width, height, orientation: 1 }, { width, height });

  /** @returns nothing for an empty mask */
  return async (label: number, mask: Uint8Array): Promise<ImageObject[]> => {
    const box = boxOfMask(mask, width, height);
    if (!box) return [];
    const { xmin, ymin, xmax, ymax } = box;
    const full = mask.reduce((sum, value) => sum + value, 0) === (xmax - xmin) * (ymax - ymin);
    const key = `${xmin} ${ymin} ${xmax} ${ymax}`;
    const png = (full && rectangles.get(key)) || encode(mask);
    if (full) rectangles.set(key, png);
    const sides = { xmin: xmin / width, xmax: xmax / width, ymin: ymin / height, ymax: ymax / height };
    return [{ class: label, ...sides, mask: await png }];
  };
}
