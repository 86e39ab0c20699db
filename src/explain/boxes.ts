import * as tf from '@tensorflow/tfjs-core';
import { resizeCubic } from '../gradcam/index.ts';
import { boxesFromMap, byteMap } from '../metrics/index.ts';
import type { NormalizedBox } from '../pictures/index.ts';
import type { Attribution } from './explain-images.ts';
import type { NamedImage } from './images.ts';

/** The box of a part of a map that lies above the threshold, in shares of the image that the network sees. */
export interface MapBox extends NormalizedBox {
  /** Share of the pixels of the image. */
  readonly area: number;
  /** Mean of the map in that part, in shares of its maximum. */
  readonly strength: number;
}

/**
 * The boxes of {M ≥ τ max M}: of each connected part (8 neighbours) of the pixels above the threshold, as `npm run
 * evaluate` finds them: the map is brought to the size of the image (cubic) and min-max normalised, values are bytes.
 * First the box that is evaluated, that of the largest contour (Choe et al., CVPR 2020), then the others, the largest
 * first.
 *
 * @param threshold τ, share of the map's maximum
 * @returns none for a map that points nowhere, and for attributions in pixel space
 */
export function mapBoxes(
  { method, shape, values, defect }: Pick<Attribution, 'method' | 'shape' | 'values' | 'defect'>,
  [height, width]: readonly [number, number],
  threshold: number,
): MapBox[] {
  if (defect || shape.length !== 2 || (method.kind !== 'map' && method.kind !== 'signed-map')) return [];
  // What speaks against the class is no part of it.
  const evidence = method.kind === 'map' ? values : values.map((value) => Math.max(0, value));
  const resized = tf.tidy(() =>
    resizeCubic(tf.tensor3d(evidence, [1, shape[0]!, shape[1]!]), [height, width]).dataSync(),
  );
  const bytes = byteMap(resized);
  const level = Math.trunc(threshold * bytes.reduce((most, value) => Math.max(most, value), 0));
  const parts = partsAbove(bytes, height, width, level);
  const [x0, y0, x1, y1] = boxesFromMap(
    Float32Array.from(bytes, (value) => (value + 0.5) / 255),
    height,
    width,
    threshold,
  ).largest;
  const isEvaluated = ({ left, top, right, bottom }: Part) =>
    left === x0 &&
    top === y0 &&
    Math.min(right + 1, width - 1) === x1 &&
    Math.min(bottom + 1, height - 1) === y1;
  return parts
    .sort((a, b) => Number(isEvaluated(b)) - Number(isEvaluated(a)) || b.pixels - a.pixels)
    .map(({ left, top, right, bottom, pixels, sum }) => ({
      xmin: left / width,
      ymin: top / height,
      xmax: (right + 1) / width,
      ymax: (bottom + 1) / height,
      area: pixels / (width * height),
      strength: sum / (255 * pixels),
    }));
}

interface Part {
  left: number;
  top: number;
  right: number;
  bottom: number;
  pixels: number;
  sum: number;
}

/** The connected parts of the pixels above a level. */
function partsAbove(bytes: Uint8Array, height: number, width: number, level: number): Part[] {
  const left = Uint8Array.from(bytes, (value) => Number(value > level));
  const parts: Part[] = [];
  for (let start = 0; start < left.length; start++) {
    if (left[start] === 0) continue;
    const part: Part = { left: width, top: height, right: -1, bottom: -1, pixels: 0, sum: 0 };
    const open = [start];
    left[start] = 0;
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const [y, x] = [Math.floor(at / width), at % width];
      part.left = Math.min(part.left, x);
      part.right = Math.max(part.right, x);
      part.top = Math.min(part.top, y);
      part.bottom = Math.max(part.bottom, y);
      part.pixels++;
      part.sum += bytes[at]!;
      for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
        for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
          const next = row * width + column;
          if (left[next] === 0) continue;
          left[next] = 0;
          open.push(next);
        }
      }
    }
    parts.push(part);
  }
  return parts;
}

/** [x, y, width, height] in pixels of the file, as COCO has it: what the network sees may be a part of the image. */
export function boxInFile(
  { xmin, ymin, xmax, ymax }: NormalizedBox,
  { view }: NamedImage,
): [number, number, number, number] | undefined {
  if (!view) return undefined;
  const { left, top, width, height } = view.window;
  const round = (value: number) => Math.round(value * 100) / 100;
  return [
    round(left + xmin * width),
    round(top + ymin * height),
    round((xmax - xmin) * width),
    round((ymax - ymin) * height),
  ];
}
