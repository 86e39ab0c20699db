import test from 'ava';
import {
  deconvolution,
  deepLift,
  gradientMaps,
  guidedBackpropagation,
  guidedGradCam,
  integratedGradients,
} from '../../../src/explain/pixels/index.ts';
import { startTestEngine } from '../../gradcam/engine.ts';
import { buildProblem, cases, equals } from '../reference.ts';

test.before(startTestEngine);

for (const one of cases) {
  test.serial(`pixel space equals PyTorch's: ${one.title}`, async (t) => {
    const { model, images, pairs, baseline } = buildProblem(one);
    const expected = one.results;
    // Three pairs in batches of two: the last one is filled up.
    const batchSize = 2;
    const rules = { gradient: gradientMaps, guided: guidedBackpropagation, deconvolution };
    for (const [name, method] of Object.entries(rules)) {
      await equals(t, expected[name], () => method(model, images, pairs, { batchSize }), name);
    }
    for (const method of ['grad-cam', 'grad-cam++'] as const) {
      const make = () => guidedGradCam(model, images, pairs, { method, targetLayer: one.target, batchSize });
      await equals(t, expected[`guided-${method}`], make, `guided ${method}`);
    }
    const path = { steps: one.steps, baseline, batchSize };
    const integrated = () => integratedGradients(model, images, pairs, path);
    await equals(t, expected['integrated-gradients'], integrated, 'integrated gradients');

    if (expected['deep-lift']) {
      const lifted = () => deepLift(model, images, pairs, { baseline, batchSize });
      await equals(t, expected['deep-lift'], lifted, 'DeepLIFT');
    }

    const units = images.shape[0]!;
    const unit = () =>
      deconvolution(
        model,
        images,
        Array.from({ length: units }, (_, sample) => ({ sample, class: 1 })),
        { target: { layer: one.target } },
      );
    await equals(t, expected['unit-deconvolution'], unit, 'deconvolution of a channel');
  });
}
