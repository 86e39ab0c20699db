/**
 * What: questions about pictures, and what the answers look at. A small network learns to answer four kinds of questions about
 *   drawn scenes ("what color is the circle", "what shape is the red thing", "is there a red circle", "is the circle above the
 *   square"); Grad-CAM and Grad-CAM++ of an answer's score show where it comes from, as in section 6.2 of the Grad-CAM paper.
 * Run: npx tsx examples/questions.ts [--seeds 1,2,3] [--steps 1000] [--out DIR]
 * Expect: for each seed the accuracy, and that of each kind, beside the best constant answer and a network that gets the question
 *   alone; how often maps point at the object that is asked about. One to two minutes for each on one thread. Numbers:
 *   docs/results.md. With --out a picture of the first seed, `questions.jpg`.
 *
 * In a project of your own, import from 'tfjs-gain' and 'tfjs-gain/data', '/gradcam', '/metrics', '/pictures'.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import sharp from 'sharp';
import {
  drawScenes,
  questionLength,
  questionOf,
  type Scene,
  type SceneQuestion,
  sceneAnswers,
  sceneQuestionKinds,
  wordNumbers,
} from '../src/data.ts';
import { startEngine } from '../src/index.ts';
import { imageGrid, overlayMap, rgbImage, type Tile } from '../src/pictures.ts';
import { randomFor } from '../src/random/index.ts';
import { type Example, imageAndWords, imageSize, inputsOf, trainOn } from './scenes/network.ts';
import { mapsOf, type Pointed, pointing } from './scenes/pointing.ts';

const { values: args } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1,2,3' },
    steps: { type: 'string', default: '1000' },
    out: { type: 'string' },
  },
});
const steps = Number(args.steps);
const seeds = args.seeds.split(',').map(Number);
const batchSize = 32;

interface Asked extends SceneQuestion {
  readonly scene: Scene;
  readonly example: Example;
}
const asked = (scene: Scene, question: SceneQuestion): Asked => ({
  ...question,
  scene,
  example: {
    image: scene.image,
    words: wordNumbers(question.words, questionLength),
    label: sceneAnswers.indexOf(question.answer),
  },
});

/** The number of each question's likeliest answer. */
function answersOf(model: tfl.LayersModel, questions: readonly Asked[], blind: boolean): number[] {
  const answers: number[] = [];
  for (let first = 0; first < questions.length; first += 200) {
    const some = questions.slice(first, first + 200).map(({ example }) => example);
    answers.push(
      ...tf.tidy(() => tf.argMax(model.predictOnBatch(inputsOf(some, blind)) as tf.Tensor, 1).dataSync()),
    );
  }
  return answers;
}

function accuracies(questions: readonly Asked[], answers: readonly number[]): string {
  const share = (kind?: string) => {
    const some = questions.flatMap((question, i) =>
      kind === undefined || question.kind === kind ? [question.example.label === answers[i]] : [],
    );
    return ((100 * some.filter(Boolean).length) / some.length).toFixed(1);
  };
  return `${share()} (${sceneQuestionKinds.map((kind) => `${kind} ${share(kind)}`).join(', ')})`;
}

/** A row for each question: the picture, and the maps of the answer that is given. */
async function draw(model: tfl.LayersModel, questions: readonly Asked[]): Promise<void> {
  const answers = answersOf(model, questions, false);
  const given = questions.map(({ example }, i) => ({ ...example, label: answers[i]! }));
  const maps = (['grad-cam', 'grad-cam++'] as const).map((method) => mapsOf(model, given, method));
  const area = imageSize ** 2;
  const rows = questions.map(({ scene, words, answer }, i): Tile[] => {
    const photo = rgbImage(scene.image, imageSize, imageSize);
    const said = sceneAnswers[answers[i]!]!;
    const overlays = maps.map((values): Tile => {
      const map = values.subarray(i * area, (i + 1) * area);
      const peak = Math.max(...map) || 1;
      const data = map.map((value) => value / peak);
      return {
        image: overlayMap(photo, { data, height: imageSize, width: imageSize }),
        caption: said === answer ? said : `${said} (${answer})`,
        ...(said !== answer && { warning: 'caption' as const }),
      };
    });
    return [{ image: photo, caption: words.join(' ') }, ...overlays];
  });
  const header = ['question', 'grad-cam', 'grad-cam++'];
  const grid = await imageGrid(rows, { header, tileSize: 176, across: 2 });
  const path = join(args.out!, 'questions.jpg');
  await writeFile(path, await sharp(grid).jpeg({ quality: 82, mozjpeg: true }).toBuffer());
  console.log(path);
}

console.error((await startEngine({ threads: 1 })).reason);
for (const seed of seeds) {
  const scenes = drawScenes({ count: 3000, size: imageSize, seed });
  const questions = drawScenes({ count: 300, first: 100_000, size: imageSize, seed }).flatMap((scene, i) =>
    sceneQuestionKinds.map((kind) =>
      asked(scene, questionOf(scene, kind, randomFor(seed, 'asked', kind, i))),
    ),
  );
  const batch = (step: number) => {
    const random = randomFor(seed, 'questions', step);
    return Array.from({ length: batchSize }, () => {
      const scene = random.pick(scenes);
      return asked(scene, questionOf(scene, random.pick(sceneQuestionKinds), random)).example;
    });
  };
  const model = imageAndWords(questionLength, sceneAnswers.length, seed);
  await trainOn(model, batch, { steps, seed });
  console.log(`seed ${seed}: right ${accuracies(questions, answersOf(model, questions, false))}`);
  const constants = sceneAnswers.map((_, answer) =>
    accuracies(
      questions,
      questions.map(() => answer),
    ),
  );
  const best = constants.reduce((a, b) => (Number.parseFloat(b) > Number.parseFloat(a) ? b : a));
  console.log(`seed ${seed}: a constant answer ${best}`);

  // Nothing but words is there to learn from, so a fifth of the steps is plenty.
  const blind = imageAndWords(questionLength, sceneAnswers.length, seed);
  await trainOn(blind, batch, { steps: Math.round(steps / 5), blind: true, seed });
  console.log(`seed ${seed}: the question alone ${accuracies(questions, answersOf(blind, questions, true))}`);

  const about = questions.flatMap(({ example, scene, object }): Pointed[] =>
    object === undefined ? [] : [{ example, scene, object }],
  );
  for (const method of ['grad-cam', 'grad-cam++'] as const) {
    console.log(`seed ${seed}: ${pointing(model, about, method)}`);
  }
  if (args.out && seed === seeds[0]) await draw(model, questions.slice(0, 12));
  model.dispose();
  blind.dispose();
}
