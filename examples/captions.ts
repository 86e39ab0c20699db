/**
 * What: captions, and what each word looks at. A small network learns to describe drawn scenes word by word ("a red circle above a
 *   blue square ."); Grad-CAM and Grad-CAM++ of a word's score, given the words before it, show where the word comes from,
 *   and of the score of all words what the caption is made of, as in section 6.1 of the Grad-CAM paper.
 * Run: npx tsx examples/captions.ts [--seeds 1,2,3] [--scenes 3000] [--steps 1500] [--out DIR]
 * Expect: for each seed the share of captions, and of words of each kind, that are right when the network writes on its own,
 *   beside the likeliest word of each place; how often the maps of colours and shapes point at their object. One to two
 *   minutes for each seed on one thread. Numbers: docs/results.md. With --out a picture of the first seed, `captions.jpg`.
 *
 * In a project of your own, import from 'tfjs-gain' and 'tfjs-gain/data', '/gradcam', '/metrics', '/pictures'.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import sharp from 'sharp';
import { captionLength, captionOf, type Scene, sceneWords, wordNumbers } from '../src/data.ts';
import { startEngine } from '../src/index.ts';
import { imageGrid, overlayMap, rgbImage, type Tile } from '../src/pictures.ts';
import { randomFor } from '../src/random/index.ts';
import { experimentOptions, seenScenes } from './scenes/experiment.ts';
import { answersOf, type Example, imageSize, learnToRead, newReader } from './scenes/network.ts';
import { mapsOf, type Pointed, pointing } from './scenes/pointing.ts';

const { seeds, count, steps, out } = experimentOptions();
const batchSize = 64;

/** Where the words stand that say something. */
const kinds = { color: [1, 5], shape: [2, 6], relation: [3] };

/** The question "which word comes next", at one place of the caption of scene `number` among those that are seen. */
function nextWord(scene: Scene, number: number, place: number): Example {
  const { words } = captionOf(scene);
  return {
    scene: number,
    words: wordNumbers(words.slice(0, place), captionLength),
    label: (sceneWords as readonly string[]).indexOf(words[place]!),
  };
}

/** Captions of all scenes that are seen: at each place the likeliest word after those that it has written. */
function write(model: tfl.LayersModel, seen: tf.Tensor4D): string[][] {
  const captions = Array.from({ length: seen.shape[0] }, (): string[] => []);
  for (let place = 0; place < captionLength; place++) {
    const asked = captions.map((words, scene) => ({ scene, words: wordNumbers(words, captionLength) }));
    for (const [i, word] of answersOf(model, seen, asked).entries()) captions[i]!.push(sceneWords[word]!);
  }
  return captions;
}

/** @param captions one for each scene */
function accuracies(scenes: readonly Scene[], captions: readonly (readonly string[])[]): string {
  const truths = scenes.map((scene) => captionOf(scene).words);
  const percent = (hits: readonly boolean[]) =>
    ((100 * hits.filter(Boolean).length) / hits.length).toFixed(1);
  const at = (places: readonly number[]) =>
    percent(truths.flatMap((truth, i) => places.map((place) => truth[place] === captions[i]![place])));
  const places = Object.values(kinds).flat();
  const whole = percent(truths.map((truth, i) => truth.every((word, place) => word === captions[i]![place])));
  return `captions ${whole}, words ${at(places)} (${Object.entries(kinds)
    .map(([kind, places]) => `${kind} ${at(places)}`)
    .join(', ')})`;
}

/** The likeliest word of each place, whatever the picture. */
function constantCaption(scenes: readonly Scene[]): string[] {
  return Array.from({ length: captionLength }, (_, place) => {
    const counts = new Map<string, number>();
    for (const scene of scenes) {
      const word = captionOf(scene).words[place]!;
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
    return [...counts].reduce((a, b) => (b[1] > a[1] ? b : a))[0];
  });
}

/** A row for each scene: the picture, the maps of the words that it was given, and of the whole caption. */
async function draw(
  model: tfl.LayersModel,
  seen: tf.Tensor4D,
  scenes: readonly Scene[],
  captions: readonly (readonly string[])[],
): Promise<void> {
  const area = imageSize ** 2;
  const places = [...kinds.color, ...kinds.shape, ...kinds.relation].sort((a, b) => a - b);
  const rows = scenes.map((scene, i): Tile[] => {
    const photo = rgbImage(scene.image, imageSize, imageSize);
    const truth = captionOf(scene).words;
    const examples = captions[i]!.map((word, place) => ({
      scene: i,
      words: wordNumbers(captions[i]!.slice(0, place), captionLength),
      label: (sceneWords as readonly string[]).indexOf(word),
    }));
    const overlay = (map: Float32Array) => {
      const peak = Math.max(...map) || 1;
      const data = map.map((value) => Math.max(0, value) / peak);
      return overlayMap(photo, { data, height: imageSize, width: imageSize });
    };
    const perWord = mapsOf(model, seen, examples, 'grad-cam');
    // The gradient of a sum is the sum of the gradients: the map of Σ s_t is ReLU(Σ_t M_t), the M_t not clipped before.
    const unclipped = mapsOf(model, seen, examples, 'grad-cam', false);
    const whole = Float32Array.from({ length: area }, (_, p) =>
      examples.reduce((sum, _example, place) => sum + unclipped[place * area + p]!, 0),
    );
    return [
      { image: photo },
      ...places.map((place): Tile => {
        const word = captions[i]![place]!;
        const right = word === truth[place];
        return {
          image: overlay(perWord.subarray(place * area, (place + 1) * area)),
          caption: right ? word : `${word} (${truth[place]})`,
          ...(!right && { warning: 'caption' as const }),
        };
      }),
      { image: overlay(whole), caption: 'all words' },
    ];
  });
  const path = join(out!, 'captions.jpg');
  const grid = await imageGrid(rows, { tileSize: 128 });
  await writeFile(path, await sharp(grid).jpeg({ quality: 82, mozjpeg: true }).toBuffer());
  console.log(path);
}

console.error((await startEngine({ threads: 1 })).reason);
for (const seed of seeds) {
  const { scenes, test, seen, seenInTest } = await seenScenes(count, steps, seed);

  const model = newReader(captionLength, sceneWords.length, seed);
  const batch = (step: number) => {
    const random = randomFor(seed, 'captions', step);
    return Array.from({ length: batchSize }, () => {
      const number = random.integer(count);
      return nextWord(scenes[number]!, number, random.integer(captionLength));
    });
  };
  await learnToRead(model, seen, batch, { steps, seed });
  const captions = write(model, seenInTest);
  console.log(`seed ${seed}: right ${accuracies(test, captions)}`);
  const constant = constantCaption(scenes);
  const constants = test.map(() => constant);
  console.log(`seed ${seed}: the likeliest words ${accuracies(test, constants)}`);

  const about = test.flatMap((scene, i) =>
    captionOf(scene).objects.flatMap((object, place): Pointed[] =>
      object === undefined ? [] : [{ example: nextWord(scene, i, place), scene, object }],
    ),
  );
  for (const method of ['grad-cam', 'grad-cam++'] as const) {
    console.log(`seed ${seed}: ${pointing(model, seenInTest, about, method)}`);
  }
  if (out && seed === seeds[0]) await draw(model, seenInTest, test.slice(0, 6), captions);
  tf.dispose([seen, seenInTest]);
  model.dispose();
}
