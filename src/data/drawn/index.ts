export {
  type BiasedBoatsOptions,
  type DrawnOptions,
  type DrawnSetName,
  drawnSetNames,
  type Generated,
  generateBiasedBoats,
  generateDrawn,
  type MovingShapesSetOptions,
} from './generate.ts';
export { createNoise, layered } from './noise.ts';
export { type Color, createCanvas, drawParts, type Part } from './raster.ts';
