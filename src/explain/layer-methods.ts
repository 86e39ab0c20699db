import * as tf from '@tensorflow/tfjs-core';
import {
  attentionMaps,
  attentionRollout,
  gradientAttention,
  type MapMethod,
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
import type { MethodEntry } from './method-entry.ts';

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

/** Methods whose maps are of a layer of the network, or of its attention. */
export const layerMethods: readonly MethodEntry[] = [
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
];
