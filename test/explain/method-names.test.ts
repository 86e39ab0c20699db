import test from 'ava';
import { UsageError } from '../../src/errors/index.ts';
import { explanationMethods, findMethods, methodAliases } from '../../src/explain/index.ts';

test('methods answer to the names that the field has for them', (t) => {
  const names = {
    // torch-cam, Captum, pytorch-grad-cam, tf-explain, tf-keras-vis.
    GradCAM: 'grad-cam',
    gradcam: 'grad-cam',
    GradCAMpp: 'grad-cam++',
    gradcampp: 'grad-cam++',
    'gradcam++': 'grad-cam++',
    'GradCAM++': 'grad-cam++',
    grad_cam_plus_plus: 'grad-cam++',
    GradcamPlusPlus: 'grad-cam++',
    LayerCAM: 'layer-cam',
    XGradCAM: 'x-grad-cam',
    HiResCAM: 'hires-cam',
    GradCAMElementWise: 'hires-cam',
    ScoreCAM: 'score-cam',
    AblationCAM: 'ablation-cam',
    Saliency: 'gradient',
    VanillaGradients: 'gradient',
    SmoothGrad: 'smooth-grad',
    smoothgrad: 'smooth-grad',
    IntegratedGradients: 'integrated-gradients',
    ig: 'integrated-gradients',
    IG: 'integrated-gradients',
    guided_backprop: 'guided-backprop',
    GuidedBackprop: 'guided-backprop',
    deconvnet: 'deconvolution',
    Deconvolution: 'deconvolution',
    GuidedGradCAM: 'guided-grad-cam',
    'guided-gradcam++': 'guided-grad-cam++',
    OcclusionSensitivity: 'occlusion',
    RISE: 'rise',
    Lime: 'lime',
    rollout: 'attention-rollout',
    'attention rollout': 'attention-rollout',
  };
  for (const [asked, name] of Object.entries(names)) {
    t.deepEqual(
      findMethods([asked]).map((method) => method.name),
      [name],
      asked,
    );
  }
  t.is(
    findMethods(['Pixel_Space']).length,
    explanationMethods.filter((m) => m.group === 'pixel-space').length,
  );
});

test('every alias leads to a method, and is the name of none', (t) => {
  const known = new Set(explanationMethods.map(({ name }) => name));
  for (const [alias, name] of Object.entries(methodAliases)) {
    t.true(known.has(name), alias);
    t.false(known.has(alias), alias);
  }
});

test('an unknown method names the nearest, not all of them', (t) => {
  const refused = (name: string) => t.throws(() => findMethods([name]), { instanceOf: UsageError })!.message;
  t.is(refused('grad-cma'), 'no method "grad-cma"; did you mean "grad-cam"?');
  t.is(refused('deconvnt'), 'no method "deconvnt"; did you mean "deconvnet"?');
  t.is(refused('guided_bakcprop'), 'no method "guided_bakcprop"; did you mean "guided-backprop"?');
  t.is(refused('zzzz'), 'no method "zzzz"; --help lists them');
});
