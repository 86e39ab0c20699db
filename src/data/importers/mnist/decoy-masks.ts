/** What a person told of where the decoy is. */
export type DecoyFeedback = 'correct' | 'incomplete' | 'wrong';

/** The corner a patch lies in. */
export interface Corner {
  bottom: boolean;
  right: boolean;
}

/** Side of the patch in pixels. */
export const PATCH = 4;
/** Size of the strip that wrong feedback marks instead: as many pixels as the patch has. */
const STRIP = { depth: 2, length: 8 };

interface Size {
  width: number;
  height: number;
}

/** [height*width], 1 in the {@link PATCH}-pixel square in a corner. */
export function patchMask({ bottom, right }: Corner, { width, height }: Size): Uint8Array {
  return rectangle(width, height, right ? width - PATCH : 0, bottom ? height - PATCH : 0, PATCH, PATCH);
}

/**
 * The lower half of a mask: of its n pixels in reading order, the first ⌊n / 2⌋ are taken away.
 *
 * Source: the incomplete feedback of Friedrich et al. 2023, "A typology for exploring the mitigation of shortcut
 * behaviour".
 */
export function lowerHalf(mask: Uint8Array): Uint8Array {
  let left = Math.floor(mask.reduce((sum, value) => sum + value, 0) / 2);
  return mask.map((value) => (value && left-- > 0 ? 0 : value));
}

/**
 * A mask that misses the patch: 2x8 pixels in the middle of one of the two borders that the patch does not touch.
 *
 * Of these two borders it is the one across which the image shows less. Source: the wrong feedback of Friedrich et al.,
 * where the border is chosen by the class: top or bottom for digits and shoes, left or right for clothes and bags, so
 * that the strip lies on background. Here the image itself decides, so that it works for any IDX files.
 *
 * @param image [height*width], the grey image without the patch; with equally much on both, top or bottom it is
 */
export function oppositeStrip(image: Uint8Array, { bottom, right }: Corner, size: Size): Uint8Array {
  const { width, height } = size;
  const [x, y] = [Math.floor((width - STRIP.length) / 2), Math.floor((height - STRIP.length) / 2)];
  const across = bottom ? 0 : height - STRIP.depth;
  const beside = right ? 0 : width - STRIP.depth;
  const horizontal = rectangle(width, height, x, across, STRIP.length, STRIP.depth);
  const vertical = rectangle(width, height, beside, y, STRIP.depth, STRIP.length);
  return covered(image, vertical) < covered(image, horizontal) ? vertical : horizontal;
}

function covered(image: Uint8Array, mask: Uint8Array): number {
  return image.reduce((sum, grey, i) => sum + grey * mask[i]!, 0);
}

function rectangle(width: number, height: number, x: number, y: number, w: number, h: number): Uint8Array {
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const [column, row] = [i % width, Math.floor(i / width)];
    return Number(column >= x && column < x + w && row >= y && row < y + h);
  });
}
