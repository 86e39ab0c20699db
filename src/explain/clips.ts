import { stat } from 'node:fs/promises';
import { basename, join, parse } from 'node:path';
import sharp from 'sharp';
import { listClips, readClipView } from '../data/index.ts';
import { DataError } from '../errors/index.ts';
import { fileStems } from '../files/index.ts';
import { mapAtFrames, png, type RgbImage, shownFrames } from '../pictures/index.ts';
import type { TrainedNetwork } from '../run/index.ts';
import { type Drawable, drawAttribution, drawImage, scaleOf } from './draw-attribution.ts';
import { grey, type NamedImage } from './images.ts';

/** Between two frames of a strip, in pixels. */
const gap = 4;
/** Milliseconds that an animation shows a frame. */
const frameTime = 160;

/** What is known of the clips that a network takes. */
export interface ClipSubject extends Pick<TrainedNetwork, 'imageSize' | 'channels' | 'fit'> {
  /** T */
  readonly frames: number;
}

/**
 * Reads clips, all or none: folders of frames, GIF, NIfTI, `.npy`, videos; a folder without pictures stands for the
 * clips in it.
 *
 * @param fps frames in a second of a video @default as it has them
 * @returns pixels [T·H·W·c]
 * @throws {DataError} naming every one that cannot be read
 * @throws {UsageError} for a video where ffmpeg is not installed
 */
export async function readClips(
  paths: readonly string[],
  { imageSize, channels, fit, frames }: ClipSubject,
  fps?: number,
): Promise<NamedImage[]> {
  const files: string[] = [];
  for (const path of paths) {
    const isFolder = (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
    if (!isFolder) files.push(path);
    else
      for (const clip of await listClips(path, () => {})) files.push(clip === '' ? path : join(path, clip));
  }
  if (files.length === 0) throw new DataError(`${paths.join(', ')}: no clips there`);
  const read = await Promise.allSettled(
    files.map((file) => readClipView(file, { frames, imageSize, fit, ...(fps !== undefined && { fps }) })),
  );
  const broken = read.flatMap((result) => {
    if (result.status === 'fulfilled') return [];
    if (!(result.reason instanceof DataError)) throw result.reason;
    return [result.reason.message];
  });
  if (broken.length > 0) throw new DataError(broken.join('\n'));
  const names = fileStems(files.map((file) => parse(basename(file)).name));
  return read.map((result, i) => {
    const pixels = (result as PromiseFulfilledResult<Float32Array>).value;
    return { name: names[i]!, file: files[i]!, pixels: channels === 1 ? grey(pixels) : pixels };
  });
}

/** The frames of a clip as pictures, as the network sees them. */
export function drawFrames({ pixels, ...clip }: NamedImage, { frames, imageSize }: ClipSubject): RgbImage[] {
  const size = pixels.length / frames;
  return Array.from({ length: frames }, (_, f) =>
    drawImage({ ...clip, pixels: pixels.subarray(f * size, (f + 1) * size) }, imageSize),
  );
}

/**
 * An attribution over time, a picture for each frame, all in one scale. A map of fewer frames than the clip is
 * interpolated between them.
 *
 * @param attribution [t,h,w], in pixel space [T,H,W,c]
 * @param photos the frames, from {@link drawFrames}
 */
export function drawOverTime(
  { method, shape: [from, ...shape], values }: Drawable,
  photos: readonly RgbImage[],
): RgbImage[] {
  const overTime = mapAtFrames(values, from!, photos.length);
  const size = overTime.length / photos.length;
  const frames = photos.map((_, f) => ({
    method,
    shape,
    values: overTime.subarray(f * size, (f + 1) * size),
  }));
  // Of all frames together: the same colour is the same value.
  const [height, ...rest] = shape as [number, ...number[]];
  const scale = scaleOf({ method, shape: [photos.length * height, ...rest], values: overTime });
  return frames.map((frame, f) => drawAttribution(frame, photos[f]!, { scale }));
}

/** Some of the frames side by side, evenly chosen. */
export function stripOf(frames: readonly RgbImage[]): RgbImage {
  const shown = shownFrames(frames.length).map((f) => frames[f]!);
  const { width, height } = shown[0]!;
  const across = shown.length * (width + gap) - gap;
  const data = new Uint8Array(across * height * 3).fill(255);
  for (const [place, frame] of shown.entries()) {
    for (let y = 0; y < height; y++) {
      const line = frame.data.subarray(y * width * 3, (y + 1) * width * 3);
      data.set(line, (y * across + place * (width + gap)) * 3);
    }
  }
  return { data, width: across, height };
}

/** All frames, as a GIF that goes on and on. */
export async function animationOf(frames: readonly RgbImage[]): Promise<Buffer> {
  const pages = await Promise.all(frames.map(png));
  return sharp(pages, { join: { animated: true } })
    .gif({ delay: frames.map(() => frameTime), loop: 0 })
    .toBuffer();
}
