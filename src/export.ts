/**
 * Trained classifiers as files for other programs.
 *
 * @packageDocumentation
 */

export {
  type ExportOptions,
  type ExportSource,
  exportOnnx,
  exportSource,
  type InputLayout,
  inputLayouts,
  type OnnxExport,
} from './export/index.ts';
