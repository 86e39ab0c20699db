import sharp from 'sharp';
import { DataError } from '../../../errors/index.ts';
import { readBytes } from '../../file-bytes.ts';
import { annotatedFrame, type Frame } from '../reading/annotated-frame.ts';

/** In VOC masks 255 is the rim between object and background, which belongs to neither. */
export const RIM = 255;

/** The numbers at the pixels of a segmentation, and the position in which its image has them. */
export interface Segmentation {
  path: string;
  values: Uint8Array | Uint16Array;
  frame: Frame;
}

/**
 * Reads the numbers of a segmentation, which the file keeps as grey values or as colours of VOC's palette.
 *
 * @param original size and orientation of the image file
 * @throws {DataError} when it cannot be decoded, is of another size than its image, or has other colours
 */
export async function readSegmentation(path: string, original: Frame): Promise<Segmentation> {
  const image = sharp(await readBytes(path), { failOn: 'truncated' });
  const { data, info } = await image
    .metadata()
    .then(({ space }) => {
      if (space === 'grey16') return image.toColourspace('grey16').extractChannel(0).raw({ depth: 'ushort' });
      return (space === 'b-w' ? image.extractChannel(0) : image.removeAlpha()).raw({ depth: 'uchar' });
    })
    .then((numbers) => numbers.toBuffer({ resolveWithObject: true }))
    .catch((cause: Error) => {
      throw new DataError(`${path}: mask cannot be decoded: ${cause.message}`, { cause });
    });
  const frame = annotatedFrame(original, info);
  if (info.width !== frame.width || info.height !== frame.height) {
    throw new DataError(
      `${path}: mask is ${info.width}x${info.height}, its image ${frame.width}x${frame.height} (width x height)`,
    );
  }
  if (info.channels === 1) {
    const wide = data.length === 2 * info.width * info.height;
    const values = wide ? new Uint16Array(data.buffer, data.byteOffset, data.length / 2) : data;
    return { path, values, frame };
  }
  const values = Uint8Array.from({ length: info.width * info.height }, (_, i) => {
    const color = data.subarray(i * 3, i * 3 + 3);
    const index = INDICES.get(colorKey(color));
    if (index === undefined) {
      const [x, y] = [i % info.width, Math.floor(i / info.width)];
      throw new DataError(`${path}: pixel (${x}, ${y}) has the colour ${color.join(', ')}, not one of VOC's`);
    }
    return index;
  });
  return { path, values, frame };
}

const colorKey = (color: ArrayLike<number>) => (color[0]! << 16) | (color[1]! << 8) | color[2]!;

/** VOC's palette deals the bits of the number out to the high bits of red, green, blue, red, green, … */
const INDICES = new Map(
  Array.from({ length: 256 }, (_, index) => {
    const color = [0, 0, 0];
    for (let bit = 0; bit < 8; bit++) color[bit % 3]! |= ((index >> bit) & 1) << (7 - Math.floor(bit / 3));
    return [colorKey(color), index] as const;
  }),
);
