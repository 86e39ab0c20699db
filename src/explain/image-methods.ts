import * as tf from '@tensorflow/tfjs-core';
import { inputGradients, relevanceMaps } from '../gradcam/index.ts';
import type { MethodEntry } from './method-entry.ts';
import { lime, occlusion, rise } from './perturbation/core.ts';
import {
  deconvolution,
  deepLift,
  expectedGradients,
  gradientMaps,
  guidedBackpropagation,
  guidedGradCam,
  integratedGradients,
  layerwiseRelevance,
  smoothGrad,
} from './pixels/index.ts';

/** Methods whose attributions are of the pixels: backwards to the image, or from the scores of changed images. */
export const imageMethods: readonly MethodEntry[] = [
  {
    name: 'gradient',
    group: 'pixel-space',
    title: 'Gradient',
    source: 'Simonyan et al., ICLR workshop 2014',
    kind: 'saliency',
    explain: gradientMaps,
    differentiable: (model, images, pairs) =>
      tf.concat(
        pairs.map(({ sample, class: column }) =>
          inputGradients(
            model,
            tf.slice(images, sample, 1),
            (logits) => tf.reshape(tf.slice(logits, [0, column], [-1, 1]), [-1]) as tf.Tensor1D,
          ),
        ),
        0,
      ),
  },
  {
    name: 'smooth-grad',
    group: 'pixel-space',
    title: 'SmoothGrad',
    source: 'Smilkov et al., 2017',
    kind: 'saliency',
    slow: true,
    explain: smoothGrad,
  },
  {
    name: 'integrated-gradients',
    group: 'pixel-space',
    title: 'Integrated gradients',
    source: 'Sundararajan et al., ICML 2017',
    kind: 'saliency',
    slow: true,
    explain: integratedGradients,
  },
  {
    name: 'expected-gradients',
    group: 'pixel-space',
    title: 'Expected gradients, from the other images',
    source: 'Erion et al., Nature Machine Intelligence 2021',
    kind: 'saliency',
    slow: true,
    explain: (model, images, pairs, { samples: _copies, ...options } = {}) =>
      expectedGradients(model, images, pairs, options),
  },
  {
    name: 'deep-lift',
    group: 'pixel-space',
    title: 'DeepLIFT, rescale rule',
    source: 'Shrikumar et al., ICML 2017',
    kind: 'pixels',
    explain: deepLift,
  },
  {
    name: 'lrp',
    group: 'pixel-space',
    title: 'Layer-wise relevance, epsilon-gamma-box',
    source: 'Bach et al., PLOS ONE 2015; Montavon et al. 2019',
    kind: 'pixels',
    explain: (model, images, pairs, { output } = {}) => layerwiseRelevance(model, images, pairs, { output }),
    differentiable: (model, images, pairs) =>
      relevanceMaps(model, images, pairs, { epsilon: 0.01 }).relevance,
  },
  {
    name: 'lrp-epsilon-plus',
    group: 'pixel-space',
    title: 'Layer-wise relevance, epsilon-plus-flat',
    source: 'Lapuschkin et al., Nature Communications 2019',
    kind: 'pixels',
    explain: (model, images, pairs, { output } = {}) =>
      layerwiseRelevance(model, images, pairs, { output, composite: 'epsilon-plus-flat' }),
    differentiable: (model, images, pairs) =>
      relevanceMaps(model, images, pairs, { composite: 'epsilon-plus-flat', epsilon: 0.01 }).relevance,
  },
  {
    name: 'guided-backprop',
    group: 'pixel-space',
    title: 'Guided backpropagation',
    source: 'Springenberg et al., ICLR workshop 2015',
    kind: 'pixels',
    explain: guidedBackpropagation,
  },
  {
    name: 'deconvolution',
    group: 'pixel-space',
    title: 'Deconvolution network',
    source: 'Zeiler and Fergus, ECCV 2014',
    kind: 'pixels',
    explain: deconvolution,
  },
  {
    name: 'guided-grad-cam',
    group: 'pixel-space',
    title: 'Guided Grad-CAM',
    source: 'Selvaraju et al., ICCV 2017',
    kind: 'pixels',
    explain: guidedGradCam,
  },
  {
    name: 'guided-grad-cam++',
    group: 'pixel-space',
    title: 'Guided Grad-CAM++',
    source: 'Chattopadhay et al., WACV 2018',
    kind: 'pixels',
    explain: (model, images, pairs, options) =>
      guidedGradCam(model, images, pairs, { ...options, method: 'grad-cam++' }),
  },
  {
    name: 'occlusion',
    group: 'model-agnostic',
    title: 'Occlusion',
    source: 'Zeiler and Fergus, ECCV 2014',
    kind: 'signed-map',
    slow: true,
    explain: occlusion,
  },
  {
    name: 'rise',
    group: 'model-agnostic',
    title: 'RISE, its mean taken off',
    source: 'Petsiuk et al., BMVC 2018',
    kind: 'map',
    slow: true,
    explain: (model, images, pairs, options) =>
      rise(model, images, pairs, { ...options, masks: options?.samples, center: true }),
  },
  {
    name: 'lime',
    group: 'model-agnostic',
    title: 'LIME',
    source: 'Ribeiro et al., KDD 2016',
    kind: 'signed-map',
    slow: true,
    explain: lime,
  },
];
