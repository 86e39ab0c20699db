import { spawn } from 'node:child_process';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, extname, join, parse } from 'node:path';
import { DataError, UsageError } from '../errors/index.ts';

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
const videoEndings = /\.(mp4|m4v|mov|avi|mkv|webm|mpe?g|wmv)$/i;

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
  const name = parse(video).name.replaceAll('%', '_');
  const pattern = join(dir, `${name}-%05d.png`);
  // `file:`, since what stands before a colon in a name would be a protocol; `pass`, since a video that is shorter than one
  // step has a frame too.
  const filter = `fps=${fps}:eof_action=pass`;
  const quiet = ['-hide_banner', '-loglevel', 'error', '-nostdin'];
  await ffmpeg(video, [...quiet, '-i', `file:${video}`, '-vf', filter, `file:${pattern}`]);
  const frames = (await readdir(dir)).filter((file) => extname(file) === '.png').sort();
  if (frames.length === 0) throw new DataError(`${video}: ffmpeg found no frames in it`);
  return frames.map((frame) => ({
    file: join(dir, frame),
    label: `${video}#${parse(frame).name.slice(name.length + 1)}`,
  }));
}

function ffmpeg(video: string, words: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('ffmpeg', [...words], { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    child.on('error', (cause: NodeJS.ErrnoException) => {
      reject(
        cause.code === 'ENOENT'
          ? new UsageError(
              `${video}: a video is read by ffmpeg, which is not installed or not in the PATH; images and folders of ` +
                'images need none',
              { cause },
            )
          : new DataError(`${video}: ffmpeg cannot be started: ${cause.message}`, { cause }),
      );
    });
    child.on('close', (code) => {
      if (code === 0) return resolve();
      const reason = said.trim().split('\n').at(-1) || `exit code ${code}`;
      reject(new DataError(`${video}: ffmpeg cannot read it: ${reason}`));
    });
  });
}
