import test from 'ava';
import {
  captionOf,
  drawScenes,
  questionLength,
  questionOf,
  type Scene,
  type SceneAnswer,
  sceneAnswers,
  sceneQuestionKinds,
  sceneRelations,
  wordNumbers,
} from '../../src/data/index.ts';
import { UsageError } from '../../src/errors/index.ts';
import { randomFor } from '../../src/random/index.ts';

const scenes = drawScenes({ count: 60, seed: 3 });

test('drawn scenes: the same for a seed, two objects that differ, each in its half and where its mask is', (t) => {
  t.deepEqual(drawScenes({ count: 2, first: 1, seed: 3 }), scenes.slice(1, 3));
  t.notDeepEqual(drawScenes({ count: 1, seed: 4 })[0]!.image, scenes[0]!.image);
  for (const { image, objects } of scenes) {
    t.is(image.length, 48 * 48 * 3);
    t.true(image.every((value) => value >= 0 && value <= 1));
    t.not(objects[0].shape, objects[1].shape);
    t.not(objects[0].color, objects[1].color);
    for (const [side, { mask, x, y }] of objects.entries()) {
      const at = [...mask.keys()].filter((i) => mask[i]! > 0);
      t.true(at.length > 20 && at.length < 48 * 48 * 0.12, `${at.length} pixels`);
      const middle = at.reduce((sum, i) => sum + (i % 48) + 0.5, 0) / at.length / 48;
      t.true(Math.abs(middle - x) < 0.04, `x ${x}, mask around ${middle}`);
      const height = at.reduce((sum, i) => sum + Math.floor(i / 48) + 0.5, 0) / at.length / 48;
      t.true(Math.abs(height - y) < 0.06, `y ${y}, mask around ${height}`);
      t.is(x < 0.5 ? 0 : 1, side);
    }
  }
  t.throws(() => drawScenes({ count: 0 }), { instanceOf: UsageError, message: /count: .* received 0/ });
});

test('an object has its colour', (t) => {
  const expected = { red: [1, 0, 0], green: [0, 1, 0], blue: [0, 0, 1], yellow: [1, 1, 0] };
  for (const { image, objects } of scenes) {
    for (const { mask, color } of objects) {
      const at = [...mask.keys()].filter((i) => mask[i]! > 0);
      const mean = [0, 1, 2].map((c) => at.reduce((sum, i) => sum + image[3 * i + c]!, 0) / at.length);
      const middle = (Math.max(...mean) + Math.min(...mean)) / 2;
      t.deepEqual(
        mean.map((value) => (value > middle ? 1 : 0)),
        expected[color],
        `${color}: ${mean}`,
      );
    }
  }
});

const made = (y: readonly [number, number]): Scene => ({
  image: new Float32Array(0),
  objects: [
    { shape: 'circle', color: 'red', x: 0.25, y: y[0], mask: new Float32Array(0) },
    { shape: 'star', color: 'blue', x: 0.75, y: y[1], mask: new Float32Array(0) },
  ],
});

test('captions say what is left, how it lies, and what is right', (t) => {
  const caption = (y: readonly [number, number]) => captionOf(made(y)).words.join(' ');
  t.is(caption([0.2, 0.7]), 'a red circle above a blue star .');
  t.is(caption([0.7, 0.2]), 'a red circle below a blue star .');
  t.is(caption([0.5, 0.6]), 'a red circle beside a blue star .');
  t.deepEqual(captionOf(made([0.5, 0.5])).objects, [undefined, 0, 0, undefined, undefined, 1, 1, undefined]);
});

test('questions have the right answer, by what they ask', (t) => {
  const seen = new Map<string, number>();
  for (let i = 0; i < 400; i++) {
    const random = randomFor(1, 'questions', i);
    const y: readonly [number, number] = [random.uniform(0.2, 0.8), random.uniform(0.2, 0.8)];
    const scene = made(y);
    const question = questionOf(scene, sceneQuestionKinds[i % 4]!, random);
    const text = question.words.join(' ');
    t.true(question.words.length <= questionLength);
    t.true((sceneAnswers as readonly string[]).includes(question.answer));
    const facts: Record<string, SceneAnswer> = {
      'what color is the circle': 'red',
      'what color is the star': 'blue',
      'what shape is the red thing': 'circle',
      'what shape is the blue thing': 'star',
      'is there a red circle': 'yes',
      'is there a blue star': 'yes',
    };
    const height = y[1] - y[0] > 1 / 6 ? 'above' : y[0] - y[1] > 1 / 6 ? 'below' : 'beside';
    for (const relation of sceneRelations) {
      facts[`is the circle ${relation} the star`] = relation === height ? 'yes' : 'no';
      const turned = { above: 'below', below: 'above', beside: 'beside' }[height];
      facts[`is the star ${relation} the circle`] = relation === turned ? 'yes' : 'no';
    }
    t.is(question.answer, facts[text] ?? 'no', text);
    if (facts[text] === undefined) t.regex(text, /^is there a \w+ \w+$/);
    t.is(question.object === undefined, question.answer === 'no' || question.kind === 'where');
    seen.set(
      `${question.kind} ${question.answer}`,
      (seen.get(`${question.kind} ${question.answer}`) ?? 0) + 1,
    );
  }
  t.deepEqual([...seen.keys()].sort(), [
    'color blue',
    'color red',
    'shape circle',
    'shape star',
    'there no',
    'there yes',
    'where no',
    'where yes',
  ]);
  t.true(seen.get('there yes')! > 30 && seen.get('there no')! > 30);
});

test('words become numbers, filled up on the left', (t) => {
  t.deepEqual(wordNumbers(['a', 'red'], 4), [0, 0, 1, 2]);
  t.deepEqual(wordNumbers([], 2), [0, 0]);
  t.throws(() => wordNumbers(['a', 'a'], 1), { instanceOf: UsageError, message: /at most 1, received 2/ });
  t.throws(() => wordNumbers(['tree'], 1), { instanceOf: UsageError, message: /received "tree"/ });
});
