export { type CompositePlan, type PlannedExample, planComposites } from './composite-plan.ts';
export {
  type Composite,
  type CompositeStore,
  createCompositeStore,
  storedComposite,
} from './composite-store.ts';
export { eraseRegion } from './erase-region.ts';
export { type Cell, makeComposite, type PlacedExample, type PlaceExample } from './make-composite.ts';
export { type CompositeOptions, type ResolvedComposites, resolveComposites } from './options.ts';
export { type CutObject, cutObject, type PasteOptions, pasteObject } from './paste-object.ts';
export { areaOf, type Bounds, boundsOf, dilate, type Picture, type Region, union } from './picture.ts';
