import { basename, parse } from 'node:path';
import { type ImageView, readImageView } from '../data/index.ts';
import { DataError } from '../errors/index.ts';
import { fileStems } from '../files/index.ts';
import type { TrainedNetwork } from '../run/index.ts';

/** An image as the network takes it. */
export interface NamedImage {
  /** Short, and of no other image of the same reading: the file's name without its ending. */
  readonly name: string;
  readonly file: string;
  /** [H·W·c], of clips [T·H·W·c], from 0 to 1. */
  readonly pixels: Float32Array;
  /** Size of the image in its file, and the part that is shown: for boxes in its pixels. */
  readonly view?: Omit<ImageView, 'pixels'> | undefined;
}

/**
 * Reads images, all or none.
 *
 * @throws {DataError} naming every file that cannot be read or decoded
 */
export async function readImages(
  files: readonly string[],
  { imageSize, channels, fit }: Pick<TrainedNetwork, 'imageSize' | 'channels' | 'fit'>,
): Promise<NamedImage[]> {
  const read = await Promise.allSettled(files.map((file) => readImageView(file, imageSize, fit)));
  const broken = read.flatMap((result) => {
    if (result.status === 'fulfilled') return [];
    if (!(result.reason instanceof DataError)) throw result.reason;
    return [result.reason.message];
  });
  if (broken.length > 0) throw new DataError(broken.join('\n'));
  // `a/cat.jpg` and `b/cat.jpg` are called `cat` and `cat-2`.
  const names = fileStems(files.map((file) => parse(basename(file)).name));
  return read.map((result, i) => {
    const { pixels, ...view } = (result as PromiseFulfilledResult<ImageView>).value;
    return { name: names[i]!, file: files[i]!, pixels: channels === 1 ? grey(pixels) : pixels, view };
  });
}

/** Brightness by the weights of Rec. 709. */
export function grey(pixels: Float32Array): Float32Array {
  return Float32Array.from({ length: pixels.length / 3 }, (_, i) => {
    const [red, green, blue] = [pixels[3 * i]!, pixels[3 * i + 1]!, pixels[3 * i + 2]!];
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  });
}
