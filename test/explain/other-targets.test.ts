import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import sharp from 'sharp';
import { ModelError, UsageError } from '../../src/errors/index.ts';
import { explainDetections, readImages, writeExplanations } from '../../src/explain/index.ts';
import { saveLayersModel } from '../../src/models/index.ts';
import { openDetector, openTrainedNetwork } from '../../src/run/index.ts';
import { startTestEngine } from '../gradcam/engine.ts';
import { temporary } from './networks.ts';

test.before(startTestEngine);

/** An image of 8x8 whose upper left quarter is bright. */
async function picture(t: Parameters<typeof temporary>[0]) {
  const dir = await temporary(t);
  const bytes = Uint8Array.from({ length: 8 * 8 * 3 }, (_, i) => {
    const [y, x] = [Math.trunc(i / 24), Math.trunc(i / 3) % 8];
    return y < 4 && x < 4 ? 240 : 20;
  });
  const file = join(dir, 'corner.png');
  await sharp(bytes, { raw: { width: 8, height: 8, channels: 3 } })
    .png()
    .toFile(file);
  return { dir, file };
}

/** Four proposals, a quarter each; its score is how bright it is. Boxes as y first, in pixels. */
function detector(): tfl.LayersModel {
  const input = tfl.input({ shape: [8, 8, 3], name: 'image' });
  const apply = (layer: tfl.layers.Layer, x: tfl.SymbolicTensor) => layer.apply(x) as tfl.SymbolicTensor;
  const quarters = apply(tfl.layers.averagePooling2d({ poolSize: 4, name: 'quarters' }), input);
  const score = tfl.layers.conv2d({ filters: 1, kernelSize: 1, activation: 'sigmoid', name: 'bright' });
  const scores = apply(tfl.layers.reshape({ targetShape: [4, 1], name: 'scores' }), apply(score, quarters));
  const place = tfl.layers.dense({ units: 16, name: 'places' });
  const boxes = apply(
    tfl.layers.reshape({ targetShape: [4, 4], name: 'boxes' }),
    apply(place, apply(tfl.layers.flatten({ name: 'flat' }), quarters)),
  );
  const model = tfl.model({ inputs: input, outputs: [scores, boxes] });
  score.setWeights([tf.fill([1, 1, 3, 1], 2), tf.fill([1], -3)]);
  const corners = [0, 0, 4, 4, 0, 4, 4, 8, 4, 0, 8, 4, 4, 4, 8, 8];
  place.setWeights([tf.zeros([12, 16]), tf.tensor1d(corners)]);
  return model;
}

test.serial(
  'the strongest detections of an image are explained: D-RISE, and a method of its layers',
  async (t) => {
    const { dir, file } = await picture(t);
    await saveLayersModel(detector(), join(dir, 'detector'));
    const opened = await openDetector(join(dir, 'detector'), {
      form: 'yxyx',
      unit: 'pixel',
      classes: ['lamp'],
    });
    t.deepEqual([opened.imageSize, opened.channels, opened.classes], [[8, 8], 3, ['lamp']]);
    const images = await readImages([file], opened);
    const out = join(dir, 'out');
    const before = tf.memory().numTensors;
    const { pictures } = await explainDetections(out, opened, images, {
      methods: ['d-rise', 'gradient'],
      top: 2,
      samples: 400,
    });
    t.is(tf.memory().numTensors, before);
    t.is(pictures, 4);
    const { images: listed } = JSON.parse(await readFile(join(out, 'explanations.json'), 'utf8'));
    const [first, second] = listed[0].detections;
    t.deepEqual([first.class, first.proposal, first.box], ['lamp', 0, [0, 0, 0.5, 0.5]]);
    t.true(first.score > 0.9 && second.score < 0.1);

    const read = async (path: string) => {
      const bytes = await readFile(join(out, path));
      return new Float32Array(new Uint8Array(bytes.subarray(10 + bytes.readUInt16LE(8))).buffer);
    };
    const inQuarter = (values: Float32Array, channels: number) =>
      values.reduce((sum, value, i) => {
        const pixel = Math.trunc(i / channels);
        const inside = Math.trunc(pixel / 8) < 4 && pixel % 8 < 4;
        return sum + (inside ? Math.abs(value) : 0);
      }, 0);
    // The score of a proposal depends on its own quarter alone.
    const gradient = await read(first.methods.gradient.values);
    const whole = gradient.reduce((sum, value) => sum + Math.abs(value), 0);
    t.true(whole > 0 && Math.abs(inQuarter(gradient, 3) - whole) < 1e-6 * whole);
    const map = await read(first.methods['d-rise'].values);
    const peak = map.reduce((best, value, i) => (value > map[best]! ? i : best), 0);
    t.true(Math.trunc(peak / 8) < 4 && peak % 8 < 4, `the peak is at ${peak}`);
    t.regex(await readFile(join(out, 'index.html'), 'utf8'), /D-RISE/);

    const wrong = openDetector(join(dir, 'detector'), { scores: 'faces' });
    await t.throwsAsync(wrong, {
      instanceOf: UsageError,
      message: /^--scores-output: no output faces; .* has 0 \(scores\) \[1, 4, 1\], 1 \(boxes\) \[1, 4, 4\]$/,
    });
  },
);

