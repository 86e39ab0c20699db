import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import {
  type Document,
  isMap,
  isNode,
  isPair,
  isScalar,
  LineCounter,
  parse,
  parseDocument,
  stringify,
} from 'yaml';
import type * as z from 'zod';
import { ConfigError, nearest, UsageError } from '../errors/index.ts';
import { type Config, configSchema } from './schema.ts';

type Path = readonly (string | number)[];

/**
 * Finds an experiment file: as named, else in `configs/` of the working folder.
 *
 * @throws {ConfigError} naming both places when neither holds it.
 */
export function findConfig(file: string): string {
  const places = isAbsolute(file) ? [file] : [file, join('configs', file)];
  const found = places.find((place) => existsSync(place));
  if (!found) throw new ConfigError(`${file}: no such config file (looked for ${places.join(' and ')})`);
  return found;
}

/**
 * Reads an experiment file and fills in every default.
 *
 * @param file path of the YAML file; see {@link findConfig}.
 * @param overrides `key.path=value` pairs, the value in YAML, laid over the file in order.
 * @throws {ConfigError} `file:line:column key.path: what was expected, what was found`, a line per problem.
 */
export async function loadConfig(file: string, overrides: readonly string[] = []): Promise<Config> {
  const path = findConfig(file);
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw new ConfigError(`${path}: cannot be read: ${cause.message}`, { cause });
  });
  return parseConfig(text, path, overrides);
}

/** As {@link loadConfig}, from text; `file` only names it in messages. */
export function parseConfig(text: string, file: string, overrides: readonly string[] = []): Config {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const syntax = document.errors[0];
  if (syntax) {
    const { line, col } = lines.linePos(syntax.pos[0]);
    throw new ConfigError(`${file}:${line}:${col} not valid YAML: ${syntax.message.split('\n')[0]}`);
  }
  if (!isMap(document.contents)) {
    throw new ConfigError(
      `${file}:1:1 expected a mapping of keys to values, found ${describe(document.toJS())}`,
    );
  }
  const overridden = new Map<string, string>();
  for (const override of overrides) {
    const key = applyOverride(document, override);
    overridden.set(key, override);
  }

  const value: unknown = document.toJS();
  const result = configSchema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;

  const where = (at: Path, ofKey: boolean): string => {
    const dotted = at.join('.');
    for (const [key, override] of overridden) {
      if (dotted === key || dotted.startsWith(`${key}.`)) return `--set ${override}:`;
    }
    const offset = offsetOf(document, at, ofKey);
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const problems = result.error.issues.flatMap((issue) => explain(issue, where));
  throw new ConfigError(problems.join('\n'));
}

/** The resolved config as YAML, fit to be read back by {@link parseConfig}. */
export function stringifyConfig(config: Config): string {
  return stringify(config, { lineWidth: 110 });
}

function applyOverride(document: Document, override: string): string {
  const at = override.indexOf('=');
  if (at < 1)
    throw new UsageError(`--set ${override}: expected key.path=value, for example --set training.epochs=3`);
  const key = override.slice(0, at).trim();
  let value: unknown;
  try {
    value = parse(override.slice(at + 1));
  } catch (cause) {
    throw new ConfigError(`--set ${override}: the value is not valid YAML`, { cause });
  }
  const path = key.split('.');
  for (let depth = 1; depth < path.length; depth++) {
    const parent = path.slice(0, depth);
    if (!isMap(document.getIn(parent, true))) document.setIn(parent, document.createNode({}));
  }
  document.setIn(path, document.createNode(value));
  return key;
}

/** Offset in the text of the value at a path, or of its key; of the closest enclosing node where it is absent. */
function offsetOf(document: Document, path: Path, ofKey: boolean): number {
  for (let length = path.length; length > 0; length--) {
    const at = path.slice(0, length);
    const parent = length === 1 ? document.contents : document.getIn(at.slice(0, -1), true);
    if (isMap(parent)) {
      const pair = parent.items.find(
        (item) => isPair(item) && isScalar(item.key) && item.key.value === at.at(-1),
      );
      const node = ofKey && length === path.length ? pair?.key : (pair?.value ?? pair?.key);
      if (isNode(node) && node.range) return node.range[0];
    }
    const node = document.getIn(at, true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return 0;
}

function explain(issue: z.core.$ZodIssue, where: (at: Path, ofKey: boolean) => string): string[] {
  const path = issue.path as Path;
  const dotted = path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(path);
    return issue.keys.map((key) => {
      const full = [...path, key];
      const guess = nearest(key, known)[0];
      const hint = guess ? `; did you mean '${guess}'?` : `; known keys: ${known.join(', ')}`;
      return `${where(full, true)} ${full.join('.')}: unknown key${hint}`;
    });
  }
  const found = describe(issue.input) + suggestion(issue);
  return [`${where(path, false)} ${dotted || '(top level)'}: ${expectation(issue)}, found ${found}`];
}

/** For a name that is none of the allowed ones: those that it may have meant. */
function suggestion({ code, input, ...issue }: z.core.$ZodIssue): string {
  if (code !== 'invalid_value' || typeof input !== 'string') return '';
  const [guess] = nearest(input, (issue as z.core.$ZodIssueInvalidValue).values.map(String));
  return guess ? `; did you mean '${guess}'?` : '';
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `expected ${issue.expected}`;
    case 'invalid_value':
      return `expected one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `expected ${issue.origin === 'array' ? 'length ' : ''}${issue.inclusive ? '>=' : '>'} ${issue.minimum}`;
    case 'too_big':
      return `expected ${issue.origin === 'array' ? 'length ' : ''}${issue.inclusive ? '<=' : '<'} ${issue.maximum}`;
    case 'invalid_union':
      return `expected ${issue.errors
        .map((branch) => branch.map((inner) => expectation(inner).replace('expected ', '')).join(' and '))
        .join(' or ')}`;
    default:
      return issue.message;
  }
}

function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  return typeof value === 'object' ? JSON.stringify(value) : `${typeof value} ${JSON.stringify(value)}`;
}

/** Keys of the schema's object at a path, read off the parsed defaults. */
function knownKeys(path: Path): string[] {
  let node: unknown = configSchema;
  for (const key of path) node = unwrap(node)?.shape?.[key];
  return Object.keys(unwrap(node)?.shape ?? {});
}

interface SchemaNode {
  shape?: Record<string, unknown>;
  def?: { innerType?: unknown };
}

function unwrap(node: unknown): SchemaNode | undefined {
  let schema = node as SchemaNode | undefined;
  while (schema && !schema.shape && schema.def?.innerType) schema = schema.def.innerType as SchemaNode;
  return schema;
}
