import type { TellNote } from '../import-run/import-notes.ts';

interface Size {
  width: number;
  height: number;
}

export interface Sides {
  xmin: number;
  ymin: number;
  xmax: number;
  ymax: number;
}

/** The image as the annotator had it: its size, and the EXIF orientation that is still to be applied (1: none). */
export interface Frame extends Size {
  orientation: number;
}

/**
 * In which of its two positions a photo with an EXIF orientation was annotated.
 *
 * The size that the annotation states decides, where it can: a photo that a camera laid on its side, and that is
 * stated as it lies, was annotated by a program that does not know EXIF. Otherwise (no size or 0x0, a square, a
 * photo upside down or mirrored) the boxes are taken to be where an annotator saw them, in the upright image.
 *
 * @param original size and orientation of the image file
 */
export function annotatedFrame(original: Frame, stated: Partial<Size>): Frame {
  const sideways = original.orientation >= 5;
  const upright = sideways ? { width: original.height, height: original.width } : original;
  const asStored =
    sideways &&
    original.width !== original.height &&
    stated.width === original.width &&
    stated.height === original.height;
  return asStored ? original : { ...upright, orientation: 1 };
}

/**
 * Brings the box of an object into the upright image: clipped, normalised.
 *
 * @param sides in pixels of the frame, as edges: 0 is the left edge of the first pixel
 * @param what the object and its box in the words of the file, for the note
 * @returns undefined when nothing of the box lies in the image; a note tells of that, and of clipping
 */
export function placeBox(sides: Sides, frame: Frame, what: string, tell: TellNote): Sides | undefined {
  const { width, height } = frame;
  const clip = (value: number, end: number) => Math.min(1, Math.max(0, value / end));
  const box = {
    xmin: clip(sides.xmin, width),
    ymin: clip(sides.ymin, height),
    xmax: clip(sides.xmax, width),
    ymax: clip(sides.ymax, height),
  };
  if (!(sides.xmax > sides.xmin && sides.ymax > sides.ymin)) {
    tell('objects left out, their box has no area', what);
    return undefined;
  }
  if (!(box.xmax > box.xmin && box.ymax > box.ymin)) {
    tell('objects left out, their box lies outside the image', `${what}, image ${width}x${height}`);
    return undefined;
  }
  const beyond = Math.max(-sides.xmin, -sides.ymin, sides.xmax - width, sides.ymax - height);
  if (beyond > ROUNDING) tell('boxes clipped to their image', `${what}, image ${width}x${height}`);
  return turnBox(box, frame.orientation);
}

/** Boxes that reach less than this over the edge, in pixels, were rounded and not drawn so. */
const ROUNDING = 0.5;

/** Where a point (x, y) of the stored image, from 0 to 1, comes to lie in the upright one, by EXIF orientation. */
const TURNS: Readonly<Record<number, (x: number, y: number) => [number, number]>> = {
  2: (x, y) => [1 - x, y],
  3: (x, y) => [1 - x, 1 - y],
  4: (x, y) => [x, 1 - y],
  5: (x, y) => [y, x],
  6: (x, y) => [1 - y, x],
  7: (x, y) => [1 - y, 1 - x],
  8: (x, y) => [y, 1 - x],
};

function turnBox(box: Sides, orientation: number): Sides {
  const turn = TURNS[orientation];
  if (!turn) return box;
  const [a, b] = [turn(box.xmin, box.ymin), turn(box.xmax, box.ymax)];
  return {
    xmin: Math.min(a[0], b[0]),
    ymin: Math.min(a[1], b[1]),
    xmax: Math.max(a[0], b[0]),
    ymax: Math.max(a[1], b[1]),
  };
}

/** Moves the pixels of a mask as the orientation of its frame moves its image. */
export function turnMask(
  mask: Uint8Array,
  { width, height, orientation }: Frame,
): Size & { mask: Uint8Array } {
  const turn = TURNS[orientation];
  if (!turn) return { mask, width, height };
  const size = orientation >= 5 ? { width: height, height: width } : { width, height };
  const turned = new Uint8Array(mask.length);
  for (let i = 0; i < mask.length; i++) {
    const [x, y] = turn(((i % width) + 0.5) / width, (Math.floor(i / width) + 0.5) / height);
    turned[Math.floor(y * size.height) * size.width + Math.floor(x * size.width)] = mask[i]!;
  }
  return { mask: turned, ...size };
}
