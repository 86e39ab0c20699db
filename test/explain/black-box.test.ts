import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { explainImages } from '../../src/explain/index.ts';
import { gradientMaps } from '../../src/explain/pixels/index.ts';
import { isBlackBox, openNetworkOrBlackBox } from '../../src/run/index.ts';
import { startTestEngine } from '../engine/test-engine.ts';
import { numbers } from '../gradcam/reference-network.ts';
import { callProgram } from '../programs/call-program.ts';
import { graphArtifacts } from './graph-artifacts.ts';
import { smallScene } from './networks.ts';

test.before(() => startTestEngine());

/** scores = cumulative sum of the channels' means + sine of their maxima (test/reference/onnx_import.py). */
const unknown = fileURLToPath(new URL('../fixtures/onnx-files/unknown.onnx', import.meta.url));

const pixels = Float32Array.from({ length: 8 * 8 * 3 }, (_, i) => ((i * 37) % 101) / 101);

test.serial(
  'an ONNX file with unknown operators: its scores, by hand, and methods that need no more',
  async (t) => {
    const box = await openNetworkOrBlackBox({ model: unknown, known: { classes: ['a', 'b', 'c'] } });
    if (!isBlackBox(box)) return t.fail('its operators are known now');
    t.is(box.blackBox, 'operators of the file have no derivative here: CumSum (1), ReduceMax (1), Sin (1)');
    const channel = (c: number) => Array.from({ length: 64 }, (_, i) => pixels[3 * i + c]!);
    const mean = [0, 1, 2].map((c) => channel(c).reduce((a, b) => a + b, 0) / 64);
    const logits = mean.map(
      (_, c) => mean.slice(0, c + 1).reduce((a, b) => a + b, 0) + Math.sin(Math.max(...channel(c))),
    );
    const sum = logits.reduce((total, s) => total + Math.exp(s), 0);
    const before = tf.memory().numTensors;
    const image = { name: 'noise', file: 'noise', pixels };
    for await (const { probabilities, classes } of explainImages(box, [image], {
      methods: ['occlusion', 'lime'],
      samples: 20,
      classes: [2],
    })) {
      for (const [c, s] of logits.entries()) t.true(Math.abs(probabilities[c]! - Math.exp(s) / sum) < 1e-6);
      t.deepEqual(
        classes[0]!.attributions.map(({ method, shape }) => [method.name, ...shape]),
        [
          ['occlusion', 8, 8],
          ['lime', 8, 8],
        ],
      );
      t.is(classes[0]!.logit, null);
    }
    t.is(tf.memory().numTensors, before);
    box.dispose();
  },
);

test.serial('gradient methods on it name the operators; with all they are left out', async (t) => {
  const scene = await smallScene(t);
  const out = join(scene.dir, 'out');
  const asked = ['explain', '--model', unknown, '--image', scene.file('red.png'), '--out', out];
  const { code, stderr } = await callProgram(...asked, '--method', 'grad-cam');
  t.is(code, 2);
  t.regex(
    stderr,
    /ModelError: grad-cam: operators of the file have no derivative here: CumSum \(1\), ReduceMax \(1\), Sin \(1\); methods that need its scores alone work: occlusion, rise, lime/,
  );
  const all = await callProgram(
    ...asked,
    '--method',
    'all',
    '--samples',
    '10',
    '--class',
    '0',
    '--threshold',
    '0.5',
  );
  t.is(all.code, 0, all.stderr);
  t.regex(all.stderr, /left out {2}guided-backprop: operators of the file/);
  const list = JSON.parse(await readFile(join(out, 'explanations.json'), 'utf8'));
  t.deepEqual(Object.keys(list.images[0].classes[0].methods), ['occlusion', 'rise', 'lime']);
  t.regex(await readFile(join(out, 'index.html'), 'utf8'), /its scores alone: operators of the file/);
});

test.serial('a graph-model: scores and pixel gradients, of the logits before its softmax', async (t) => {
  const scene = await smallScene(t);
  const [kernel, matrix] = [numbers(1, 3 * 3 * 3 * 3), numbers(2, 3 * 4)];
  const { weightData, weightSpecs, ...json } = graphArtifacts(3, kernel, matrix);
  const dir = join(scene.dir, 'graph');
  await mkdir(dir);
  await writeFile(join(dir, 'w.bin'), new Uint8Array(weightData));
  await writeFile(
    join(dir, 'model.json'),
    JSON.stringify({ ...json, weightsManifest: [{ paths: ['w.bin'], weights: weightSpecs }] }),
  );
  await writeFile(join(dir, 'labels.txt'), 'a\nb\nc\nd\n');
  const box = await openNetworkOrBlackBox({ model: dir, known: { inputScaling: 'minus-one-one' } });
  if (!isBlackBox(box)) return t.fail('it is a graph-model');
  t.deepEqual([box.classes, box.link, box.imageSize], [['a', 'b', 'c', 'd'], 'softmax', [5, 5]]);
  // The same network in layers.
  const layers = tfl.sequential({
    layers: [
      tfl.layers.rescaling({ inputShape: [5, 5, 3], scale: 2, offset: -1 }),
      tfl.layers.conv2d({ filters: 3, kernelSize: 3, useBias: false, activation: 'relu' }),
      tfl.layers.globalAveragePooling2d({}),
      tfl.layers.dense({ units: 4, useBias: false }),
    ],
  });
  layers.setWeights([tf.tensor(kernel, [3, 3, 3, 3]), tf.tensor(matrix, [3, 4])]);
  const image = { name: 'noise', file: 'noise', pixels: Float32Array.from(numbers(3, 75), Math.abs) };
  const input = tf.tensor(image.pixels, [1, 5, 5, 3]);
  const expected = tf.softmax(layers.predict(input) as tf.Tensor).dataSync();
  const gradient = gradientMaps(layers, input, [{ sample: 0, class: 1 }]).dataSync();
  for await (const { probabilities, classes } of explainImages(box, [image], {
    methods: ['gradient', 'occlusion'],
    classes: [1],
  })) {
    for (const [c, p] of expected.entries()) t.true(Math.abs(probabilities[c]! - p) < 1e-6);
    const found = classes[0]!.attributions[0]!.values;
    for (const [i, value] of gradient.entries()) t.true(Math.abs(found[i]! - value) < 1e-6);
  }
  const asked = ['explain', '--model', dir, '--image', scene.file('red.png'), '--out', join(scene.dir, 'o')];
  const layer = await callProgram(...asked, '--method', 'gradcam');
  t.regex(
    layer.stderr,
    /grad-cam: a graph-model has operations and no layers; methods that need its scores alone/,
  );
  const guided = await callProgram(...asked, '--method', 'guided_backprop');
  t.regex(guided.stderr, /guided-backprop: a graph-model has operations and no layers; methods that need/);
  t.deepEqual([layer.code, guided.code], [2, 2]);
});
