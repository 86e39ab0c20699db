/**
 * What: shows where a trained network looks in a photo, for each class that it finds there.
 * Run: npx tsx examples/explain-image.ts MODEL IMAGE [METHOD]
 *   MODEL is a folder with a tfjs layers-model, such as runs/gain/model; METHOD is grad-cam unless named.
 * Expect: the scores of the three most likely classes, and beside the image a file `….maps.png`: the image with each
 *   class's map laid over it.
 *
 * In a project of your own, import from 'tfjs-gain' and its entries ('tfjs-gain/pictures'), and `tf` from '@tensorflow/tfjs'.
 */
import { writeFile } from 'node:fs/promises';
import { join, parse } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import sharp from 'sharp';
import {
  attentionMaps,
  loadLayersModel,
  type MapMethod,
  normalizeMaps,
  resolveTargetLayer,
  startEngine,
} from '../src/index.ts';
import { imageGrid, overlayMap } from '../src/pictures.ts';

const [modelFolder, imageFile, method = 'grad-cam'] = process.argv.slice(2);
if (!modelFolder || !imageFile)
  throw new Error('usage: npx tsx examples/explain-image.ts MODEL IMAGE [METHOD]');

await startEngine();
const model = await loadLayersModel(modelFolder);
const [, height = 64, width = 64] = model.inputs[0]!.shape as [number, number, number, number];
const pixels = await sharp(imageFile)
  .removeAlpha()
  .toColourspace('srgb')
  .resize(width, height, { fit: 'fill' })
  .raw()
  .toBuffer();
const image = tf.tidy(() => tf.div(tf.tensor4d(pixels, [1, height, width, 3]), 255));

const { logits } = attentionMaps(model, image, []);
const scores = Array.from(await logits.data());
const best = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]!).slice(0, 3);

console.log(`maps of ${resolveTargetLayer(model).path}`);
const pairs = best.map((c) => ({ sample: 0, class: c }));
const { maps } = attentionMaps(model, image, pairs, { method: method as MapMethod });
const [, mapHeight, mapWidth] = maps.shape;
const values = normalizeMaps(maps, 'max').dataSync() as Float32Array;
const photo = { data: new Uint8Array(pixels), width, height };
const tiles = best.map((c, i) => {
  const data = values.slice(i * mapHeight * mapWidth, (i + 1) * mapHeight * mapWidth);
  const map = { data, width: mapWidth, height: mapHeight };
  return { image: overlayMap(photo, map), caption: `class ${c}`, note: scores[c]!.toFixed(2) };
});

const { dir, name } = parse(imageFile);
const file = join(dir, `${name}.maps.png`);
await writeFile(file, await imageGrid([[{ image: photo, caption: name }, ...tiles]], { tileSize: 192 }));
console.log(`${best.map((c) => `class ${c}: logit ${scores[c]!.toFixed(2)}`).join('\n')}\n${file}`);
