import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { videoEndings, videoFrames } from '../data/index.ts';
import { DataError } from '../errors/index.ts';

/** An image to read: a file of its own, or a frame of a video. */
export interface ListedImage {
  readonly file: string;
  /** As results name it: the file, or `clip.mp4#00003` for its third frame. */
  readonly label: string;
}

export interface ListedImages {
  readonly images: readonly ListedImage[];
  /** What was left out, a line each. */
  readonly notes: readonly string[];
  /** Deletes the frames of videos. */
  close(): Promise<void>;
}

export interface ListOptions {
  /** Frames of a video, in a second of it. @default 1 */
  readonly fps?: number | undefined;
}

/** Endings of the images that are read. */
export const imageEndings = /\.(jpe?g|png|webp|gif|tiff?|avif)$/i;

/**
 * The images that paths stand for: image files, those of a folder and the folders in it, by name, and the frames of
 * videos, which ffmpeg writes to a temporary folder.
 *
 * @throws {UsageError} for a video where ffmpeg is not installed
 * @throws {DataError} for a path that is not there, a folder without images, a video without frames
 */
export async function listImages(
  paths: readonly string[],
  { fps = 1 }: ListOptions = {},
): Promise<ListedImages> {
  const images: ListedImage[] = [];
  const notes: string[] = [];
  const temporary: string[] = [];
  const close = async () => {
    for (const dir of temporary) await rm(dir, { recursive: true, force: true });
  };
  try {
    for (const path of paths) {
      const stats = await stat(path).catch(() => undefined);
      if (stats?.isDirectory()) {
        images.push(...(await ofFolder(path, notes)));
      } else if (stats && videoEndings.test(path)) {
        const dir = await mkdtemp(join(tmpdir(), 'frames-'));
        temporary.push(dir);
        images.push(...(await framesOf(path, dir, fps)));
      } else {
        // Reading says what is wrong with it, together with the others.
        images.push({ file: path, label: path });
      }
    }
    return { images, notes, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function ofFolder(dir: string, notes: string[]): Promise<ListedImage[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const found = files.filter((file) => imageEndings.test(file));
  const others = files.filter((file) => !imageEndings.test(file));
  if (found.length === 0) throw new DataError(`${dir}: it holds no images`);
  if (others.length > 0) {
    const shown = others.slice(0, 3).map((file) => basename(file));
    notes.push(
      `left out  ${dir}: ${others.length} files that are no images: ${shown.join(', ')}${others.length > 3 ? ', …' : ''}`,
    );
  }
  return found.map((file) => ({ file, label: file }));
}

async function framesOf(video: string, dir: string, fps: number): Promise<ListedImage[]> {
  const frames = await videoFrames(video, dir, fps);
  return frames.map((file) => ({ file, label: `${video}#${/-(\d+)\.png$/.exec(file)![1]}` }));
}
