export { bestConstantBox, centreMap } from './baselines.ts';
export { BoxAccuracyCurve, type IouByLevel, iouByLevel, levelCount, thresholdOf } from './box-accuracy.ts';
export { type BoxList, boxAt } from './box-list.ts';
export { boxesFromMap, byteMap, levelOf } from './boxes-from-map.ts';
export { ContourSweep } from './contour-sweep.ts';
export { type CueCount, cueCounts } from './cue-iou.ts';
export { locDelta } from './loc-delta.ts';
export {
  bestIou,
  boxArea,
  boxIou,
  emptyBox,
  maskBox,
  type PixelBox,
  pixelBox,
  resizeBox,
} from './pixel-box.ts';
export {
  addPixels,
  type PixelHistogram,
  type PrecisionRecall,
  pixelAveragePrecision,
  pixelHistogram,
  precisionRecall,
} from './pixel-precision.ts';
export { pointsAt } from './pointing.ts';
