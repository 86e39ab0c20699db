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
