/** Where the objects of a labelled data set are, learned from a few masks or boxes on a network's frozen features. */
export { largestBlobs } from './blobs.ts';
export { cocoShape } from './coco-shape.ts';
export { crossValidate, intersectionOverUnion } from './cross-validate.ts';
export { exportMasks, takeCorrections } from './export-masks.ts';
export { type FitOptions, fitPixelClassifier } from './fit-pixel-classifier.ts';
export { PixelClassifier, type PixelClassifierShape } from './pixel-classifier.ts';
export {
  type PixelTruth,
  type TruthBox,
  truthOfBoxes,
  truthOfLabels,
  truthOfMasks,
} from './pixel-truth.ts';
export { predictMasks, type UnsegmentedImage } from './predict-masks.ts';
export { type SegmentationOptions, segmentDataset } from './segment-dataset.ts';
export type { TruthfulImage } from './training-sample.ts';
