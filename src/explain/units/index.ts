export {
  type FeatureMapGridOptions,
  type FeatureMapOptions,
  type FeatureMaps,
  featureMapGrid,
  featureMaps,
} from './feature-maps.ts';
export {
  type Maximized,
  type MaximizeOptions,
  type MaximizeTarget,
  maximizeActivation,
  maximizeActivations,
} from './maximize-activation.ts';
export { type MaximizedFigureOptions, maximizedFigure } from './maximized-figure.ts';
export type { PatchWindow } from './patch-window.ts';
export { type Project, projectUnit, type UnitAt } from './project-unit.ts';
export {
  type ImageBatch,
  type TopImage,
  type TopImages,
  type TopImagesOptions,
  topImages,
} from './top-images.ts';
export { type TopImagesFigureOptions, topImagesFigure } from './top-images-figure.ts';
export { type UnitImages, type UnitImagesOptions, unitImages } from './unit-images.ts';
