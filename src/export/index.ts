/** Trained classifiers as files for other programs. */
export {
  type ExportOptions,
  type ExportSource,
  exportOnnx,
  type InputLayout,
  inputLayouts,
  type OnnxExport,
} from './onnx-export.ts';
export { exportSource } from './source.ts';