test.serial(
  'a segmenter is explained class by class, a number by what raises and what lowers it',
  async (t) => {
    const { dir, file } = await picture(t);
    const conv = { kernelSize: 1, inputShape: [8, 8, 3] };
    const segmenter = tfl.sequential({
      layers: [
        tfl.layers.conv2d({ ...conv, filters: 2, activation: 'relu', name: 'features' }),
        tfl.layers.conv2d({ filters: 2, kernelSize: 1, activation: 'softmax', name: 'answer' }),
      ],
    });
    // The first class is what is dark, the second what is bright.
    segmenter.setWeights([
      tf.tensor4d([1, 0, 0, 0, 0, 0], [1, 1, 3, 2]),
      tf.tensor1d([0, 1]),
      tf.tensor4d([-4, 4, 1, -1], [1, 1, 2, 2]),
      tf.zeros([2]),
    ]);
    await saveLayersModel(segmenter, join(dir, 'segmenter'));
    const source = { model: join(dir, 'segmenter') };
    await t.throwsAsync(openTrainedNetwork(source), {
      instanceOf: ModelError,
      message:
        /answers \[any, 8, 8, 2\], not \[batch, classes\]; explain --target predicted takes a segmenter/,
    });
    await t.throwsAsync(openTrainedNetwork({ ...source, known: { target: 'predicted' } }), {
      instanceOf: UsageError,
      message: /this program works on classes/,
    });
    const known = { target: 'predicted', classes: ['dark', 'bright'] } as const;
    const subject = await openTrainedNetwork({ ...source, known }, {}, { targets: true });
    t.deepEqual([subject.scored, subject.classes], ['regions', ['dark', 'bright']]);
    const images = await readImages([file], subject);
    const out = join(dir, 'regions');
    await writeExplanations(out, subject, images, {
      methods: ['grad-cam', 'gradient', 'occlusion'],
      targetLayer: 'features',
    });
    const { images: listed } = JSON.parse(await readFile(join(out, 'explanations.json'), 'utf8'));
    const shares = Object.fromEntries(
      listed[0].classes.map((one: { class: string; probability: number }) => [one.class, one.probability]),
    );
    t.deepEqual(shares, { dark: 0.75, bright: 0.25 });
    t.regex(await readFile(join(out, 'index.html'), 'utf8'), /25\.0 % of the pixels, sum of the logits/);

    const height = tfl.sequential({
      layers: [
        tfl.layers.conv2d({ ...conv, filters: 1, activation: 'relu', name: 'features' }),
        tfl.layers.globalAveragePooling2d({}),
        tfl.layers.dense({ units: 1 }),
      ],
    });
    height.setWeights([tf.fill([1, 1, 3, 1], 1), tf.zeros([1]), tf.tensor2d([[10]]), tf.tensor1d([-20])]);
    await saveLayersModel(height, join(dir, 'height'));
    await writeFile(join(dir, 'names.txt'), 'height\n');
    const values = await openTrainedNetwork(
      { model: join(dir, 'height'), known: { target: 'value', classes: ['height'] } },
      {},
      { targets: true },
    );
    t.deepEqual([values.scored, values.classes], ['values', ['height higher', 'height lower']]);
    const numbers = join(dir, 'numbers');
    await writeExplanations(numbers, values, await readImages([file], values), { methods: ['grad-cam'] });
    const { images: told } = JSON.parse(await readFile(join(numbers, 'explanations.json'), 'utf8'));
    const own = 10 * 3 * ((240 + 3 * 20) / 4 / 255) - 20;
    const found = told[0].classes as {
      class: string;
      probability: number;
      methods: Record<string, { defect?: string }>;
    }[];
    t.deepEqual(
      found.map((one) => one.class),
      own > 0 ? ['height higher', 'height lower'] : ['height lower', 'height higher'],
    );
    const higher = found.find((one) => one.class === 'height higher')!;
    t.true(Math.abs(higher.probability - own) < 1e-4, `${higher.probability}, not ${own}`);
    // Brightness raises it, and nothing lowers it.
    t.is(higher.methods['grad-cam']!.defect, undefined);
    t.is(found.find((one) => one.class === 'height lower')!.methods['grad-cam']!.defect, 'dead');
  },
);
