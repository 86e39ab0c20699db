import { join } from 'node:path';
import { DataError, UsageError } from '../../../errors/index.ts';
import {
  type ClipOptions,
  isClipFile,
  readClip,
  resizeVolume,
  stackFrames,
  stackMasks,
  type Volume,
} from '../../clips/index.ts';
import type { ImageExample } from '../../image-example.ts';
import type { ImportItem, ImportSource } from '../import-run/import-examples.ts';
import { ImportNotes, type TellNote } from '../import-run/import-notes.ts';
import { stemOf } from '../reading/image-files.ts';
import { listClips } from './list-clips.ts';

export interface ClipImportOptions {
  /** A folder laid out like `dir` with the masks of some clips: as many frames of the same size, not 0 on the object. */
  readonly masks?: string;
  /** Frames that each clip is brought to, by linear interpolation in time. @default as it has them */
  readonly frames?: number;
  /** [H,W] that its frames are brought to. @default as they are */
  readonly size?: readonly [number, number];
  /** Frames in a second of a video. @default as it has them */
  readonly fps?: number;
  /** Of values that are no bytes: smallest to largest as 0 to 1, or as they are, cut off at 0 and 1. @default 'stretch' */
  readonly scaling?: 'stretch' | 'none';
}

/** A clip under the folder that is imported, with `/` between the parts. */
interface PlacedClip {
  readonly path: string;
  readonly split: string;
  readonly class: string;
}

/**
 * Finds clips and volumes in class folders: `dir/<class>/<clip>` or `dir/<split>/<class>/<clip>`, where a clip is a folder
 * of frames, a GIF or animated WebP, a NIfTI volume, a `.npy`, or a video that ffmpeg reads. All become frames of 8 bits in
 * colours.
 *
 * @throws {UsageError} for sizes below 1
 * @throws {DataError} when there are no clips in class folders, some lie deeper than others, or no mask fits
 */
export async function findClips(dir: string, options: ClipImportOptions = {}): Promise<ImportSource> {
  const { frames, size, fps } = options;
  const whole = { frames, 'size (height)': size?.[0], 'size (width)': size?.[1] };
  for (const [name, value] of Object.entries(whole)) {
    if (value !== undefined && !(Number.isInteger(value) && value > 0)) {
      throw new UsageError(`${name}: expected a whole number of at least 1, received ${value}`);
    }
  }
  if (fps !== undefined && !(fps > 0))
    throw new UsageError(`fps: expected a number above 0, received ${fps}`);
  const notes = new ImportNotes();
  const clips = placed(dir, await listClips(dir, notes.tell));
  const masks =
    options.masks === undefined ? new Map<string, string>() : await masksOf(options.masks, clips, notes.tell);
  const classes = [...new Set(clips.map((clip) => clip.class))].sort();
  const items = clips.map((clip): ImportItem => {
    const label = classes.indexOf(clip.class);
    return {
      split: clip.split,
      name: clip.path,
      labels: [label],
      load: () => loadClip(dir, clip.path, label, masks.get(clip.path), options),
    };
  });
  return { format: 'clips', clips: true, classes, multiLabel: false, items, notes: notes.list };
}

function placed(dir: string, paths: readonly string[]): PlacedClip[] {
  const expected = `expected ${join(dir, '<class>', '<clip>')} or ${join(dir, '<split>', '<class>', '<clip>')}, where a clip is a folder of frames, a GIF, NIfTI, .npy or a video`;
  const [first] = paths;
  if (first === undefined) throw new DataError(`${dir}: it holds no clips: ${expected}`);
  const depth = first.split('/').length;
  const other = paths.find((path) => path.split('/').length !== depth);
  if (other !== undefined || depth < 2 || depth > 3) {
    throw new DataError(
      `${dir}: ${other === undefined ? first : `${first}, but ${other}`}: ${expected}, all alike`,
    );
  }
  return paths.map((path) => {
    const steps = path.split('/');
    return { path, split: depth === 3 ? steps[0]! : 'train', class: steps.at(-2)! };
  });
}

/** The mask of each clip that has one: of the same path, whatever its ending. */
async function masksOf(
  dir: string,
  clips: readonly PlacedClip[],
  tell: TellNote,
): Promise<Map<string, string>> {
  const plain = (path: string) => stemOf(path.replace(/\.gz$/i, ''));
  const keyOf = (path: string) => (isClipFile(path) ? plain(path) : path);
  const byKey = new Map(clips.map(({ path }) => [keyOf(path), path]));
  const masks = new Map<string, string>();
  const files = await listClips(dir, tell);
  for (const file of files) {
    const clip = byKey.get(keyOf(file));
    if (clip === undefined) tell('masks left out, no clip is called so', join(dir, file));
    else masks.set(clip, join(dir, file));
  }
  if (masks.size === 0) {
    throw new DataError(
      `${dir}: none of its ${files.length} masks is called like a clip, for instance ${clips[0]!.path}`,
    );
  }
  return masks;
}

async function loadClip(
  dir: string,
  path: string,
  label: number,
  maskFile: string | undefined,
  { frames, size, fps, scaling }: ClipImportOptions,
): Promise<ImageExample> {
  const file = join(dir, path);
  const reading: ClipOptions = { fps, scaling };
  const clip = await readClip(file, reading);
  const [depth, height, width] = clip.shape;
  const target = [frames ?? depth, ...(size ?? [height, width])] as [number, number, number];
  const stacked = await stackFrames(resizeVolume(clip, target), file);
  const objects = maskFile === undefined ? [] : [await objectOf(maskFile, clip, target, label)];
  return { ...stacked, filename: path, labels: [label], objects };
}

async function objectOf(file: string, clip: Volume, target: [number, number, number], label: number) {
  const mask = await readClip(file, { channels: 1, scaling: 'none' });
  const [depth, height, width, channels] = mask.shape;
  if ([depth, height, width].some((size, axis) => size !== clip.shape[axis])) {
    throw new DataError(
      `${file}: the mask has ${depth} frames of ${width}x${height}, its clip ${clip.shape[0]} of ` +
        `${clip.shape[2]}x${clip.shape[1]} (width x height)`,
    );
  }
  const marks = Float32Array.from({ length: depth * height * width }, (_, i) =>
    Number(mask.values.subarray(i * channels, (i + 1) * channels).some((value) => value > 0)),
  );
  const resized = resizeVolume({ shape: [depth, height, width, 1], values: marks }, target);
  const inside = resized.values.map((value) => Number(value >= 0.5));
  return { class: label, xmin: 0, ymin: 0, xmax: 1, ymax: 1, mask: await stackMasks(inside, target[2]) };
}
