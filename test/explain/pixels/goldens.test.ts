import { existsSync, readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { guidedGradCam } from '../../../src/explain/pixels/index.ts';
import { captumModel } from '../../gradcam/captum-model.ts';
import { startTestEngine } from '../../gradcam/engine.ts';

const file = new URL('../../../../shared/data/goldens/captum_gradcam_goldens.json', import.meta.url);
const golden = existsSync(file) ? test : test.skip;

test.before(startTestEngine);

golden("Guided Grad-CAM equals Captum's values, at a convolution and at its ReLU", (t) => {
  const { cases } = JSON.parse(readFileSync(file, 'utf8'));
  const model = captumModel();
  const counting = Array.from({ length: 16 }, (_, i) => i);
  const guided = (targetLayer: string, image: number[]) =>
    Array.from(
      guidedGradCam(model, tf.tensor4d(image, [1, 4, 4, 1]), [{ sample: 0, class: 0 }], {
        targetLayer,
        interpolation: 'nearest',
      }).dataSync(),
    );
  t.deepEqual(guided('relu1', counting), cases[6].expected.flat());
  t.deepEqual(
    guided(
      'conv1',
      counting.map((value) => value + 1),
    ),
    cases[7].expected.flat(),
  );
});
