import { type Drawable, type DrawOptions, drawAttribution, drawImage } from '../src/explain/core.ts';
import type { MapView } from '../src/explore/core.ts';
import { type ColorMapName, colorMap, type RgbImage } from '../src/pictures/core.ts';
import type { ShownImage } from './engine.ts';

/** The image as the network sees it, as the program `explain` draws it. */
export function pictureOf(image: ShownImage, size: readonly [number, number]): RgbImage {
  return drawImage({ name: image.name, file: '', pixels: image.pixels }, size);
}

/** A map over an image, as the program `explain` draws it. */
export function pictureOfMap(map: MapView, image: RgbImage, options: DrawOptions): RgbImage {
  return drawAttribution(drawable(map), image, options);
}

export function drawable(map: MapView): Drawable {
  return { method: { name: map.method, kind: map.kind }, shape: map.shape, values: map.values };
}

/** Puts a picture on a canvas of its size. */
export function paint(canvas: HTMLCanvasElement, picture: RgbImage): void {
  canvas.width = picture.width;
  canvas.height = picture.height;
  const pixels = new ImageData(picture.width, picture.height);
  for (let i = 0, from = 0; i < pixels.data.length; i += 4, from += 3) {
    pixels.data[i] = picture.data[from]!;
    pixels.data[i + 1] = picture.data[from + 1]!;
    pixels.data[i + 2] = picture.data[from + 2]!;
    pixels.data[i + 3] = 255;
  }
  canvas.getContext('2d')!.putImageData(pixels, 0, 0);
}

/** Values as colours, from the smallest to the largest. */
export function pictureOfValues(
  values: Float32Array,
  height: number,
  width: number,
  colors: ColorMapName,
  range?: readonly [number, number],
): RgbImage {
  const [low, high] = range ?? rangeOf(values);
  const data = values.map((value) => (high > low ? (value - low) / (high - low) : 0));
  return colorMap({ data, height, width }, colors);
}

/** Colours of pixels that are not from 0 to 1, around a grey that stands for 0. */
export function pictureOfPixels(values: Float32Array, [height, width]: readonly [number, number]): RgbImage {
  const most = values.reduce((peak, value) => Math.max(peak, Math.abs(value)), 0);
  const channels = values.length / (height * width);
  const data = new Uint8ClampedArray(height * width * 3);
  for (let i = 0; i < data.length; i++) {
    const value = values[Math.floor(i / 3) * channels + ((i % 3) % channels)]!;
    data[i] = most > 0 ? 127.5 * (1 + value / most) : 127.5;
  }
  return { data: new Uint8Array(data.buffer), height, width };
}

export function rangeOf(values: Float32Array): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return [low, high];
}

/** Four significant digits, and no more than are needed. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value !== 0 && Math.abs(value) < 1e-4) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}

/** A share as per cent. */
export function percent(share: number): string {
  const value = 100 * share;
  return `${value >= 99.95 || value < 0.05 ? Math.round(value) : value.toFixed(1)} %`;
}

/** Hands a file to whoever looks at the page. */
export function save(content: Blob, name: string): void {
  const address = URL.createObjectURL(content);
  const link = document.createElement('a');
  link.href = address;
  link.download = name.replace(/[^\w.+-]+/g, '-');
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

export function pngOf(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((resolve, reject) => {
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error('no picture could be made'))),
      'image/png',
    );
  });
}
