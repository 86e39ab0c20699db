import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { DataError } from '../../errors/index.ts';
import { unzipped } from '../compressed-bytes.ts';
import { readBytes } from '../file-bytes.ts';
import { parseNifti } from './nifti.ts';
import { parseNpy } from './npy-file.ts';
import { videoEndings, videoFrames } from './video-frames.ts';
import { resizeVolume, stretchVolume, type Volume } from './volume.ts';

export interface ClipOptions {
  /** [D,H,W] to bring it to. @default as it is */
  readonly size?: readonly [number, number, number] | undefined;
  /** 3 for colours, 1 for grey; of NIfTI and npy what they hold. @default 3 */
  readonly channels?: 1 | 3 | undefined;
  /**
   * What is done to values that are no bytes (NIfTI, npy of floats): `stretch`: smallest to largest as 0 to 1; `none`: as
   * they are. Bytes are always divided by 255.
   * @default 'stretch'
   */
  readonly scaling?: 'stretch' | 'none' | undefined;
  /** Frames in a second of a video. @default as it has them */
  readonly fps?: number | undefined;
}

/** Whether a file is called like a clip or a volume; a folder of frames is one too. */
export function isClipFile(path: string): boolean {
  return /\.(gif|webp|npy|nii|nii\.gz)$/i.test(path) || videoEndings.test(path);
}

const pictures = ['.jpg', '.jpeg', '.png', '.webp', '.tif', '.tiff', '.avif', '.bmp'];

/**
 * A clip or a volume from disk, for networks of [D,H,W,c]: a folder of frames in the order of their names (`2.png` before
 * `10.png`), an animated GIF or WebP, a NIfTI volume (`.nii`, `.nii.gz`), a `.npy` of [D,H,W] or [D,H,W,c], or a video, where
 * ffmpeg is installed.
 *
 * @returns values from 0 to 1 unless told otherwise
 * @throws {UsageError} for a video where ffmpeg is not installed
 * @throws {DataError} naming the file that is missing, damaged or of another kind, or a frame of another size
 */
export async function readClip(path: string, options: ClipOptions = {}): Promise<Volume> {
  const { size, scaling = 'stretch' } = options;
  const stats = await stat(path).catch((cause) => {
    throw new DataError(`${path}: there is no such file or folder`, { cause });
  });
  const kind = /\.nii(\.gz)?$/i.test(path) ? '.nii' : extname(path).toLowerCase();
  const volume = stats.isDirectory()
    ? await readFrames(path, options)
    : kind === '.nii'
      ? scaled(parseNifti(await unzipped(await readBytes(path), path), path), scaling)
      : kind === '.npy'
        ? await readArray(path, scaling)
        : kind === '.gif' || kind === '.webp'
          ? await readAnimation(path, options)
          : videoEndings.test(path)
            ? await readVideo(path, options)
            : undefined;
  if (!volume) {
    throw new DataError(
      `${path}: expected a folder of frames, a GIF, .npy, NIfTI (.nii, .nii.gz) or a video`,
    );
  }
  return size ? resizeVolume(volume, size) : volume;
}

function scaled(volume: Volume, scaling: 'stretch' | 'none'): Volume {
  return scaling === 'stretch' ? stretchVolume(volume) : volume;
}

async function readArray(path: string, scaling: 'stretch' | 'none'): Promise<Volume> {
  const { shape, values, kind } = parseNpy(await readBytes(path), path);
  if (shape.length !== 3 && shape.length !== 4) {
    throw new DataError(`${path}: expected an array [D,H,W] or [D,H,W,c], found [${shape.join(', ')}]`);
  }
  const full = [...shape, 1].slice(0, 4) as [number, number, number, number];
  if (kind === 'u1') return { shape: full, values: values.map((value) => value / 255) };
  return scaled({ shape: full, values }, scaling);
}

async function readFrames(folder: string, { channels = 3 }: ClipOptions): Promise<Volume> {
  const names = (await readdir(folder))
    .filter((name) => pictures.includes(extname(name).toLowerCase()))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  if (names.length === 0) throw new DataError(`${folder}: it holds no pictures`);
  const frames: { data: Uint8Array; width: number; height: number }[] = [];
  for (const name of names) {
    const file = join(folder, name);
    const { data, info } = await decoded(sharp(file), file, channels);
    const [first] = frames;
    if (first && (first.width !== info.width || first.height !== info.height)) {
      throw new DataError(
        `${file}: expected a frame of ${first.width}x${first.height} as the first, found ${info.width}x${info.height}`,
      );
    }
    frames.push({ data, width: info.width, height: info.height });
  }
  const { width, height } = frames[0]!;
  const values = new Float32Array(frames.length * width * height * channels);
  for (const [f, { data }] of frames.entries()) {
    for (let i = 0; i < data.length; i++) values[f * data.length + i] = data[i]! / 255;
  }
  return { shape: [frames.length, height, width, channels], values };
}

async function readVideo(file: string, options: ClipOptions): Promise<Volume> {
  const dir = await mkdtemp(join(tmpdir(), 'frames-'));
  try {
    await videoFrames(file, dir, options.fps);
    return await readFrames(dir, options);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function readAnimation(file: string, { channels = 3 }: ClipOptions): Promise<Volume> {
  const image = sharp(file, { animated: true });
  const { pages = 1, pageHeight } = await image.metadata().catch((cause) => {
    throw new DataError(`${file}: it cannot be decoded`, { cause });
  });
  const { data, info } = await decoded(image, file, channels);
  const height = pageHeight ?? info.height;
  return {
    shape: [pages, height, info.width, channels],
    values: Float32Array.from(data, (value: number) => value / 255),
  };
}

async function decoded(
  image: Sharp,
  file: string,
  channels: 1 | 3,
): Promise<{ data: Uint8Array; info: { width: number; height: number } }> {
  try {
    const flat = image.flatten({ background: '#000' }).toColourspace(channels === 1 ? 'b-w' : 'srgb');
    const raw = await flat.raw().toBuffer({ resolveWithObject: true });
    if (raw.info.channels === channels) return raw;
    // A grey picture that is to be in colours.
    const data = Buffer.alloc(raw.info.width * raw.info.height * channels);
    for (let i = 0; i < data.length; i++) {
      data[i] = raw.data[Math.trunc(i / channels) * raw.info.channels]!;
    }
    return { data, info: raw.info };
  } catch (cause) {
    throw new DataError(`${file}: it cannot be decoded`, { cause });
  }
}
