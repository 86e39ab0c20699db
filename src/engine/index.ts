export type { EngineDescription, EngineInfo, EngineName, EngineSettings } from './engine-info.ts';
export { engineNames } from './engine-info.ts';
export { describeEngines, type EngineOptions, startEngine } from './start-engine.ts';
