import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { factorize } from '../../../src/explain/class-maps/feature-factorization.ts';
import {
  ablationCam,
  counterfactualMaps,
  eigenCam,
  finerCam,
  fusedMaps,
  scoreCam,
  softmaxGradCamPlusPlus,
} from '../../../src/explain/class-maps/index.ts';
import { attentionMaps, layerOutputs, shapleyCam } from '../../../src/gradcam/index.ts';
import { startTestEngine } from '../../gradcam/engine.ts';
import { numbers } from '../../gradcam/reference-network.ts';
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
    for (const center of [false, true]) {
      const make = () => eigenCam(model, images, pairs, { ...options, center });
      await equals(t, expected[`eigen-cam${center ? ', centred' : ''}`], make, 'Eigen-CAM');
    }
    await equals(t, expected['finer-cam'], () => finerCam(model, images, pairs, options), 'Finer-CAM');
    const shapley = () => tf.tidy(() => shapleyCam<tf.Tensor>(model, images, pairs, options).maps);
    await equals(t, expected['shapley-cam'], shapley, 'Shapley-CAM');
    const factors = () => {
      const [features] = layerOutputs(model, images, [one.target]);
      const a = Float64Array.from(features!.dataSync());
      const [channels, rows] = [features!.shape.at(-1)!, a.length / features!.shape.at(-1)!];
      features!.dispose();
      const draw = (seed: number, size: number) =>
        Float64Array.from(numbers(seed, size), (value) => value + 1);
      const start = { w: draw(41, rows * 2), h: draw(43, 2 * channels) };
      const { w, h } = factorize(a, rows, channels, 2, 10, start);
      return tf.tensor1d(Float32Array.from([...w, ...h]));
    };
    await equals(t, expected.factorization, factors, 'deep feature factorization');
    const fused = () => fusedMaps(model, images, pairs, { targetLayers: [one.early, one.target] });
    await equals(t, expected.fused, fused, 'LayerCAM of two layers');
  });
}
