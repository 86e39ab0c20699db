export {
  type OnnxGraph,
  type OnnxSession,
  openOnnx,
  runOnnx,
  type TraceOptions,
  traceOnnx,
} from './onnx-graph.ts';
export { type OperatorSupport, operatorSupport } from './operator-support.ts';
export { supportedKernels } from './register.ts';
export { type OnnxBackendOptions, onnxStats, registerOnnxBackend } from './register-onnx-backend.ts';
export type { EvaluatorStats } from './runtime/evaluator.ts';
export { loadNativeRuntime } from './runtime/native-runtime.ts';
export type { OnnxBackend } from './runtime/onnx-backend.ts';
export { type OnnxProvider, offeredProviders, onnxProviders } from './runtime/provider.ts';
