/** The guided objective: which streams there are, what they share, and how they add up. */
export type { ExtraTerm, StepContext } from './extra-terms.ts';
export { type HoleFilling, holeFilling, removeRegion } from './hole-filling.ts';
export { type ImageRegions, imageSizeOf, masksOfStep, regionsOfImages } from './image-regions.ts';
export { type GainLoss, gainLoss } from './objective.ts';
export type {
  GainBatch,
  GainLossOptions,
  MiningGradient,
  SampleOrigin,
  SampleView,
  StreamWeights,
  SupervisionOptions,
} from './options.ts';
export {
  type MaskedBatch,
  type MaskMeaning,
  masksOfPairs,
  type PairBox,
  type PairMasks,
  whatMatters,
} from './pair-masks.ts';
export { classesPerImage, type Labels, rowsOfPairs } from './pairs.ts';
