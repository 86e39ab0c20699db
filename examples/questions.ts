/**
 * What: questions about pictures, and what the answers look at. A small network learns to answer four kinds of questions about
 *   drawn scenes ("what color is the circle", "what shape is the red thing", "is there a red circle", "is the circle above the
 *   square"); Grad-CAM and Grad-CAM++ of an answer's score show where it comes from, as in section 6.2 of the Grad-CAM paper.
 * Run: npx tsx examples/questions.ts [--seeds 1,2,3] [--scenes 3000] [--steps 1500] [--out DIR]
 * Expect: for each seed the accuracy, and that of each kind, beside the likeliest answer to each question without the picture and
 *   the likeliest answer of all; how often maps point at the object that is asked about. One to two minutes for each seed on
 *   one thread. Numbers: docs/results.md. With --out a picture of the first seed, `questions.jpg`.
 *
 * In a project of your own, import from 'tfjs-gain' and 'tfjs-gain/data', '/gradcam', '/metrics', '/pictures'.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import sharp from 'sharp';
import {
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
import { experimentOptions, seenScenes } from './scenes/experiment.ts';
import { answersOf, type Example, imageSize, learnToRead, newReader } from './scenes/network.ts';
import { mapsOf, type Pointed, pointing } from './scenes/pointing.ts';

const { seeds, count, steps, out } = experimentOptions();
const batchSize = 64;

interface Asked extends SceneQuestion {
  readonly scene: Scene;
  readonly example: Example;
}
/** @param number of the scene among those that are seen */
const asked = (scene: Scene, number: number, question: SceneQuestion): Asked => ({
  ...question,
  scene,
  example: {
    scene: number,
    words: wordNumbers(question.words, questionLength),
    label: sceneAnswers.indexOf(question.answer),
  },
});

/** Each scene's questions, one of each kind. */
const questionsOn = (scenes: readonly Scene[], seed: number, purpose: string) =>
  scenes.flatMap((scene, i) =>
    sceneQuestionKinds.map((kind) =>
      asked(scene, i, questionOf(scene, kind, randomFor(seed, purpose, kind, i))),
    ),
  );

/** What is likeliest among questions that have the same key. */
function likeliest(questions: readonly Asked[], keyOf: (question: Asked) => string) {
  const counts = new Map<string, number[]>();
  for (const question of questions) {
    const key = keyOf(question);
    if (!counts.has(key)) counts.set(key, new Array<number>(sceneAnswers.length).fill(0));
    counts.get(key)![question.example.label]!++;
  }
  return (question: Asked) => {
    const known = counts.get(keyOf(question)) ?? [1];
    return known.indexOf(Math.max(...known));
  };
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
async function draw(model: tfl.LayersModel, seen: tf.Tensor4D, questions: readonly Asked[]): Promise<void> {
  const answers = answersOf(
    model,
    seen,
    questions.map(({ example }) => example),
  );
  const given = questions.map(({ example }, i) => ({ ...example, label: answers[i]! }));
  const maps = (['grad-cam', 'grad-cam++'] as const).map((method) => mapsOf(model, seen, given, method));
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
  const path = join(out!, 'questions.jpg');
  await writeFile(path, await sharp(grid).jpeg({ quality: 70, mozjpeg: true }).toBuffer());
  console.log(path);
}

console.error((await startEngine({ threads: 1 })).reason);
for (const seed of seeds) {
  const { scenes, test, seen, seenInTest } = await seenScenes(count, steps, seed);
  const questions = questionsOn(test, seed, 'asked');

  const model = newReader(questionLength, sceneAnswers.length, seed);
  const batch = (step: number) => {
    const random = randomFor(seed, 'questions', step);
    return Array.from({ length: batchSize }, () => {
      const number = random.integer(count);
      const scene = scenes[number]!;
      return asked(scene, number, questionOf(scene, random.pick(sceneQuestionKinds), random)).example;
    });
  };
  await learnToRead(model, seen, batch, { steps, seed });
  const answers = answersOf(
    model,
    seenInTest,
    questions.map(({ example }) => example),
  );
  console.log(`seed ${seed}: right ${accuracies(questions, answers)}`);

  // What can be known without the picture: counted, which no blind network can better.
  const learned = questionsOn(scenes, seed, 'counted');
  const blind = likeliest(learned, ({ words }) => words.join(' '));
  console.log(`seed ${seed}: the question alone ${accuracies(questions, questions.map(blind))}`);
  const constant = likeliest(learned, () => '');
  console.log(`seed ${seed}: a constant answer ${accuracies(questions, questions.map(constant))}`);

  const about = questions.flatMap(({ example, scene, object }): Pointed[] =>
    object === undefined ? [] : [{ example, scene, object }],
  );
  for (const method of ['grad-cam', 'grad-cam++'] as const) {
    console.log(`seed ${seed}: ${pointing(model, seenInTest, about, method)}`);
  }
  if (out && seed === seeds[0]) await draw(model, seenInTest, questions.slice(0, 12));
  tf.dispose([seen, seenInTest]);
  model.dispose();
}
