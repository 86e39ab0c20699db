export { type CifarOptions, findCifar } from './cifar.ts';
export { type CocoOptions, type CocoPart, cocoSplit, findCoco } from './coco.ts';
export { type CocoSegmentation, decompressRuns, drawSegmentation } from './coco-masks.ts';
export { type CsvOptions, findCsv } from './csv.ts';
export { type CubOptions, findCub } from './cub.ts';
export { type DecoyOptions, findDecoy } from './decoy.ts';
export type { DecoyFeedback } from './decoy-masks.ts';
export { type FolderOptions, findFolders } from './folder.ts';
export { findIdx, type IdxArray, readIdx } from './idx.ts';
export {
  type ImportItem,
  type ImportOptions,
  type ImportSource,
  type ImportSummary,
  importExamples,
} from './import-examples.ts';
export type { ImportNote, TellNote } from './import-notes.ts';
export { findTfrecords, type TfrecordOptions } from './tfrecord.ts';
export { findVoc, type VocOptions } from './voc.ts';
