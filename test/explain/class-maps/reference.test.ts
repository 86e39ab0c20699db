import type * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import {
  ablationCam,
  counterfactualMaps,
  fusedMaps,
  scoreCam,
  softmaxGradCamPlusPlus,
} from '../../../src/explain/class-maps/index.ts';
import { attentionMaps } from '../../../src/gradcam/index.ts';
import { startTestEngine } from '../../gradcam/engine.ts';
import { buildProblem, cases, equals } from '../reference.ts';

test.before(startTestEngine);

for (const one of cases) {
  test.serial(`class maps equal PyTorch's: ${one.title}`, async (t) => {
    const { model, images, pairs } = buildProblem(one);
    const options = { targetLayer: one.target };
    const expected = one.results;
    for (const method of ['grad-cam', 'grad-cam++', 'layer-cam', 'hires-cam', 'x-grad-cam'] as const) {
      const make = () => {
        const { maps, logits } = attentionMaps<tf.Tensor>(model, images, pairs, { ...options, method });
        logits.dispose();
        return maps;
      };
      await equals(t, expected[method], make, method);
    }
    const against = () => counterfactualMaps(model, images, pairs, options);
    await equals(t, expected.counterfactual, against, 'counterfactual');
    // Batches of a size that does not divide the number of channels.
    const batched = { ...options, batchSize: 2 };
    await equals(t, expected['score-cam'], () => scoreCam(model, images, pairs, batched), 'Score-CAM');
    await equals(
      t,
      expected['ablation-cam'],
      () => ablationCam(model, images, pairs, batched),
      'Ablation-CAM',
    );
    const softmax = () => softmaxGradCamPlusPlus(model, images, pairs, options);
    await equals(t, expected['grad-cam++-softmax'], softmax, 'Grad-CAM++ of the softmax');
    const fused = () => fusedMaps(model, images, pairs, { targetLayers: [one.early, one.target] });
    await equals(t, expected.fused, fused, 'LayerCAM of two layers');
  });
}
