import { areaOf, cutObject, type Picture, pasteObject, type Region } from '../data/index.ts';
import type { Random } from '../random/index.ts';
import type { PixelTruth } from './pixel-truth.ts';

/** An image that the segmenter may learn from. */
export interface TruthfulImage {
  readonly id: string;
  /** [H,W,3] in [0, 1]. */
  readonly pixels: Float32Array;
  readonly labels: readonly number[];
  readonly truth: PixelTruth;
  /** True masks, by class; empty where there are boxes or labels only. */
  readonly masks: ReadonlyMap<number, Region>;
}

/** An object that may be pasted, with its class. */
export interface PastableObject {
  readonly class: number;
  readonly picture: Picture;
  readonly region: Region;
}

/** The objects that true masks show. */
export function objectsOf(images: readonly TruthfulImage[]): PastableObject[] {
  return images.flatMap(({ masks, pixels, truth: { width, height } }) =>
    [...masks].flatMap(([c, region]) =>
      areaOf(region) > 0.002 * region.length
        ? [{ class: c, picture: { data: pixels, width, height }, region }]
        : [],
    ),
  );
}

/** A picture and what its pixels may show, changed at random: never twice the same. */
export interface TrainingSample {
  readonly pixels: Float32Array;
  readonly allowed: Uint32Array;
}

/**
 * An image, perhaps with a pasted object, moved by up to an eighth, resized by up to a quarter, mirrored, in other
 * light. What moves in from outside is not known, and may show anything.
 *
 * Pasting objects onto images that have none of them teaches that an object is not its surroundings
 * (Ghiasi et al., "Simple Copy-Paste", CVPR 2021).
 *
 * @param paste the object that is pasted first; undefined: none
 */
export function drawSample(
  image: TruthfulImage,
  paste: PastableObject | undefined,
  random: Random,
): TrainingSample {
  const { height, width } = image.truth;
  let { pixels } = image;
  let { allowed } = image.truth;
  const object = paste && cutObject(paste.picture, paste.region);
  if (paste && object) {
    const picture = { data: Float32Array.from(pixels), width, height };
    const covered = pasteObject(picture, object, new Uint8Array(width * height), random, { rows: 0.25 });
    pixels = picture.data;
    allowed = allowed.map((set, p) => (covered[p] ? 2 << paste.class : set));
  }
  const zoom = Math.exp(random.uniform(-0.22, 0.22));
  const mirror = random.next() < 0.5;
  const dx = random.uniform(-width / 8, width / 8);
  const dy = random.uniform(-height / 8, height / 8);
  const light = random.uniform(0.85, 1.15);
  const colour = [0, 1, 2].map(() => light * random.uniform(0.93, 1.07));
  const out = new Float32Array(pixels.length);
  const sets = new Uint32Array(allowed.length);
  for (let y = 0; y < height; y++) {
    const sy = (y + 0.5 - height / 2) / zoom + height / 2 + dy - 0.5;
    const row = Math.round(sy);
    for (let x = 0; x < width; x++) {
      const across = mirror ? width - 1 - x : x;
      const sx = (across + 0.5 - width / 2) / zoom + width / 2 + dx - 0.5;
      const column = Math.round(sx);
      const p = y * width + x;
      const inside = row >= 0 && row < height && column >= 0 && column < width;
      sets[p] = inside ? allowed[row * width + column]! : 0xffffffff;
      // Spelled out: this runs for every pixel of every sample.
      const left = Math.floor(sx);
      const top = Math.floor(sy);
      const fx = sx - left;
      const fy = sy - top;
      const above = hold(top, height) * width;
      const below = hold(top + 1, height) * width;
      const west = hold(left, width);
      const east = hold(left + 1, width);
      for (let c = 0; c < 3; c++) {
        const upper = pixels[(above + west) * 3 + c]! * (1 - fx) + pixels[(above + east) * 3 + c]! * fx;
        const lower = pixels[(below + west) * 3 + c]! * (1 - fx) + pixels[(below + east) * 3 + c]! * fx;
        const value = upper * (1 - fy) + lower * fy;
        out[p * 3 + c] = Math.min(1, Math.max(0, value * colour[c]!));
      }
    }
  }
  return { pixels: out, allowed: sets };
}

function hold(index: number, count: number): number {
  return Math.min(count - 1, Math.max(0, index));
}
