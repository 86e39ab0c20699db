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
