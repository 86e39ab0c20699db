/**
 * What: the pictures of docs/explanations.md that a network makes itself: dreams, inverted representations, adversarial patterns;
 *   and a concept shown by drawn examples, asked for with TCAV.
 * Run: npx tsx examples/made-images.ts MODEL IMAGE... [--out FOLDER]
 *   MODEL is a folder with a tfjs layers-model; the names of the classes are those of Tiny VGG.
 *   FOLDER is docs/images unless named. The pictures of the guide show Tiny VGG and its photos (MIT licence, Polo Club of Data
 *   Science).
 * Expect: `explain-made.jpg`, a row for each of the first three photos, and `explain-concepts.jpg`, a row for each concept; half a
 *   minute.
 *
 * In a project of your own, import from 'tfjs-gain' and its entries ('tfjs-gain/explain', '/pictures').
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import sharp from 'sharp';
import {
  adversarialPattern,
  deepDream,
  invertFeatures,
  openTrainedNetwork,
  readImages,
  tcav,
} from '../src/explain.ts';
import { startEngine } from '../src/index.ts';
import { imageGrid, rgbImage, type Tile } from '../src/pictures.ts';

const classes = [
  'lifeboat',
  'ladybug',
  'pizza',
  'bell pepper',
  'school bus',
  'koala',
  'espresso',
  'red panda',
  'orange',
  'sport car',
];

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { out: { type: 'string', default: 'docs/images' } },
});
const [modelFolder, ...files] = positionals;
if (!modelFolder || files.length === 0) {
  throw new Error('usage: npx tsx examples/made-images.ts MODEL IMAGE... [--out FOLDER]');
}

await startEngine();
const subject = await openTrainedNetwork({ model: modelFolder });
const { model } = subject;
const [height, width] = subject.imageSize;
const photos = tf.stack(
  (await readImages(files, subject)).map(({ pixels }) => tf.tensor3d(pixels, [height, width, 3])),
) as tf.Tensor4D;

/** The images of a batch as tiles; `scale` and `shift` bring their values to 0..1. */
const tiles = (images: tf.Tensor4D, captions: readonly string[], scale = 1, shift = 0): Tile[] => {
  const shown = tf.tidy(() => tf.unstack(tf.clipByValue(tf.add(tf.mul(images, scale), shift), 0, 1)));
  return shown.map((one, i) => ({
    image: rgbImage(one.dataSync() as Float32Array, height, width),
    ...(captions[i] && { caption: captions[i] }),
  }));
};
const save = async (name: string, rows: Tile[][], header: string[]) => {
  const grid = await imageGrid(rows, { header, tileSize: 128 });
  const path = join(values.out, `${name}.jpg`);
  await writeFile(path, await sharp(grid).jpeg({ quality: 82, mozjpeg: true }).toBuffer());
  console.log(path);
};

const few = photos.slice(0, Math.min(3, files.length)) as tf.Tensor4D;
const spatial = model.layers.filter(({ outputShape }) => outputShape.length === 4).map(({ name }) => name);
const [early, late] = [spatial[Math.floor(spatial.length / 3)]!, spatial.at(-1)!];
const dreams = [];
for (const photo of tf.unstack(few) as tf.Tensor3D[]) {
  dreams.push((await deepDream(model, photo, { targetLayer: late, steps: 10, seed: 1 })).dream);
}
const ofEarly = await invertFeatures(model, few, {
  targetLayer: early,
  steps: 100,
  learningRate: 0.05,
  seed: 1,
});
const ofLate = await invertFeatures(model, few, {
  targetLayer: late,
  steps: 100,
  learningRate: 0.05,
  seed: 1,
});
const orange = classes.indexOf('orange');
const adversarial = await adversarialPattern(model, few, orange);
const probabilities = [...adversarial.before].map(
  (before, i) => `orange ${before.toFixed(2)} to ${adversarial.after[i]!.toFixed(2)}`,
);
const left = ({ after }: { after: Float32Array }) =>
  [...after].map((error) => `left ${(100 * error).toFixed(2)} %`);
