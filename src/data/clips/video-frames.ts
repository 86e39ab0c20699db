import { spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { extname, join, parse } from 'node:path';
import { DataError, UsageError } from '../../errors/index.ts';

/** Endings of the videos that ffmpeg is asked to read. */
export const videoEndings = /\.(mp4|m4v|mov|avi|mkv|webm|mpe?g|wmv)$/i;

/**
 * Writes the frames of a video as PNG, `NAME-00001.png` and on, with ffmpeg.
 *
 * @param dir an empty folder that is there
 * @param fps frames in a second of the video; undefined: as it has them
 * @returns the files, in their order
 * @throws {UsageError} where ffmpeg is not installed
 * @throws {DataError} for what it cannot read, and a video without frames
 */
export async function videoFrames(video: string, dir: string, fps?: number): Promise<string[]> {
  const name = parse(video).name.replaceAll('%', '_');
  const pattern = join(dir, `${name}-%05d.png`);
  // `pass`, since a video that is shorter than one step has a frame too.
  const pace = fps === undefined ? [] : ['-vf', `fps=${fps}:eof_action=pass`];
  const quiet = ['-hide_banner', '-loglevel', 'error', '-nostdin'];
  // `file:`, since what stands before a colon in a name would be a protocol.
  await ffmpeg(video, [...quiet, '-i', `file:${video}`, ...pace, `file:${pattern}`]);
  const frames = (await readdir(dir)).filter((file) => extname(file) === '.png').sort();
  if (frames.length === 0) throw new DataError(`${video}: ffmpeg found no frames in it`);
  return frames.map((frame) => join(dir, frame));
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
