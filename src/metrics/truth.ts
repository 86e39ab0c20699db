/** An image of a batch and one of its classes. */
export interface LabelPair {
  readonly sample: number;
  readonly class: number;
}

/** Edges of a box, as shares of the image's width and height (0..1). */
export interface BoxEdges {
  readonly xmin: number;
  readonly ymin: number;
  readonly xmax: number;
  readonly ymax: number;
}

/** The labels of a batch. */
export interface LabelledImages {
  /** B */
  readonly size: number;
  /** `[B,C]`, 0 or 1. */
  readonly labels: Float32Array;
}

/** What a batch knows of where its objects are. */
export interface ObjectTruth {
  /** `[H·W]` each. */
  readonly masks: readonly (LabelPair & { readonly mask: Float32Array })[];
  readonly boxes: readonly (LabelPair & BoxEdges)[];
}

/** The (sample, class) pairs of the true labels of a batch, at most `maxLabels` a sample. */
export function labelPairs(
  { size, labels }: LabelledImages,
  classes: number,
  maxLabels: number,
): LabelPair[] {
  const pairs: LabelPair[] = [];
  for (let sample = 0; sample < size; sample++) {
    let count = 0;
    for (let c = 0; c < classes && count < maxLabels; c++) {
      if (labels[sample * classes + c]! > 0) {
        pairs.push({ sample, class: c });
        count++;
      }
    }
  }
  return pairs;
}

/** Mask of a class in a sample, [H·W], or its boxes where it has no mask; undefined where it has neither. */
export function regionOf(
  { masks, boxes }: ObjectTruth,
  pair: LabelPair,
  [height, width]: readonly [number, number],
): Float32Array | undefined {
  const mask = masks.find((entry) => entry.sample === pair.sample && entry.class === pair.class);
  if (mask) return mask.mask;
  const ofPair = boxes.filter((box) => box.sample === pair.sample && box.class === pair.class);
  if (ofPair.length === 0) return undefined;
  const region = new Float32Array(height * width);
  for (const box of ofPair) rasterizeBox(box, height, width, region);
  return region;
}

/**
 * Sets the pixels of a region to 1 whose centre lies in a box.
 *
 * @param box edges as shares of width and height; what lies outside the image is cut off
 * @param region `[height * width]`, row by row
 */
export function rasterizeBox(box: BoxEdges, height: number, width: number, region: Float32Array): void {
  const first = (edge: number, size: number) => Math.max(0, Math.ceil(edge * size - 0.5));
  const end = (edge: number, size: number) => Math.min(size, Math.floor(edge * size - 0.5) + 1);
  const [left, right] = [first(box.xmin, width), end(box.xmax, width)];
  if (left >= right) return;
  for (let y = first(box.ymin, height); y < end(box.ymax, height); y++) {
    region.fill(1, y * width + left, y * width + right);
  }
}
