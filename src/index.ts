/**
 * Attention-guided training for TensorFlow.js: explanation maps that can be differentiated, as part of the loss.
 *
 * The parts, from the outside in: {@link GainTrainer} trains, {@link gainLoss} is its loss, {@link attentionMaps}
 * makes the maps, {@link enableHigherOrderGradients} makes tfjs differentiate them right. Everything works on
 * any `tf.LayersModel`, on whichever tfjs backend is active; {@link startEngine} starts the fastest one.
 *
 * Further entries: `tfjs-gain/core` is the method without engines and files, for browsers, and all of it is here too;
 * `/gradcam` and `/losses` have every map and loss; `/data`, `/explain`, `/evaluation`, `/metrics`, `/pictures`, `/export`,
 * `/experiment` and `/tensorboard` what their names say; `/engine/onnx` the embedded engine alone.
 *
 * @packageDocumentation
 */

export * from './core.ts';
export {
  describeEngines,
  type EngineDescription,
  type EngineInfo,
  type EngineName,
  type EngineOptions,
  engineNames,
  startEngine,
} from './engine/index.ts';
export {
  type BackboneName,
  type BackboneOptions,
  type BuildOptions,
  buildModel,
  classNamesBeside,
  describeModel,
  doubtInputScaling,
  importOnnx,
  loadLayersModel,
  loadMappedWeights,
  loadTorchModel,
  type ModelDescription,
  modelNames,
  type RegionScoreKind,
  regionScores,
  type ScoredRegion,
  saveLayersModel,
  type TorchModelOptions,
  type WeightMapping,
  withRegionScores,
  withSignedValues,
} from './models/index.ts';
