export { completenessError, effectiveComplexity, mapComplexity, sparseness } from './complexity.ts';
export { cosine, rankCorrelation } from './map-comparison.ts';
export {
  areaUnder,
  blurred,
  confidenceDrop,
  confidenceIncreases,
  exchangePixels,
  pixelOrder,
} from './perturbation.ts';
export { imputeLinear } from './road.ts';
export { type SensitivityOptions, sensitivity } from './sensitivity.ts';
