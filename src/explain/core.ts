/** Explaining without files: for browsers. The other face, of everything, is `index.ts`. */

export {
  type Drawable,
  type DrawOptions,
  drawAttribution,
  drawImage,
  drawingRules,
  scaleOf,
} from './draw-attribution.ts';
export {
  type Attribution,
  type ClassExplanations,
  type ExplainedImage,
  type ExplainOptions,
  explainImages,
} from './explain-images.ts';
export type { NamedImage } from './images.ts';
export { type AttributionKind, type MethodEntry, type MethodGroup, methodGroups } from './method-entry.ts';
export { explanationMethods } from './method-list.ts';
export { boxesOf, linesOf, type NetworkBox } from './network-boxes.ts';
export { type LayoutOptions, type LayoutPart, layoutNetwork, type Placed } from './network-layout.ts';
export { type Maximized, type MaximizeOptions, maximizeActivations } from './units/maximize-activation.ts';
export { projectUnit, type UnitAt } from './units/project-unit.ts';
