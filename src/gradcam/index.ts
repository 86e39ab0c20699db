/** Explanation maps as differentiable functions of any tfjs layers-model. */
export {
  type AttentionMaps,
  type AttentionMapsOptions,
  attentionMaps,
  type ForwardOptions,
  forward,
} from './attention-maps.ts';
export { attentionRollout, gradientAttention } from './attention-rollout.ts';
export type { BatchNormMode } from './batch-norm.ts';
export { type ClassActivationMapsOptions, classActivationMaps } from './class-activation-maps.ts';
export { deadMaps, isDeadMap } from './dead-maps.ts';
export { influenceGradients } from './influence-gradients.ts';
export { type InputGradientOptions, inputGradients } from './input-gradients.ts';
export { type LastDense, lastDense } from './last-dense.ts';
export { activationName, type Layer, withoutActivation } from './layer.ts';
export { lastLayersBySize, layerOutputs, nodeOutputs } from './layer-outputs.ts';
export { type MethodMaps, methodMaps } from './method-maps.ts';
export {
  camWeights,
  classKernel,
  gradientMethods,
  isMapMethod,
  type MapMethod,
  type MapWeights,
  mapMethods,
  safeReciprocal,
} from './methods/index.ts';
export { type NetworkNode, networkNodes } from './network-nodes.ts';
export { type Normalization, normalizations, normalizeMaps } from './normalize.ts';
export { type Pair, pairColumns } from './pairs.ts';
export {
  type CompositeName,
  compositeNames,
  composites,
  kindOf,
  type LayerKind,
  type RelevanceComposite,
  type RelevanceMaps,
  type RelevanceOptions,
  type RelevanceRule,
  relevanceMaps,
  type WeightedLayer,
} from './relevance/index.ts';
export { resizeCubic } from './resize-cubic.ts';
export { type ApplyLayer, type PassOptions, runModel } from './run-model.ts';
export { tfjsSeed } from './seeded-noise.ts';
export { type ShapleyCamOptions, shapleyCam } from './shapley-cam.ts';
export { type SoftMaskOptions, softMask } from './soft-mask.ts';
export {
  type Features,
  type HeadOutputs,
  type SplitModel,
  type SplitOptions,
  splitModel,
} from './split-model.ts';
export {
  type InnerTarget,
  type Target,
  type TargetFunction,
  targetOutputs,
  targetScores,
} from './target.ts';
export { layerAt, resolveTargetLayer, spatialLayers, type TargetLayer } from './target-layer.ts';
export type { TokenGrid } from './token-grid.ts';
export { upsampleMaps } from './upsample.ts';
