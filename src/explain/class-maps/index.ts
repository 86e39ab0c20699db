export { ablationCam } from './ablation-cam.ts';
export { type CounterfactualMapsOptions, counterfactualMaps } from './counterfactual-maps.ts';
export { type EigenCamOptions, eigenCam } from './eigen-cam.ts';
export {
  type Factorization,
  type FactorizationOptions,
  type FactorMapOptions,
  factorizeFeatures,
  factorMaps,
} from './feature-factorization.ts';
export { type FinerCamOptions, finerCam } from './finer-cam.ts';
export { type FusedMapsOptions, fusedMaps, stageLayers } from './fused-maps.ts';
export { scoreCam } from './score-cam.ts';
export {
  type AugmentationOptions,
  type SmoothedMapsOptions,
  smoothByAugmentation,
  smoothedMaps,
} from './smoothed-maps.ts';
export { softmaxGradCamPlusPlus } from './softmax-grad-cam-plus-plus.ts';
