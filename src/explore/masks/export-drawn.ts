import { zipSync } from 'fflate';
import sharp from 'sharp';
import { fileStem } from '../../files/index.ts';
import { cocoShape } from '../../segmentation/index.ts';
import type { DrawnMask } from './drawn-masks.ts';

/**
 * Drawn masks for other programs, as one ZIP archive: a PNG of each image (value c + 1 for class c), a second one
 * where something must not matter (255), and `drawn.coco.json` with who drew what and when.
 */
export async function exportDrawn(
  masks: Iterable<DrawnMask>,
  classes: readonly string[],
  [height, width]: readonly [number, number],
): Promise<Uint8Array> {
  const files: Record<string, Uint8Array> = {};
  const [images, annotations]: [object[], object[]] = [[], []];
  for (const mask of masks) {
    const name = fileStem(mask.id);
    files[`${name}.png`] = await png(mask.classes, height, width);
    if (mask.irrelevant.includes(1)) {
      files[`${name}.must-not-matter.png`] = await png(
        mask.irrelevant.map((value) => 255 * value),
        height,
        width,
      );
    }
    images.push({ id: images.length + 1, file_name: `${name}.png`, source: mask.id, width, height });
    const regions = [
      ...[...new Set(mask.classes)].filter((value) => value > 0).sort((a, b) => a - b),
      ...(mask.irrelevant.includes(1) ? [0] : []),
    ];
    for (const value of regions) {
      const region = value === 0 ? mask.irrelevant : mask.classes.map((one) => Number(one === value));
      annotations.push({
        id: annotations.length + 1,
        image_id: images.length,
        category_id: value === 0 ? classes.length + 1 : value,
        ...cocoShape(region, width, height),
        iscrowd: 1,
        drawn_by: mask.by,
        drawn_at: mask.at,
      });
    }
  }
  const categories = [
    ...classes.map((name, c) => ({ id: c + 1, name })),
    { id: classes.length + 1, name: 'must not matter' },
  ];
  const info = { description: 'masks drawn by people on the page of npm run explore' };
  files['drawn.coco.json'] = new TextEncoder().encode(
    `${JSON.stringify({ info, images, annotations, categories }, null, 2)}\n`,
  );
  return zipSync(files);
}

async function png(values: Uint8Array, height: number, width: number): Promise<Uint8Array> {
  const image = sharp(values, { raw: { width, height, channels: 1 } });
  return Uint8Array.from(await image.png().toBuffer());
}
