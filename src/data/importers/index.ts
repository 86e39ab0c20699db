export { type CvatOptions, findCvat } from './annotation-tools/cvat.ts';
export { findLabelMe } from './annotation-tools/label-me.ts';
export { findLabelStudio, type LabelStudioOptions } from './annotation-tools/label-studio.ts';
export { findVia, type ViaOptions } from './annotation-tools/via.ts';
export { type CifarOptions, findCifar } from './cifar.ts';
export { type ClipImportOptions, findClips } from './clips/clips.ts';
export { listClips } from './clips/list-clips.ts';
export { type CocoOptions, type CocoPart, cocoSplit, findCoco } from './coco/coco.ts';
export { type CsvOptions, findCsv } from './csv/csv.ts';
export { type CubOptions, findCub } from './cub.ts';
export { type FolderOptions, findFolders } from './folder/folder.ts';
export { findHuggingFace } from './hugging-face/image-folder.ts';
export {
  type ImportItem,
  type ImportOptions,
  type ImportSource,
  type ImportSummary,
  importExamples,
} from './import-run/import-examples.ts';
export type { ImportNote, TellNote } from './import-run/import-notes.ts';
export { type DecoyOptions, findDecoy } from './mnist/decoy.ts';
export type { DecoyFeedback } from './mnist/decoy-masks.ts';
export { findIdx, type IdxArray, readIdx } from './mnist/idx.ts';
export { findOpenImages, type OpenImagesOptions } from './open-images.ts';
export type { AnnotatedSourceOptions } from './reading/annotated-image.ts';
export { type CocoSegmentation, decompressRuns, drawSegmentation } from './reading/segmentation.ts';
export { findTfrecords, type TfrecordOptions } from './tfrecord/tfrecord.ts';
export { findVoc, type VocOptions } from './voc/voc.ts';
export { findWebDataset } from './web-dataset.ts';
export { findYolo, type YoloOptions } from './yolo.ts';
