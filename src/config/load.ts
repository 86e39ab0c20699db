import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { stringify } from 'yaml';
import { ConfigError } from '../errors/index.ts';
import { checkedYaml, type Override } from './checked-yaml.ts';
import { type Config, configSchema } from './schema.ts';

/**
 * Finds an experiment file: as named, else in `configs/` of the working folder.
 *
 * @param folders where it is looked for when it is not there as named. @default ['configs']
 * @throws {ConfigError} naming the places when none holds it.
 */
export function findConfig(file: string, folders: readonly string[] = ['configs']): string {
  const places = isAbsolute(file) ? [file] : [file, ...folders.map((folder) => join(folder, file))];
  const found = places.find((place) => existsSync(place));
  if (!found) throw new ConfigError(`${file}: no such config file (looked for ${places.join(' and ')})`);
  return found;
}

/**
 * Reads an experiment file and fills in every default.
 *
 * @param file path of the YAML file; see {@link findConfig}.
 * @param overrides `key.path=value` pairs, the value in YAML, or values with the place that they come from; laid over
 *   the file in order.
 * @throws {ConfigError} `file:line:column key.path: what was expected, what was found`, a line per problem.
 */
export async function loadConfig(file: string, overrides: readonly Override[] = []): Promise<Config> {
  const path = findConfig(file);
  return parseConfig(await readConfigFile(path), path, overrides);
}

/** The text of a config file. */
export function readConfigFile(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: Error) => {
    throw new ConfigError(`${path}: cannot be read: ${cause.message}`, { cause });
  });
}

/** As {@link loadConfig}, from text; `file` only names it in messages. */
export function parseConfig(text: string, file: string, overrides: readonly Override[] = []): Config {
  return checkedYaml(configSchema, text, file, overrides).value;
}

/** The resolved config as YAML, fit to be read back by {@link parseConfig}. */
export function stringifyConfig(config: Config): string {
  return stringify(config, { lineWidth: 110 });
}
