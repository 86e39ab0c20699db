export { readAnswers, type StoredAnswer, writeAnswers } from './answer-file.ts';
export type { Augmentation, Fit } from './augmentation.ts';
export type { BatchBox, BatchMask, Box, ConfounderMask, HostBatch, View } from './batch.ts';
export type { BatchOptions } from './batch-options.ts';
export {
  type ClipOptions,
  type ClipViewOptions,
  isClipFile,
  readClip,
  readClipView,
  resizeVolume,
  stretchVolume,
  type Volume,
  videoEndings,
  videoFrames,
} from './clips/index.ts';
export {
  areaOf,
  type Bounds,
  boundsOf,
  type Cell,
  type Composite,
  type CompositeOptions,
  type CutObject,
  cutObject,
  dilate,
  eraseRegion,
  type PasteOptions,
  type Picture,
  pasteObject,
  type Region,
  union,
} from './composites/index.ts';
export { type Dataset, type DatasetOptions, openDataset } from './dataset.ts';
export { type DatasetInfo, readDatasetInfo } from './dataset-info.ts';
export { DatasetWriter, type DatasetWriterOptions } from './dataset-writer.ts';
export {
  type BiasedBoatsOptions,
  type DrawnOptions,
  type DrawnSetName,
  drawnSetNames,
  type Generated,
  generateBiasedBoats,
  generateDrawn,
  type MovingShapesSetOptions,
} from './drawn/index.ts';
export {
  decodeExample,
  encodeExample,
  type ImageExample,
  type ImageObject,
  type LabelRule,
} from './image-example.ts';
export { type ImageView, readImageBytes, readImageFile, readImageView } from './image-file.ts';
export {
  type AnnotatedSourceOptions,
  type CifarOptions,
  type ClipImportOptions,
  type CocoOptions,
  type CocoPart,
  type CocoSegmentation,
  type CsvOptions,
  type CubOptions,
  type CvatOptions,
  cocoSplit,
  type DecoyFeedback,
  type DecoyOptions,
  decompressRuns,
  drawSegmentation,
  type FolderOptions,
  findCifar,
  findClips,
  findCoco,
  findCsv,
  findCub,
  findCvat,
  findDecoy,
  findFolders,
  findHuggingFace,
  findIdx,
  findLabelMe,
  findLabelStudio,
  findOpenImages,
  findTfrecords,
  findVia,
  findVoc,
  findWebDataset,
  findYolo,
  type ImportItem,
  type ImportNote,
  type ImportOptions,
  type ImportSource,
  type ImportSummary,
  importExamples,
  type LabelStudioOptions,
  listClips,
  type OpenImagesOptions,
  readIdx,
  type TellNote,
  type TfrecordOptions,
  type ViaOptions,
  type VocOptions,
  type YoloOptions,
} from './importers/index.ts';
export {
  type Fingerprinted,
  type Leak,
  type NearDuplicates,
  nearDuplicates,
} from './inspection/near-duplicates.ts';
export {
  type DatasetSurvey,
  type SplitSurvey,
  type Spread,
  SURVEY_SIDE,
  type SurveyOptions,
  type SurveySample,
  surveyDataset,
} from './inspection/survey.ts';
export type { ExampleLabels, LabelStatistics } from './label-statistics.ts';
export { drawPersons, identityBatches, type Person, type PersonOptions } from './persons/index.ts';
export {
  MOST_MASKED_CLASSES,
  type PredictedMask,
  type PredictedMasks,
  type PredictedMasksInfo,
  readPredictedMasks,
  writePredictedMasks,
} from './predicted-masks.ts';
export { RecordFile, readRecords } from './record-file.ts';
export { frameRecord } from './record-framing.ts';
export {
  captionLength,
  captionOf,
  drawScenes,
  questionLength,
  questionOf,
  type Scene,
  type SceneAnswer,
  type SceneColor,
  type SceneObject,
  type SceneOptions,
  type SceneQuestion,
  type SceneQuestionKind,
  type SceneRelation,
  type SceneShape,
  type SceneWord,
  sceneAnswers,
  sceneColors,
  sceneQuestionKinds,
  sceneRelations,
  sceneShapes,
  sceneWords,
  wordNumbers,
} from './scenes/index.ts';
export { startThread } from './start-thread.ts';
