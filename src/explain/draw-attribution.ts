import { ModelError } from '../errors/index.ts';
import {
  type ColorMapName,
  colorMap,
  grayscale,
  overlayMap,
  type PixelMap,
  type Rgb,
  type RgbImage,
  resizeMap,
} from '../pictures/core.ts';
import type { Attribution } from './explain-images.ts';
import type { NamedImage } from './images.ts';
import type { AttributionKind } from './method-entry.ts';

/** Pictures have at least this many pixels on their longer side. */
const leastSide = 224;
/** Of signed maps: what speaks for the class, and against it. */
const forColor: Rgb = [230, 97, 1];
const againstColor: Rgb = [33, 102, 190];
/** Share of the values that the scale of pixel space reaches to; a few peaks would leave the rest invisible. */
const scaleQuantile = 0.99;

/** How a kind of attribution is drawn, for the legend. */
export const drawingRules: Record<AttributionKind, string> = {
  map: 'over the grey image, from dark (the smallest value, at least 0) to bright (the largest)',
  'signed-map': 'over the grey image: orange speaks for the class, blue against it',
  pixels:
    'in colours around a grey that stands for 0; the scale ends at the 99th percentile of the magnitude',
  saliency: 'as the largest magnitude of the channels, black to white; the scale ends at its 99th percentile',
};

/** The image as the network sees it, enlarged by a whole factor where it is small. */
export function drawImage({ pixels }: NamedImage, [height, width]: readonly [number, number]): RgbImage {
  const channels = pixels.length / (height * width);
  return enlarged(height, width, (at, channel) => 255 * pixels[at * channels + (channel % channels)]!);
}

export interface DrawOptions {
  /** How much of a map's colour covers the image, 0..1. @default 0.5 */
  readonly alpha?: number;
  /** Of maps. @default 'inferno' */
  readonly colors?: ColorMapName;
  /** Where the colours begin and end, for maps that share a scale. @default {@link scaleOf} the attribution */
  readonly scale?: readonly [low: number, high: number] | undefined;
}

/** An attribution as it is drawn. */
export type Drawable = Pick<Attribution, 'shape' | 'values'> & {
  readonly method: Pick<Attribution['method'], 'name' | 'kind'>;
};

/**
 * The values at which its colours begin and end: of a map the smallest, at least 0, and the largest; of a signed map as
 * far below 0 as above; in pixel space from 0 to the 99th percentile of the magnitude.
 */
export function scaleOf({ method, values, shape }: Drawable): [low: number, high: number] {
  switch (method.kind) {
    case 'map': {
      const peak = peakOf(values);
      return [values.reduce((least, value) => Math.max(0, Math.min(least, value)), peak), peak];
    }
    case 'signed-map': {
      const largest = peakOf(values.map(Math.abs));
      return [-largest, largest];
    }
    case 'pixels':
      return [0, quantile(values.map(Math.abs))];
    case 'saliency':
      return [0, quantile(magnitudesOf(values, shape))];
  }
}

/**
 * An attribution as a picture of the size of the drawn image; black where it is not finite.
 *
 * @param image from {@link drawImage}
 * @throws {ModelError} when it has neither the shape of a map nor of pixels
 */
export function drawAttribution(
  attribution: Drawable,
  image: RgbImage,
  { alpha = 0.5, colors = 'inferno', scale }: DrawOptions = {},
): RgbImage {
  const { method, shape, values } = attribution;
  const [height, width, channels] = shape as [number, number, number?];
  const pixelSpace = method.kind === 'pixels' || method.kind === 'saliency';
  if (shape.length !== (pixelSpace ? 3 : 2)) {
    throw new ModelError(
      `method ${method.name}: [${shape.join(', ')}] is no ${method.kind} that can be drawn`,
    );
  }
  const [low, high] = scale ?? scaleOf(attribution);
  switch (method.kind) {
    case 'map': {
      const map = stretched({ data: values, height, width }, low, high);
      return overlayMap(grayscale(image), map, { alpha, colors });
    }
    case 'signed-map':
      return tinted(
        grayscale(image),
        resizeMap(scaled({ data: values, height, width }, high), image.height, image.width),
        alpha,
      );
    case 'pixels':
      return enlarged(height, width, (at, channel) => {
        const value = values[at * channels! + (channel % channels!)]!;
        return high > 0 ? 127.5 * (1 + value / high) : 127.5;
      });
    case 'saliency': {
      const magnitude = magnitudesOf(values, shape);
      const drawn = colorMap(scaled({ data: magnitude, height, width }, high), 'gray');
      return enlarged(height, width, (at, channel) => drawn.data[3 * at + channel]!);
    }
  }
}

/** The largest value above 0. */
function peakOf(values: Float32Array): number {
  return values.reduce((peak, value) => (value > peak ? value : peak), 0);
}

function quantile(magnitudes: Float32Array): number {
  const sorted = magnitudes.filter(Number.isFinite).sort();
  // Where nearly all is 0, as in guided Grad-CAM, the peak is the scale.
  return sorted[Math.floor(scaleQuantile * (sorted.length - 1))] || (sorted.at(-1) ?? 0);
}

/** The largest of the channels, by magnitude. */
function magnitudesOf(values: Float32Array, shape: readonly number[]): Float32Array {
  const [height, width, channels] = shape as [number, number, number];
  return Float32Array.from({ length: height * width }, (_, at) =>
    Math.max(...values.subarray(at * channels, (at + 1) * channels).map(Math.abs)),
  );
}

/** 0 at `low` and below, 1 at `high`. */
function stretched({ data, ...size }: PixelMap, low: number, high: number): PixelMap {
  const range = high - low;
  return { ...size, data: data.map((value) => (range > 0 ? Math.max(0, value - low) / range : 0)) };
}

function scaled({ data, ...size }: PixelMap, peak: number): PixelMap {
  return { ...size, data: data.map((value) => (peak > 0 ? value / peak : 0)) };
}

/** The image with as much of the colour of a sign as the value is large. */
function tinted(image: RgbImage, map: PixelMap, alpha: number): RgbImage {
  const data = Uint8Array.from(image.data, (value, i) => {
    const weight = map.data[Math.floor(i / 3)]!;
    const color = (weight > 0 ? forColor : againstColor)[i % 3]!;
    // At the usual 0.5 the strongest pixel keeps a sixth of the image.
    const share = Math.min(1, 1.7 * alpha) * Math.min(1, Math.abs(weight) || 0);
    return Math.round((1 - share) * value + share * color);
  });
  return { ...image, data };
}

/** A picture of squares, one for each pixel. */
function enlarged(height: number, width: number, byte: (at: number, channel: number) => number): RgbImage {
  const factor = Math.max(1, Math.ceil(leastSide / Math.max(height, width)));
  const data = new Uint8ClampedArray(height * width * factor * factor * 3);
  for (let y = 0, to = 0; y < height * factor; y++) {
    for (let x = 0; x < width * factor; x++) {
      const at = Math.floor(y / factor) * width + Math.floor(x / factor);
      for (let channel = 0; channel < 3; channel++) data[to++] = byte(at, channel);
    }
  }
  return { data: new Uint8Array(data.buffer), width: width * factor, height: height * factor };
}
