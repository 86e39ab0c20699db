/**
 * Explanation maps as differentiable functions, and their parts: running a model layer by layer and cut in two, targets,
 * normalisation, upsampling, soft masks.
 *
 * @packageDocumentation
 */

export {
  enableHigherOrderGradients,
  interpolationMatrix,
  upsampleBilinear,
  withoutGradient,
} from './autodiff/index.ts';
export {
  type ApplyLayer,
  type AttentionMaps,
  type AttentionMapsOptions,
  attentionMaps,
  type BatchNormMode,
  type ClassActivationMapsOptions,
  classActivationMaps,
  deadMaps,
  type Features,
  type ForwardOptions,
  forward,
  type HeadOutputs,
  type InnerTarget,
  type InputGradientOptions,
  influenceGradients,
  inputGradients,
  type Layer,
  type MapMethod,
  mapMethods,
  type NetworkNode,
  type Normalization,
  networkNodes,
  normalizations,
  normalizeMaps,
  type Pair,
  type PassOptions,
  resolveTargetLayer,
  runModel,
  type SoftMaskOptions,
  type SplitModel,
  type SplitOptions,
  softMask,
  spatialLayers,
  splitModel,
  type Target,
  type TargetFunction,
  type TargetLayer,
  upsampleMaps,
} from './gradcam/index.ts';