const columns = [
  tiles(few, []),
  tiles(tf.stack(dreams) as tf.Tensor4D, []),
  tiles(ofEarly.images, left(ofEarly)),
  tiles(ofLate.images, left(ofLate)),
  tiles(adversarial.pattern, [], 255 / 16, 0.5),
  tiles(adversarial.images, probabilities),
];
await save(
  'explain-made',
  columns[0]!.map((_, row) => columns.map((column) => column[row]!)),
  ['photo', 'dream', 'inverse, early', 'inverse, late', 'pattern, x16', 'with pattern'],
);

// Concepts: surfaces of a colour, and stripes; the others are surfaces of any colour.
const surfaces = (
  count: number,
  seed: number,
  draw: (noise: tf.Tensor4D, colors: tf.Tensor4D) => tf.Tensor,
) =>
  tf.tidy(() => {
    const noise = tf.randomNormal([count, height, width, 1], 0, 0.06, 'float32', seed) as tf.Tensor4D;
    const colors = tf.randomUniform([count, 1, 1, 3], 0, 1, 'float32', seed + 1) as tf.Tensor4D;
    return tf.clipByValue(draw(noise, colors), 0, 1) as tf.Tensor4D;
  });
const tinted = (r: number, g: number, b: number) => (noise: tf.Tensor4D, colors: tf.Tensor4D) =>
  tf.add(tf.add(tf.tensor4d([r, g, b], [1, 1, 1, 3]), tf.mul(tf.sub(colors, 0.5), 0.2)), noise);
const striped = (noise: tf.Tensor4D, colors: tf.Tensor4D) => {
  const wave = tf.sin(tf.mul(tf.range(0, width), (2 * Math.PI) / 6));
  return tf.add(
    tf.mul(tf.add(colors, 0.2), tf.reshape(tf.add(tf.mul(wave, 0.5), 0.5), [1, 1, width, 1])),
    noise,
  );
};
const concepts = {
  orange: tinted(0.95, 0.55, 0.1),
  red: tinted(0.8, 0.12, 0.1),
  grey: tinted(0.5, 0.5, 0.5),
  stripes: striped,
};
const others = [17, 5231, 904, 70411, 333].map((seed) =>
  surfaces(20, seed, (noise, colors) => tf.add(colors, noise)),
);
const rows: Tile[][] = [];
for (const [name, draw] of Object.entries(concepts)) {
  const examples = surfaces(20, 7, draw);
  const row = tiles(examples.slice(0, 1) as tf.Tensor4D, [name]);
  for (const label of ['orange', 'bell pepper', 'ladybug', 'school bus', 'koala']) {
    const found = await tcav(model, photos, classes.indexOf(label), examples, others, {
      targetLayer: late,
      seed: 1,
    });
    const mean = (shares: readonly number[]) => shares.reduce((sum, share) => sum + share, 0) / shares.length;
    console.log(
      `${name}, ${label}: TCAV ${found.score.toFixed(2)}, chance ${mean(found.chance).toFixed(2)}, ` +
        `p ${found.p!.toFixed(3)}, plane ${mean(found.accuracies).toFixed(2)}`,
    );
    const photo = files.findIndex((file) =>
      file.includes(
        { orange: 'orange', 'bell pepper': 'pepper', ladybug: 'bug', 'school bus': 'bus', koala: 'koala' }[
          label
        ]!,
      ),
    );
    row.push({
      ...(photo >= 0 ? tiles(photos.slice(photo, 1) as tf.Tensor4D, [])[0]! : { image: null }),
      caption: `${found.score.toFixed(2)}`,
      note: `p ${found.p!.toFixed(2)}`,
    });
  }
  rows.push(row);
}
await save('explain-concepts', rows, ['concept', 'orange', 'bell pepper', 'ladybug', 'school bus', 'koala']);
