/** Measures: pure functions of scores, maps and truths on the host. */
export { type AnswerScores, type AnswersOptions, answerScores, type ConstantScores } from './answers.ts';
export { argMax, argMaxRows } from './arg-max.ts';
export { Bootstrap, BootstrapMean, BootstrapMeans, type Interval } from './bootstrap.ts';
export { type Calibration, calibration, type ReliabilityBin } from './calibration.ts';
export {
  averagePrecision,
  type ClassificationMetrics,
  classificationMetrics,
  meanOf,
} from './classification.ts';
export { classificationLoss } from './classification-loss.ts';
export { energyInMask, pointingHit } from './energy.ts';
export {
  areaUnder,
  blurred,
  completenessError,
  confidenceDrop,
  confidenceIncreases,
  cosine,
  effectiveComplexity,
  exchangePixels,
  imputeLinear,
  mapComplexity,
  pixelOrder,
  rankCorrelation,
  type SensitivityOptions,
  sensitivity,
  sparseness,
} from './faithfulness/index.ts';
export {
  addPixels,
  BoxAccuracyCurve,
  type BoxList,
  bestConstantBox,
  bestIou,
  boxArea,
  boxAt,
  boxesFromMap,
  boxIou,
  byteMap,
  ContourSweep,
  type CueCount,
  centreMap,
  cueCounts,
  emptyBox,
  type IouByLevel,
  iouByLevel,
  levelCount,
  levelOf,
  locDelta,
  maskBox,
  type PixelBox,
  type PixelHistogram,
  type PrecisionRecall,
  pixelAveragePrecision,
  pixelBox,
  pixelHistogram,
  pointsAt,
  precisionRecall,
  resizeBox,
  thresholdOf,
} from './localization/index.ts';
export { type IdentitySet, type Reidentification, reidentification } from './reidentification.ts';
export {
  type BoxEdges,
  type LabelledImages,
  type LabelPair,
  labelPairs,
  type ObjectTruth,
  rasterizeBox,
  regionOf,
} from './truth.ts';
export { type MaskActivation, maskActivation, wrongReasons } from './wrong-reasons.ts';
