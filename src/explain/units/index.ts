export { type Adversarial, type AdversarialOptions, adversarialPattern } from './adversarial-pattern.ts';
export { type DeepDreamOptions, deepDream } from './deep-dream.ts';
export {
  type FeatureMapGridOptions,
  type FeatureMapOptions,
  type FeatureMaps,
  featureMapGrid,
  featureMaps,
} from './feature-maps.ts';
export { type Change, type InvarianceCurve, type InvarianceOptions, invarianceCurves } from './invariance.ts';
export { type Inverted, type InvertOptions, invertFeatures } from './invert-features.ts';
export {
  diagnoseKernels,
  type FilterDiagnosis,
  type KernelDiagnosis,
  type Kernels,
  kernelGrid,
  kernelsOf,
} from './kernels.ts';
export {
  type Maximized,
  type MaximizeOptions,
  type MaximizeTarget,
  maximizeActivation,
  maximizeActivations,
} from './maximize-activation.ts';
export { type MaximizedFigureOptions, maximizedFigure } from './maximized-figure.ts';
export { type EpochFeatures, type FeatureHistory, featureHistory, overEpochsFigure } from './over-epochs.ts';
export {
  type PartBox,
  type PartCorrespondence,
  type PartCorrespondenceOptions,
  type PartDistance,
  partCorrespondence,
} from './part-correspondence.ts';
export type { PatchWindow } from './patch-window.ts';
export { type Project, projectUnit, type UnitAt } from './project-unit.ts';
export { readParts } from './read-parts.ts';
export {
  type ImageBatch,
  type TopImage,
  type TopImages,
  type TopImagesOptions,
  topImages,
} from './top-images.ts';
export { type TopImagesFigureOptions, topImagesFigure } from './top-images-figure.ts';
export { type UnitImages, type UnitImagesOptions, unitImages } from './unit-images.ts';
