export { findConfig, loadConfig, parseConfig, stringifyConfig } from './load.ts';
export { type Config, configJsonSchema, configSchema } from './schema.ts';
