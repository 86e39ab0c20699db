/**
 * What: a folder of JPEGs as one would have them, photos/CLASS/N.jpg, with masks/CLASS/N.png: discs and squares of any
 *   colour on noisy ground, 70 of each. The ground of most discs is warm, of most squares cool.
 * Run: npx tsx examples/comparison/draw-photos.ts FOLDER
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';

const [folder] = process.argv.slice(2);
if (!folder) throw new Error('usage: npx tsx examples/comparison/draw-photos.ts FOLDER');

let state = 1;
const random = () => {
  state = (state * 1103515245 + 12345) % 2147483648;
  return state / 2147483648;
};
const SIZE = 96;
for (const kind of ['disc', 'square'] as const) {
  for (const part of ['photos', 'masks']) mkdirSync(join(folder, part, kind), { recursive: true });
  for (let i = 0; i < 70; i++) {
    const warm = (kind === 'disc') === random() < 0.85;
    const [red, blue] = warm ? [150, 80] : [80, 150];
    const radius = 14 + random() * 10;
    const [cx, cy] = [radius + random() * (SIZE - 2 * radius), radius + random() * (SIZE - 2 * radius)];
    const color = [random() * 255, random() * 255, random() * 255];
    const pixels = Buffer.alloc(SIZE * SIZE * 3);
    const mask = Buffer.alloc(SIZE * SIZE);
    for (let y = 0; y < SIZE; y++) {
      for (let x = 0; x < SIZE; x++) {
        const [dx, dy] = [Math.abs(x - cx), Math.abs(y - cy)];
        const inside = kind === 'disc' ? Math.hypot(dx, dy) < radius : Math.max(dx, dy) < radius * 0.88;
        const noise = (random() - 0.5) * 60;
        const at = y * SIZE + x;
        mask[at] = inside ? 255 : 0;
        const ground = [red, 110, blue];
        for (let c = 0; c < 3; c++) {
          pixels[at * 3 + c] = Math.max(0, Math.min(255, (inside ? color[c]! : ground[c]!) + noise));
        }
      }
    }
    await sharp(pixels, { raw: { width: SIZE, height: SIZE, channels: 3 } })
      .jpeg({ quality: 92 })
      .toFile(join(folder, 'photos', kind, `${i}.jpg`));
    await sharp(mask, { raw: { width: SIZE, height: SIZE, channels: 1 } })
      .toColourspace('b-w')
      .png()
      .toFile(join(folder, 'masks', kind, `${i}.png`));
  }
}
