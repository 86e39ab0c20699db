import { type Fit, fixedPlacement } from '../augmentation.ts';
import { resample } from '../resampling.ts';
import { framesOf } from './frames-of.ts';
import { type ClipOptions, readClip } from './read-clip.ts';
import { clipBytes } from './stacked-frames.ts';

export interface ClipViewOptions extends Pick<ClipOptions, 'scaling' | 'fps'> {
  /** T */
  readonly frames: number;
  /** [H,W] */
  readonly imageSize: readonly [number, number];
  /** How frames of another shape are brought to `imageSize`. @default 'squash' */
  readonly fit?: Fit | undefined;
}

/**
 * A clip or a volume from disk as a network gets it in training: frames of 8 bits in colours, T of them evenly chosen,
 * each brought to the size.
 *
 * @returns [T·H·W·3], from 0 to 1
 * @throws as `readClip`
 */
export async function readClipView(
  path: string,
  { frames, imageSize: [height, width], fit = 'squash', ...options }: ClipViewOptions,
): Promise<Float32Array> {
  const clip = await readClip(path, options);
  const [stored, rows, columns] = clip.shape;
  const picture = { data: clipBytes(clip, path), width: columns, height: stored * rows };
  const { window } = fixedPlacement({ width: columns, height: rows }, { width, height }, fit);
  const data = new Float32Array(frames * height * width * 3);
  for (const [t, frame] of framesOf(picture, 3, stored, frames).entries()) {
    resample(frame, 3, window, { data, offset: t * height * width * 3, width, height }, 1 / 255, false);
  }
  return data;
}
