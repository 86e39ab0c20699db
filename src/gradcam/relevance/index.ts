export { kindOf, type LayerKind } from './layer-kinds.ts';
export { type RelevanceMaps, type RelevanceOptions, relevanceMaps } from './relevance-maps.ts';
export {
  type CompositeName,
  compositeNames,
  composites,
  type RelevanceComposite,
  type RelevanceRule,
  type WeightedLayer,
} from './rules.ts';
