export {
  averagePrecision,
  type ClassificationMetrics,
  classificationMetrics,
  meanOf,
} from './classification.ts';
export { energyInMask, pointingHit } from './energy.ts';
