/** Files on disk, for every room that writes them: whole or not at all, and on the disk before they get their name; read back by typed errors. */

export { checkedName, nameFault, shown } from './checked-name.ts';
export { fileStem, fileStems } from './file-stem.ts';
export { makeFolder, syncFolder, temporaryName } from './folder.ts';
export { GrowingFile } from './growing-file.ts';
export { LineFile } from './line-file.ts';
export { packageVersion } from './package-version.ts';
export { pathUnder } from './path-under.ts';
export { readJson } from './read-json.ts';
export {
  appendWhole,
  publishFile,
  type WriteOptions,
  writeFolder,
  writeJson,
  writeWhole,
} from './write-whole.ts';
export { cannotBeWritten, type WriteError, writing } from './writing.ts';
