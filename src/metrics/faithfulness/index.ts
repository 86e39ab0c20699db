export { confidenceDrop, confidenceIncreases } from './confidence.ts';
export { cosine } from './cosine.ts';
export { areaUnder, blurred, exchangePixels, pixelOrder } from './perturbation.ts';
export { rankCorrelation } from './rank-correlation.ts';
export { imputeLinear } from './road.ts';
