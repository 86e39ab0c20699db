export type { BackboneName } from './backbones/index.ts';
export {
  type BackboneOptions,
  type BuildOptions,
  buildModel,
  checkModelOptions,
  modelNames,
  modelOptionsSchema,
  takesVolumes,
} from './build-model.ts';
export { classNamesBeside, type FoundClassNames } from './class-names.ts';
export type { HeadKind, HeadOptions } from './classification-head.ts';
export {
  countParameters,
  describeModel,
  type ModelDescription,
} from './describe-model.ts';
export { layerPath } from './find-layer.ts';
export { freezeLayers, unfreezeLayers } from './freeze-layers.ts';
export {
  type InputScaling,
  inputScalings,
  type Standardization,
  scaledPixels,
  withInputScaling,
} from './input-scaling.ts';
export {
  doubtInputScaling,
  parseInputScaling,
  type ScalingDoubtOptions,
  scalingOfModel,
  shownScaling,
} from './input-scaling-doubt.ts';
export { type FoundScaling, findInputScaling } from './input-scaling-found.ts';
export type { RegionScoreKind, ScoredRegion } from './layers/index.ts';
export { countMultiplyAdds } from './multiply-adds.ts';
export { type NewHeadOptions, withInputSize, withNewHead } from './new-head.ts';
export { describeOnnx, type OnnxDescription } from './onnx/describe-onnx.ts';
export { importOnnx } from './onnx/import-onnx.ts';
export { regionScores, withRegionScores, withSignedValues } from './region-scores.ts';
export { type LoadedGraph, loadGraphFile } from './storage/load-graph-model.ts';
export { type LoadOptions, loadLayersModel } from './storage/load-layers-model.ts';
export { isModelFile, modelFileIn } from './storage/model-file.ts';
export { saveLayersModel } from './storage/save-layers-model.ts';
export { finalLink, toLogits, withOutput } from './to-logits.ts';
export { loadStateDict, torchEndings } from './torch/load-state-dict.ts';
export { loadTorchModel, type TorchModelOptions } from './torch/load-torch-model.ts';
export type { StateDict, TorchTensor } from './torch/state-dict.ts';
export { loadMappedWeights, type WeightMapping } from './torch/weight-mapping.ts';
export { withTwoClasses } from './two-classes.ts';
