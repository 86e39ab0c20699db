export {
  averagePrecision,
  type ClassificationMetrics,
  classificationMetrics,
  meanOf,
} from './classification.ts';
export { energyInMask, pointingHit } from './energy.ts';
export {
  type BoxList,
  bestIou,
  boxArea,
  boxAt,
  boxesFromMap,
  boxIou,
  byteMap,
  ContourSweep,
  emptyBox,
  levelOf,
  maskBox,
  type PixelBox,
  pixelBox,
  resizeBox,
} from './localization/index.ts';
