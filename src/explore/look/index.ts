export type { LookAnswers, LookJob, MapView } from './jobs.ts';
export { type LayerView, layerView, type Strip, type StripsView } from './layer-view.ts';
export { type LookOptions, look } from './look.ts';
export { type MethodView, type NetworkView, networkView } from './network-view.ts';
export { type Looked, shapeOfImages } from './subject.ts';
export { type Term, type UnitPixel, unitPixel } from './unit-pixel.ts';
export { type Making, type Plane, type UnitView, unitView, type WindowGeometry } from './unit-view.ts';
