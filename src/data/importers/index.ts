export { type FolderOptions, findFolders } from './folder.ts';
export { findIdx, type IdxArray, readIdx } from './idx.ts';
export {
  type ImportItem,
  type ImportOptions,
  type ImportSource,
  type ImportSummary,
  importExamples,
} from './import-examples.ts';
export { findVoc, type VocOptions } from './voc.ts';
