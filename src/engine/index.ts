export type { EngineDescription, EngineInfo, EngineName, EngineSettings } from './engine-info.ts';
export { engineNames } from './engine-info.ts';
export {
  type OnnxGraph,
  type OnnxProvider,
  type OnnxSession,
  onnxProviders,
  openOnnx,
  operatorSupport,
  runOnnx,
  traceOnnx,
} from './onnx/index.ts';
export { offeredOnnxProviders } from './onnx-engine.ts';
export { runtimeFolder, slimRuntime } from './slim-runtime.ts';
export { describeEngines, type EngineOptions, startEngine } from './start-engine.ts';
export {
  type BuildOptions,
  type BuildTools,
  buildBinding,
  builtVersion,
  findTensorflowPackage,
  findTools,
  removeBuild,
  replaceBuild,
} from './tensorflow-build.ts';
