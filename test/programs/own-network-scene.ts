import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { callProgram } from './call-program.ts';

const colours = [
  [220, 40, 30],
  [30, 200, 60],
  [40, 60, 220],
] as const;

/**
 * A data set of 16x16 pictures as a user has it: class folders with a coloured square in each picture, masks of the
 * squares beside them; brought in by `import folder`.
 *
 * @returns the folder of the data set, and a picture of each class
 */
export async function importSquares(
  dir: string,
  classes: readonly string[],
): Promise<{ data: string; photos: string[] }> {
  const photos: string[] = [];
  for (const [c, name] of classes.entries()) {
    await mkdir(join(dir, 'photos', name), { recursive: true });
    await mkdir(join(dir, 'masks', name), { recursive: true });
    for (let i = 0; i < 6; i++) {
      const square = { left: 2 + i, top: 7 - i, width: 7, height: 7 };
      const draw = (back: readonly number[], front: readonly number[], file: string) => {
        const data = Uint8Array.from({ length: 16 * 16 * 3 }, (_, at) => {
          const [x, y] = [Math.floor(at / 3) % 16, Math.floor(at / 48)];
          const inside = x >= square.left && x < square.left + 7 && y >= square.top && y < square.top + 7;
          return (inside ? front : back)[at % 3]!;
        });
        return sharp(data, { raw: { width: 16, height: 16, channels: 3 } })
          .png()
          .toFile(file);
      };
      const photo = join(dir, 'photos', name, `${i}.png`);
      await draw([90 + 9 * i, 90, 100 - 9 * i], colours[c]!, photo);
      await draw([0, 0, 0], [255, 255, 255], join(dir, 'masks', name, `${i}.png`));
      if (i === 0) photos.push(photo);
    }
  }
  const data = join(dir, 'data');
  const { code, stderr } = await callProgram(
    ...['import', 'folder', '--dir', join(dir, 'photos'), '--masks', join(dir, 'masks')],
    ...['--fractions', 'train=0.67,test=0.33', '--out', data],
  );
  if (code !== 0) throw new Error(stderr);
  return { data, photos };
}
