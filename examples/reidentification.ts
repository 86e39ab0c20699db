/**
 * What: persons found again. A network learns 40 drawn identities, half of whose images stand before a ground of the person's own
 *   (a shortcut), and is asked to find 40 other persons again before the grounds of other cameras: with the identity loss
 *   alone, with attention mining besides (GAIN's L_am per identity), and with attention consistency between the two images
 *   of a siamese pair, as CASN (Zheng et al., CVPR 2019, arXiv 1811.07487) trains it. What CASN has and this has not: the
 *   classifier of pairs (same person or not) with maps of its own; here both images' maps are those of their identity.
 * Run: npx tsx examples/reidentification.ts [--settings identity,mining,consistency,both] [--seeds 1,2,3] [--steps 500] [--out DIR]
 * Expect: a line for each setting and seed: mAP and CMC of the other persons, and of the known ones in new images before any
 *   camera's ground the accuracy, the energy of the maps on the person, and the consistency loss between pairs of maps; before
 *   them what chance, the colours of the pixels and an untrained network have. Numbers: docs/results.md. Two to four
 *   minutes for each on one thread of a busy machine. With --out a picture of the first seed, `reidentification.jpg`: two images of a person, and
 *   their maps.
 *
 * In a project of your own, import from 'tfjs-gain' and 'tfjs-gain/data', '/gradcam', '/losses', '/metrics', '/pictures'.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import sharp from 'sharp';
import { drawPersons, identityBatches, type Person } from '../src/data.ts';
import { attentionMaps, layerOutputs, normalizeMaps, upsampleMaps } from '../src/gradcam.ts';
import { buildModel, forward, GainTrainer, guidanceTerms, startEngine } from '../src/index.ts';
import { attentionConsistency } from '../src/losses.ts';
import { energyInMask, reidentification } from '../src/metrics.ts';
import { imageGrid, overlayMap, rgbImage, type Tile } from '../src/pictures.ts';

const weightsOf = {
  identity: { mining: 0, consistency: 0 },
  mining: { mining: 1, consistency: 0 },
  consistency: { mining: 0, consistency: 0.5 },
  both: { mining: 1, consistency: 0.5 },
};
type Setting = keyof typeof weightsOf;

const { values: args } = parseArgs({
  options: {
    settings: { type: 'string', multiple: true, default: [Object.keys(weightsOf).join()] },
    seeds: { type: 'string', multiple: true, default: ['1,2,3'] },
    steps: { type: 'string', default: '500' },
    out: { type: 'string' },
  },
});
const listOf = (values: readonly string[]) => values.flatMap((value) => value.split(','));
const settings = listOf(args.settings) as Setting[];
const seeds = listOf(args.seeds).map(Number);
const size: [number, number] = [64, 32];
const identities = 40;
/** Images of each in training, and further ones of the same persons that are held out. */
const [learned, held] = [16, 4];
const bias = 0.5;
/** Persons of a batch, each with two images. */
const persons = 8;

console.error((await startEngine({ threads: 1 })).reason);

/** What one seed draws. */
function setsOf(seed: number) {
  const known = drawPersons({ identities, images: learned + held, seed });
  return {
    train: drawPersons({ identities, images: learned, bias, seed }),
    // The same persons in poses they were not learned in, before any camera's ground.
    held: known.filter((_, i) => i % (learned + held) >= learned),
    others: drawPersons({ identities: 40, first: 1000, images: 8, seed }),
  };
}

const stacked = (images: readonly Person[]) =>
  tf.stack(images.map(({ image }) => tf.tensor3d(image, [...size, 3]))) as tf.Tensor4D;

const percent = (value: number) => (100 * value).toFixed(1);

/** How well features find the same person by another camera: each camera asks in turn, the gallery is that of the others. */
function found(features: Float32Array, others: readonly Person[]): string {
  const length = features.length / others.length;
  const part = (keep: (camera: number) => boolean) => {
    const rows = others.flatMap(({ camera }, i) => (keep(camera) ? [i] : []));
    return {
      features: Float32Array.from(rows.flatMap((i) => [...features.subarray(i * length, (i + 1) * length)])),
      identities: rows.map((i) => others[i]!.identity),
    };
  };
  const cameras = [...new Set(others.map(({ camera }) => camera))];
  const results = cameras.map((camera) =>
    reidentification(
      part((one) => one === camera),
      part((one) => one !== camera),
    ),
  );
  const mean = (value: (one: (typeof results)[number]) => number) =>
    percent(results.reduce((sum, one) => sum + value(one), 0) / results.length);
  return `mAP ${mean((one) => one.mAP)}, rank 1 ${mean(({ cmc }) => cmc[0]!)}, rank 5 ${mean(({ cmc }) => cmc[4]!)}`;
}

/** The last maps' means, as the head of the network reads them. */
function featuresOf(model: tfl.LayersModel, images: readonly Person[]): Float32Array {
  const target = model.layers.filter(({ outputShape }) => outputShape.length === 4).at(-1)!.name;
  return tf.tidy(() => {
    const [maps] = layerOutputs(model, stacked(images), [target]);
    return Float32Array.from(tf.mean(maps!, [1, 2]).dataSync());
  });
}

