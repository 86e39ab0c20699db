import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {
  attentionMaps,
  attentionRollout,
  gradientAttention,
  inputGradients,
  type MapMethod,
  type Pair,
  relevanceMaps,
  shapleyCam,
} from '../gradcam/index.ts';
import {
  ablationCam,
  counterfactualMaps,
  eigenCam,
  factorMaps,
  finerCam,
  fusedMaps,
  scoreCam,
  smoothedMaps,
  softmaxGradCamPlusPlus,
} from './class-maps/index.ts';
import type { ExplanationMethod } from './method.ts';
import { methodNamed } from './method-aliases.ts';
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

/** Families of methods, by the name that stands for all of a family. */
export const methodGroups = {
  'class-maps': 'Class maps, from a layer of the network',
  attention: 'Attention maps, of vision transformers',
  'pixel-space': 'Pixel space, backwards to the image',
  'model-agnostic': 'Model-agnostic, from the scores of changed images',
} as const;

export type MethodGroup = keyof typeof methodGroups;

/**
 * How an attribution is meant to be seen:
 * - `map`: [P,h,w], evidence for the class; what is below 0 is not shown
 * - `signed-map`: [P,h,w], evidence for it above 0 and against it below
 * - `pixels`: [P,H,W,c], a picture around 0: drawn in colours, 0 as grey
 * - `saliency`: [P,H,W,c], of which the magnitude counts: drawn as the largest of the channels
 */
export type AttributionKind = 'map' | 'signed-map' | 'pixels' | 'saliency';

/** A method as programs know it. */
export interface MethodEntry {
  readonly name: string;
  readonly group: MethodGroup;
  /** As the method is called in texts. */
  readonly title: string;
  /** Paper, in the form "Authors, venue year". */
  readonly source: string;
  readonly kind: AttributionKind;
  /** It needs tens of passes of the network per image, or more. */
  readonly slow?: boolean;
  readonly explain: ExplanationMethod;
  /** The same as a function that a loss can be made of: differentiable with respect to weights and images. */
  readonly differentiable?: (model: tfl.LayersModel, images: tf.Tensor, pairs: readonly Pair[]) => tf.Tensor;
}

/** A method of `src/gradcam`: one forward and one backward pass. */
function classMap(name: MapMethod, title: string, source: string): MethodEntry {
  return {
    name,
    group: 'class-maps',
    title,
    source,
    kind: 'map',
    explain: (model, images, pairs, { targetLayer, output, target } = {}) => {
      const { maps, logits } = attentionMaps(model, images, pairs, {
        method: name,
        targetLayer,
        output,
        target,
        differentiateWeights: false,
      });
      logits.dispose();
      return maps;
    },
    differentiable: (model, images, pairs) =>
      attentionMaps<tf.Tensor>(model, images, pairs, { method: name }).maps,
  };
}

/** The one image tensor of a method that takes no other inputs. */
function onlyImage(images: tf.Tensor | readonly tf.Tensor[]): tf.Tensor {
  return images instanceof tf.Tensor ? images : images[0]!;
}

