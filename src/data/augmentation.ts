import type { Random } from '../random/index.ts';
import type { Window } from './resampling.ts';

/** Random changes of a training image. Image, boxes and masks move together; colours change the image alone. */
export interface Augmentation {
  /** Mirror horizontally with probability 1/2. @default false */
  flip?: boolean;
  /**
   * Random resized crop: a window with a share of the area drawn from `scale` and an aspect ratio (width / height)
   * drawn log-uniformly from `ratio` becomes the whole image. @default none
   */
  crop?: { scale: readonly [number, number]; ratio: readonly [number, number] } | null;
  /**
   * Brightness, contrast and saturation are multiplied by a factor from 1 ± the value, in this order; the hue turns
   * by up to ± the value, in turns of the colour circle (at most 0.5). @default none
   */
  color?: { brightness?: number; contrast?: number; saturation?: number; hue?: number } | null;
}

/** How an image whose shape differs from the network's input is brought to it. */
export type Fit = 'squash' | 'crop';

/** What happens to the place of things in one sample. */
export interface Placement {
  window: Window;
  flip: boolean;
}

interface Size {
  width: number;
  height: number;
}

/** The placement without augmentation: the whole image (`squash`), or its largest centred window of the target's shape (`crop`). */
export function fixedPlacement(image: Size, target: Size, fit: Fit): Placement {
  if (fit === 'squash') return { window: { left: 0, top: 0, ...image }, flip: false };
  const factor = Math.min(image.width / target.width, image.height / target.height);
  return { window: centred(image, target.width * factor, target.height * factor), flip: false };
}

/** Draws a placement. @returns the fixed one where the augmentation moves nothing. */
export function randomPlacement(
  image: Size,
  target: Size,
  fit: Fit,
  { crop, flip }: Augmentation,
  random: Random,
): Placement {
  const window = crop ? randomWindow(image, crop, random) : fixedPlacement(image, target, fit).window;
  return { window, flip: flip === true && random.next() < 0.5 };
}

/** As torchvision's RandomResizedCrop: ten tries, then the largest centred window within the range of ratios. */
function randomWindow(
  image: Size,
  { scale, ratio }: NonNullable<Augmentation['crop']>,
  random: Random,
): Window {
  for (let attempt = 0; attempt < 10; attempt++) {
    const area = image.width * image.height * random.uniform(scale[0], scale[1]);
    const aspect = Math.exp(random.uniform(Math.log(ratio[0]), Math.log(ratio[1])));
    const width = Math.round(Math.sqrt(area * aspect));
    const height = Math.round(Math.sqrt(area / aspect));
    if (width < 1 || height < 1 || width > image.width || height > image.height) continue;
    return {
      left: random.integer(image.width - width + 1),
      top: random.integer(image.height - height + 1),
      width,
      height,
    };
  }
  const aspect = Math.min(Math.max(image.width / image.height, ratio[0]), ratio[1]);
  const width = Math.min(image.width, image.height * aspect);
  return centred(image, width, width / aspect);
}

function centred(image: Size, width: number, height: number): Window {
  return { left: (image.width - width) / 2, top: (image.height - height) / 2, width, height };
}

/**
 * Moves a box with its image.
 *
 * @param box normalised to the image
 * @returns normalised to the window and clipped to it; undefined when nothing of it is left
 */
export function placeBox<B extends { xmin: number; ymin: number; xmax: number; ymax: number }>(
  box: B,
  image: Size,
  { window, flip }: Placement,
): B | undefined {
  const clip = (value: number) => Math.min(1, Math.max(0, value));
  const x = (value: number) => clip((value * image.width - window.left) / window.width);
  const y = (value: number) => clip((value * image.height - window.top) / window.height);
  let [xmin, xmax] = [x(box.xmin), x(box.xmax)];
  const [ymin, ymax] = [y(box.ymin), y(box.ymax)];
  if (xmax <= xmin || ymax <= ymin) return undefined;
  if (flip) [xmin, xmax] = [1 - xmax, 1 - xmin];
  return { ...box, xmin, ymin, xmax, ymax };
}

/** Weights of red, green and blue in the luminance (ITU-R BT.601), as in torchvision and Pillow. */
const [LUMA_R, LUMA_G, LUMA_B] = [0.299, 0.587, 0.114];
/** Scales of B - Y and R - Y at which equal angles of hue look equal (YUV). */
const [U_SCALE, V_SCALE] = [0.492, 0.877];

/**
 * Changes the colours of one image in place: `image` is [n,3] in [0, 1] and stays there.
 */
export function jitterColors(
  image: Float32Array,
  { brightness = 0, contrast = 0, saturation = 0, hue = 0 }: NonNullable<Augmentation['color']>,
  random: Random,
): void {
  const factor = (strength: number) => random.uniform(Math.max(0, 1 - strength), 1 + strength);
  const [brighter, sharper, richer] = [factor(brightness), factor(contrast), factor(saturation)];
  const turn = random.uniform(-hue, hue) * 2 * Math.PI;

  let mean = 0;
  for (let i = 0; i < image.length; i += 3) {
    mean +=
      LUMA_R * clamp(image[i]! * brighter) +
      LUMA_G * clamp(image[i + 1]! * brighter) +
      LUMA_B * clamp(image[i + 2]! * brighter);
  }
  mean /= image.length / 3;

  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  for (let i = 0; i < image.length; i += 3) {
    const red = clamp(mean + sharper * (clamp(image[i]! * brighter) - mean));
    const green = clamp(mean + sharper * (clamp(image[i + 1]! * brighter) - mean));
    const blue = clamp(mean + sharper * (clamp(image[i + 2]! * brighter) - mean));
    const luma = LUMA_R * red + LUMA_G * green + LUMA_B * blue;
    // Saturation scales and hue turns the two colour differences (U, V of YUV), which leaves the luminance alone.
    const u = richer * U_SCALE * (blue - luma);
    const v = richer * V_SCALE * (red - luma);
    const turnedRed = luma + (sin * u + cos * v) / V_SCALE;
    const turnedBlue = luma + (cos * u - sin * v) / U_SCALE;
    image[i] = clamp(turnedRed);
    image[i + 1] = clamp((luma - LUMA_R * turnedRed - LUMA_B * turnedBlue) / LUMA_G);
    image[i + 2] = clamp(turnedBlue);
  }
}

function clamp(value: number): number {
  return value < 0 ? 0 : Math.min(value, 1);
}
