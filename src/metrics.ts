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
  cosine,
  energyInMask,
  type Interval,
  locDelta,
  type MaskActivation,
  maskActivation,
  type PixelBox,
  pixelAveragePrecision,
  pixelHistogram,
  pointingHit,
  pointsAt,
  type ReliabilityBin,
  rankCorrelation,
  wrongReasons,
} from './metrics/index.ts';