/** The methods of explanation, in the order in which they are listed and shown. */
export const explanationMethods: readonly MethodEntry[] = [
  classMap('cam', 'CAM', 'Zhou et al., CVPR 2016'),
  classMap('grad-cam', 'Grad-CAM', 'Selvaraju et al., ICCV 2017'),
  classMap('grad-cam++', 'Grad-CAM++', 'Chattopadhay et al., WACV 2018'),
  {
    name: 'grad-cam++-softmax',
    group: 'class-maps',
    title: 'Grad-CAM++ of the softmax',
    source: 'Chattopadhay et al., WACV 2018',
    kind: 'map',
    explain: softmaxGradCamPlusPlus,
  },
  classMap('grad-cam++-normalized', 'Grad-CAM++, normalised weights', "code of the paper's authors"),
  classMap('layer-cam', 'LayerCAM', 'Jiang et al., TIP 2021'),
  classMap('hires-cam', 'HiResCAM', 'Draelos and Carin, 2020'),
  classMap('x-grad-cam', 'XGrad-CAM', 'Fu et al., BMVC 2020'),
  {
    name: 'layer-cam-fused',
    group: 'class-maps',
    title: 'LayerCAM, stages fused',
    source: 'Jiang et al., TIP 2021',
    kind: 'map',
    explain: fusedMaps,
  },
  {
    name: 'grad-cam++-smoothed',
    group: 'class-maps',
    title: 'Grad-CAM++, smoothed by augmentation',
    source: 'Chattopadhay et al., WACV 2018',
    kind: 'map',
    explain: smoothedMaps,
  },
  {
    name: 'shapley-cam',
    group: 'class-maps',
    title: 'Shapley-CAM',
    source: 'Cai, The Visual Computer 2025',
    kind: 'map',
    explain: (model, images, pairs, { targetLayer, output } = {}) =>
      tf.tidy(() => shapleyCam<tf.Tensor>(model, images, pairs, { targetLayer, output }).maps),
    differentiable: (model, images, pairs) => shapleyCam<tf.Tensor>(model, images, pairs).maps,
  },
  {
    name: 'finer-cam',
    group: 'class-maps',
    title: 'Finer-CAM',
    source: 'Zhang et al., CVPR 2025',
    kind: 'map',
    explain: (model, images, pairs, { targetLayer, output } = {}) =>
      finerCam(model, images, pairs, { targetLayer, output }),
  },
  {
    name: 'counterfactual',
    group: 'class-maps',
    title: 'Against the class (counterfactual)',
    source: 'Selvaraju et al., ICCV 2017',
    kind: 'map',
    explain: counterfactualMaps,
  },
  {
    name: 'score-cam',
    group: 'class-maps',
    title: 'Score-CAM',
    source: 'Wang et al., CVPR workshops 2020',
    kind: 'map',
    slow: true,
    explain: scoreCam,
  },
  {
    name: 'ablation-cam',
    group: 'class-maps',
    title: 'Ablation-CAM',
    source: 'Desai and Ramaswamy, WACV 2020',
    kind: 'map',
    slow: true,
    explain: ablationCam,
  },
  {
    name: 'eigen-cam',
    group: 'class-maps',
    title: 'Eigen-CAM, whatever the class',
    source: 'Muhammad and Yeasin, IJCNN 2020',
    kind: 'map',
    explain: eigenCam,
  },
  {
    name: 'feature-factorization',
    group: 'class-maps',
    title: 'Deep feature factorization, the concept of the class',
    source: 'Collins et al., ECCV 2018',
    kind: 'map',
    slow: true,
    explain: factorMaps,
  },
  {
    name: 'attention-rollout',
    group: 'attention',
    title: 'Attention rollout, whatever the class',
    source: 'Abnar and Zuidema, ACL 2020',
    kind: 'map',
    explain: (model, images, pairs) =>
      tf.tidy(() => {
        const rows = pairs.map(({ sample }) => sample);
        return tf.gather(attentionRollout(model, onlyImage(images)), tf.tensor1d(rows, 'int32'));
      }),
    differentiable: (model, images, pairs) =>
      tf.gather(
        attentionRollout(model, images),
        tf.tensor1d(
          pairs.map(({ sample }) => sample),
          'int32',
        ),
      ),
  },
  {
    name: 'gradient-attention',
    group: 'attention',
    title: 'Gradient-weighted attention',
    source: 'Chefer et al., ICCV 2021',
    kind: 'map',
    explain: (model, images, pairs, { output } = {}) =>
      tf.tidy(() => gradientAttention(model, onlyImage(images), pairs, { output }).maps),
    differentiable: (model, images, pairs) => gradientAttention(model, images, pairs).maps,
  },
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

/**
 * The methods of some names: of methods, as they are called here or elsewhere (`methodAliases`), of groups, or `all`;
 * each once, in the order asked for.
 *
 * @throws {UsageError} for a name that does not exist, with what was probably meant
 */
export function findMethods(names: readonly string[]): MethodEntry[] {
  const known = ['all', ...Object.keys(methodGroups), ...explanationMethods.map((entry) => entry.name)];
  const found = names.flatMap((asked) => {
    const name = methodNamed(asked, known);
    return explanationMethods.filter((entry) => [entry.name, entry.group, 'all'].includes(name));
  });
  return [...new Set(found)];
}
