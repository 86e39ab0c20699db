export {
  type Detect,
  type Detections,
  type DetectionTarget,
  type DRiseOptions,
  dRise,
  likeness,
} from './d-rise.ts';
export { type LimeExplanation, type LimeOptions, lime, limeExplanations } from './lime.ts';
export { type OcclusionOptions, occlusion } from './occlusion.ts';
export {
  type CommandOptions,
  commandPredictor,
  httpPredictor,
  type RemotePredictor,
  type RunningPredictor,
} from './remote-predictor.ts';
export { type RiseOptions, rise } from './rise.ts';
export type { PerturbationOptions, Predictor } from './scored-copies.ts';
export { type SuperpixelOptions, superpixels } from './superpixels.ts';
