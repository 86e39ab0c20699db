import { existsSync, readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { attentionMaps, normalizeMaps } from '../../src/gradcam/index.ts';
import { captumModel } from './captum-model.ts';
import { startTestEngine } from './engine.ts';

const folder = new URL('../../../shared/data/goldens/', import.meta.url);
const golden = existsSync(folder) ? test : test.skip;
const read = (name: string) => JSON.parse(readFileSync(new URL(name, folder), 'utf8'));

test.before(startTestEngine);

golden("Grad-CAM equals Captum's values, at a convolution, its ReLU and the input", (t) => {
  const { cases } = read('captum_gradcam_goldens.json');
  const model = captumModel();
  const input = model.inputs[0]!.sourceLayer.name;
  const counting = Array.from({ length: 16 }, (_, i) => i);
  const negative = counting.with(5, -4);
  const gradCam = (targetLayer: string, image: number[], relu: boolean) =>
    Array.from(
      attentionMaps(model, tf.tensor4d(image, [1, 4, 4, 1]), [{ sample: 0, class: 0 }], {
        targetLayer,
        relu,
      }).maps.dataSync(),
    );

  t.deepEqual(gradCam('conv1', counting, false), cases[0].expected.flat());
  t.deepEqual(gradCam('relu1', counting, true), cases[2].expected.flat());
  t.is(cases[3].expected, '0.5625*input');
  t.deepEqual(
    gradCam(input, negative, false),
    negative.map((value) => 0.5625 * value),
  );
  t.is(cases[4].expected, '0.5625*input with [1,1]=0');
  t.deepEqual(
    gradCam(input, negative, true),
    negative.map((value) => Math.max(0, 0.5625 * value)),
  );
  t.deepEqual(
    gradCam(
      'conv1',
      counting.map((value) => value + 1),
      true,
    ),
    cases[5].expected.flat(),
  );
});

golden("Grad-CAM equals PAIR saliency's 5x5 literal", (t) => {
  const { activation_5x5x1, expected_relu_maxnorm, atol } = read(
    'pair_and_wsol_goldens.json',
  ).pair_saliency_gradcam;
  const gradient = Array.from({ length: 25 }, (_, i) => {
    const [row, column] = [Math.floor(i / 5), i % 5];
    if ((row === 1 || row === 4) && column > 0 && column < 4) return 3;
    return i === 0 || i === 24 ? 2 : 0;
  });
  const dense = tfl.layers.dense({ units: 1 });
  const model = tfl.sequential({ layers: [tfl.layers.flatten({ inputShape: [5, 5, 1] }), dense] });
  dense.setWeights([tf.tensor2d(gradient, [25, 1]), tf.zeros([1])]);
  const { maps } = attentionMaps(
    model,
    tf.tensor4d(activation_5x5x1.flat(), [1, 5, 5, 1]),
    [{ sample: 0, class: 0 }],
    { targetLayer: model.inputs[0]!.sourceLayer.name },
  );
  const normal = normalizeMaps(maps, 'max').dataSync();
  expected_relu_maxnorm.flat().forEach((value: number, i: number) => {
    t.true(Math.abs(normal[i]! - value) <= atol);
  });
});
