/**
 * Measures: functions of scores, maps and truths, without tensors.
 *
 * @packageDocumentation
 */

export {
  averagePrecision,
  Bootstrap,
  BootstrapMean,
  BoxAccuracyCurve,
  type BoxList,
  boxesFromMap,
  boxIou,
  type Calibration,
  type ClassificationMetrics,
  calibration,
  classificationMetrics,
  completenessError,
  cosine,
  effectiveComplexity,
  energyInMask,
  type IdentitySet,
  type Interval,
  locDelta,
  type MaskActivation,
  mapComplexity,
  maskActivation,
  type PixelBox,
  pixelAveragePrecision,
  pixelHistogram,
  pointingHit,
  pointsAt,
  type Reidentification,
  type ReliabilityBin,
  rankCorrelation,
  reidentification,
  type SensitivityOptions,
  sensitivity,
  sparseness,
  wrongReasons,
} from './metrics/index.ts';
