export {
  type BiasedBoatsOptions,
  type DrawnOptions,
  type DrawnSetName,
  drawnSetNames,
  type Generated,
  generateBiasedBoats,
  generateDrawn,
} from './generate.ts';
