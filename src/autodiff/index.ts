export { enableHigherOrderGradients } from './enable.ts';
export {
  downsampleArea,
  gaussianBlur,
  interpolationMatrix,
  productAlongDepth,
  separableProduct,
  upsampleBilinear,
} from './resampling.ts';
export { withoutGradient } from './tape.ts';
