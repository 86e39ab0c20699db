import { bestIou, type PixelBox } from './pixel-box.ts';

/**
 * A Gaussian at the centre of the image, a quarter of its sides wide: the map of someone who knows only that photographers
 * put things in the middle. Its boxes, over thresholds, are the centre boxes of all sizes (the "center baseline" of
 * Choe et al., CVPR 2020).
 *
 * @returns [H·W] in (0, 1]
 */
export function centreMap(height: number, width: number): Float32Array {
  const bell = (i: number, size: number) => Math.exp(-8 * ((i + 0.5) / size - 0.5) ** 2);
  return Float32Array.from(
    { length: height * width },
    (_, i) => bell(Math.trunc(i / width), height) * bell(i % width, width),
  );
}

/** The most candidates that {@link bestConstantBox} begins with. */
const candidates = 400;

/**
 * The one box that fits best, whatever the image: share of images with IoU ≥ .5, of equal ones the one with the higher
 * mean IoU. Searched among the true boxes, then edge by edge in steps down to one pixel.
 *
 * @param truth true boxes of each (image, class)
 * @returns undefined where there is no box
 */
export function bestConstantBox(
  truth: readonly (readonly PixelBox[])[],
  height: number,
  width: number,
): PixelBox | undefined {
  const boxes = truth.flat();
  if (boxes.length === 0) return undefined;
  const score = (box: PixelBox) => {
    const ious = truth.map((own) => bestIou(box, own));
    const mean = ious.reduce((sum, iou) => sum + iou, 0) / ious.length;
    return ious.filter((iou) => iou >= 0.5).length + mean;
  };
  const stride = Math.max(1, Math.ceil(boxes.length / candidates));
  let best = boxes[0]!;
  let highest = -1;
  const consider = (box: PixelBox) => {
    const value = score(box);
    if (value <= highest) return false;
    [best, highest] = [box, value];
    return true;
  };
  for (let i = 0; i < boxes.length; i += stride) consider(boxes[i]!);
  for (let step = Math.ceil(Math.max(height, width) / 8); step >= 1; step = Math.floor(step / 2)) {
    while (shifted(best, step, height, width).some(consider));
  }
  return best;
}

/** The box with one edge moved, or moved as a whole, by `step` pixels. */
function shifted([x0, y0, x1, y1]: PixelBox, step: number, height: number, width: number): PixelBox[] {
  const all: PixelBox[] = [];
  for (const s of [-step, step]) {
    all.push([x0 + s, y0, x1, y1], [x0, y0 + s, x1, y1], [x0, y0, x1 + s, y1], [x0, y0, x1, y1 + s]);
    all.push([x0 + s, y0, x1 + s, y1], [x0, y0 + s, x1, y1 + s]);
  }
  return all.filter(
    ([left, top, right, bottom]) =>
      left >= 0 && top >= 0 && right < width && bottom < height && left <= right && top <= bottom,
  );
}
