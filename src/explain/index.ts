/** What a network sees: methods of explanation for trained models, and the page that shows them side by side. */

export { boxInFile, type MapBox, mapBoxes } from './boxes.ts';
export {
  type AugmentationOptions,
  ablationCam,
  type CounterfactualMapsOptions,
  counterfactualMaps,
  type FusedMapsOptions,
  fusedMaps,
  type SmoothedMapsOptions,
  scoreCam,
  smoothByAugmentation,
  smoothedMaps,
  softmaxGradCamPlusPlus,
  stageLayers,
} from './class-maps/index.ts';
export { drawAttribution, drawImage } from './draw-attribution.ts';
export {
  type Attribution,
  type ClassExplanations,
  type ExplainedImage,
  type ExplainOptions,
  explainImages,
} from './explain-images.ts';
export {
  imageEndings,
  type ListedImage,
  type ListedImages,
  type ListOptions,
  listImages,
} from './image-sources.ts';
export { grey, type NamedImage, readImages } from './images.ts';
export type { ExplanationMethod, MethodOptions } from './method.ts';
export { methodAliases, methodNamed } from './method-aliases.ts';
export {
  type AttributionKind,
  explanationMethods,
  findMethods,
  type MethodEntry,
  type MethodGroup,
  methodGroups,
} from './method-list.ts';
export {
  type LimeExplanation,
  type LimeOptions,
  lime,
  limeExplanations,
  type OcclusionOptions,
  occlusion,
  type PerturbationOptions,
  type Predictor,
  type RiseOptions,
  rise,
  type SuperpixelOptions,
  superpixels,
} from './perturbation/index.ts';
export {
  deconvolution,
  type GraphModel,
  type GuidedGradCamOptions,
  gradientMaps,
  guidedBackpropagation,
  guidedGradCam,
  type IntegratedGradientsOptions,
  integratedGradients,
  type PixelOptions,
  type ReluRule,
  reluRule,
  type SmoothGradOptions,
  smoothGrad,
} from './pixels/index.ts';
export {
  type FeatureMapGridOptions,
  type FeatureMapOptions,
  type FeatureMaps,
  featureMapGrid,
  featureMaps,
  type ImageBatch,
  type Maximized,
  type MaximizedFigureOptions,
  type MaximizeOptions,
  type MaximizeTarget,
  maximizeActivation,
  maximizeActivations,
  maximizedFigure,
  type PatchWindow,
  type Project,
  projectUnit,
  type TopImage,
  type TopImages,
  type TopImagesFigureOptions,
  type TopImagesOptions,
  topImages,
  topImagesFigure,
  type UnitAt,
  unitImages,
} from './units/index.ts';
export { type WriteOptions, type WrittenExplanations, writeExplanations } from './write-explanations.ts';
