export { ablationCam } from './ablation-cam.ts';
export { type CounterfactualMapsOptions, counterfactualMaps } from './counterfactual-maps.ts';
export { type FusedMapsOptions, fusedMaps, stageLayers } from './fused-maps.ts';
export { scoreCam } from './score-cam.ts';
export {
  type AugmentationOptions,
  type SmoothedMapsOptions,
  smoothByAugmentation,
  smoothedMaps,
} from './smoothed-maps.ts';
export { softmaxGradCamPlusPlus } from './softmax-grad-cam-plus-plus.ts';
