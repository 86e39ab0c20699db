export { type CheckedYaml, checkedYaml, type Override } from './checked-yaml.ts';
export { findConfig, loadConfig, parseConfig, readConfigFile, stringifyConfig } from './load.ts';
export { type Config, configJsonSchema, configSchema } from './schema.ts';
