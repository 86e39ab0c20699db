/**
 * What: the pictures of docs/explanations.md: methods side by side, for the likeliest class of a few photos.
 * Run: npx tsx examples/explain-pictures.ts MODEL IMAGE... [--out FOLDER]
 *   MODEL is a folder with a tfjs layers-model; FOLDER is docs/images unless named. The pictures of the guide show Tiny
 *   VGG and its photos (MIT licence, Polo Club of Data Science).
 * Expect: `explain-class-maps.jpg`, `explain-pixels.jpg` and `explain-relevance.jpg`, a row for each photo, a column for each method.
 *
 * In a project of your own, import from 'tfjs-gain' and its entries ('tfjs-gain/pictures').
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import {
  drawAttribution,
  drawImage,
  explainImages,
  findMethods,
  openTrainedNetwork,
  readImages,
} from '../src/explain.ts';
import { startEngine } from '../src/index.ts';
import { imageGrid, type Tile } from '../src/pictures.ts';

const figures = {
  'explain-class-maps': [
    'grad-cam',
    'grad-cam++',
    'layer-cam',
    'hires-cam',
    'score-cam',
    'ablation-cam',
    'counterfactual',
  ],
  'explain-pixels': [
    'gradient',
    'smooth-grad',
    'guided-backprop',
    'deconvolution',
    'guided-grad-cam++',
    'occlusion',
    'lime',
  ],
  'explain-relevance': [
    'lrp',
    'lrp-epsilon-plus',
    'deep-lift',
    'expected-gradients',
    'shapley-cam',
    'finer-cam',
    'eigen-cam',
    'feature-factorization',
  ],
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { out: { type: 'string', default: 'docs/images' } },
});
const [modelFolder, ...files] = positionals;
if (!modelFolder || files.length === 0) {
  throw new Error('usage: npx tsx examples/explain-pictures.ts MODEL IMAGE... [--out FOLDER]');
}

await startEngine();
const subject = await openTrainedNetwork({ model: modelFolder });
const images = await readImages(files, subject);
for (const [name, methods] of Object.entries(figures)) {
  const rows: Tile[][] = [];
  for await (const { image, classes } of explainImages(subject, images, { methods, top: 1 })) {
    const photo = drawImage(image, subject.imageSize);
    const tiles = classes[0]!.attributions.map((attribution) => ({
      image: drawAttribution(attribution, photo),
      ...(attribution.defect && { caption: attribution.defect, warning: 'caption' as const }),
    }));
    rows.push([{ image: photo }, ...tiles]);
  }
  const header = ['photo', ...findMethods(methods).map((method) => method.name)];
  const grid = await imageGrid(rows, { header, tileSize: 128 });
  const path = join(values.out, `${name}.jpg`);
  await writeFile(path, await sharp(grid).jpeg({ quality: 82, mozjpeg: true }).toBuffer());
  console.log(path);
}
