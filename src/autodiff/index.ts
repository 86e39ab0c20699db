export { enableHigherOrderGradients } from './enable.ts';
export { withoutGradient } from './tape.ts';
export { interpolationMatrix, separableProduct, upsampleBilinear } from './upsample.ts';