const newModel = (seed: number) =>
  buildModel('small-cnn', {
    inputShape: [...size, 3],
    classes: identities,
    seed,
    widths: [16, 32, 64],
    norm: 'batch',
  });

async function train(setting: Setting, seed: number, images: readonly Person[]): Promise<tfl.LayersModel> {
  const model = newModel(seed);
  const batchesPerEpoch = identities / persons;
  const epochs = Math.round(Number(args.steps) / batchesPerEpoch);
  // Maps are worth something once the network has begun to tell persons.
  const from = { startEpoch: epochs / 3, rampEpochs: 1 };
  const { mining, consistency } = weightsOf[setting];
  const trainer = new GainTrainer(model, {
    link: 'softmax',
    weights: { mining: { weight: mining, ...from }, supervision: 0 },
    terms: guidanceTerms(
      consistency > 0 ? { consistency: { weight: { weight: consistency, ...from } } } : {},
    ),
    optimizer: { name: 'adam', learningRate: 2e-3 },
    schedule: { name: 'cosine', warmupEpochs: 1 },
    clipNorm: 5,
    seed,
  });
  const labels = images.map(({ identity }) => identity);
  const batches = function* (epoch: number) {
    for (const batch of identityBatches(labels, { persons, each: 2, seed, epoch })) {
      yield { images: stacked(batch.map((i) => images[i]!)), labels: batch.map((i) => labels[i]!) };
    }
  };
  await trainer.fitDataset(batches, { epochs, batchesPerEpoch });
  trainer.dispose();
  return model;
}

/** Maps of images for their own persons, at the size of the images, each from 0 to 1. */
const mapsOf = (model: tfl.LayersModel, images: readonly Person[]) => {
  const pairs = images.map(({ identity }, sample) => ({ sample, class: identity }));
  return attentionMaps(model, stacked(images), pairs).maps;
};

/** What the network does with its own persons in new images. */
function attention(model: tfl.LayersModel, images: readonly Person[]): string {
  return tf.tidy(() => {
    const answers = tf.argMax(forward(model, stacked(images)), 1).dataSync();
    const right = images.filter(({ identity }, i) => answers[i] === identity).length;
    const maps = mapsOf(model, images);
    const at = (first: number) => tf.stridedSlice(maps, [first], [images.length], [2]) as tf.Tensor3D;
    const loss = attentionConsistency(at(0), at(1)).dataSync()[0]!;
    const large = upsampleMaps(maps, size).dataSync();
    const energies = images.map(({ mask }, i) =>
      energyInMask(large.subarray(i * mask.length, (i + 1) * mask.length), mask),
    );
    const known = energies.filter(Number.isFinite);
    const energy = known.reduce((sum, one) => sum + one, 0) / known.length;
    return `accuracy ${percent(right / images.length)}, energy on the person ${percent(energy)}, consistency ${loss.toFixed(3)}`;
  });
}

/** A row for each image, a column for each network. */
async function draw(models: readonly (readonly [string, tfl.LayersModel])[], images: readonly Person[]) {
  const [height, width] = size;
  const photos = images.map(({ image }) => rgbImage(image, height, width));
  const columns = models.map(([, model]) => {
    const maps = tf.tidy(() => normalizeMaps(upsampleMaps(mapsOf(model, images), size)).dataSync());
    const one = height * width;
    return photos.map((photo, i): Tile => {
      const data = maps.slice(i * one, (i + 1) * one) as Float32Array;
      return { image: overlayMap(photo, { data, height, width }) };
    });
  });
  const rows = photos.map((photo, i) => [{ image: photo }, ...columns.map((column) => column[i]!)]);
  const header = ['image', ...models.map(([name]) => name)];
  const grid = await imageGrid(rows, { header, tileSize: 160, across: 2 });
  const path = join(args.out!, 'reidentification.jpg');
  await writeFile(path, await sharp(grid).jpeg({ quality: 82, mozjpeg: true }).toBuffer());
  console.log(path);
}

for (const seed of seeds) {
  const sets = setsOf(seed);
  const chance = tf.tidy(() =>
    Float32Array.from(tf.randomNormal([sets.others.length, 16], 0, 1, 'float32', seed).dataSync()),
  );
  const colors = tf.tidy(() => Float32Array.from(tf.mean(stacked(sets.others), [1, 2]).dataSync()));
  console.log(`chance, seed ${seed}: ${found(chance, sets.others)}`);
  console.log(`mean colour, seed ${seed}: ${found(colors, sets.others)}`);
  const untrained = newModel(seed);
  console.log(`untrained, seed ${seed}: ${found(featuresOf(untrained, sets.others), sets.others)}`);
  untrained.dispose();
  const models: (readonly [string, tfl.LayersModel])[] = [];
  for (const setting of settings) {
    const model = await train(setting, seed, sets.train);
    const quality = found(featuresOf(model, sets.others), sets.others);
    console.log(`${setting}, seed ${seed}: ${quality}; ${attention(model, sets.held)}`);
    models.push([setting, model]);
  }
  if (args.out && seed === seeds[0]) {
    await draw(models, sets.held.filter((_, i) => i % held < 2).slice(0, 8));
  }
  for (const [, model] of models) model.dispose();
}
