import { type Document, isMap, isNode, isPair, isScalar, LineCounter, parse } from 'yaml';
import type * as z from 'zod';
import { ConfigError, nearest, UsageError } from '../errors/index.ts';
import { parsed, plainValue } from './yaml-document.ts';

type Path = readonly (string | number)[];

/** A value laid over a file: `key.path=value` of a command line, or one that stands in another file. */
export type Override =
  | string
  | {
      readonly key: string;
      readonly value: unknown;
      /** Where it stands, `file:line:column`, for messages. */
      readonly from: string;
    };

export interface CheckedYaml<Value> {
  readonly value: Value;
  /** `file:line:column` of the value at a path, for what only the reader of the file can find wrong with it. */
  readonly where: (path: Path) => string;
}

/**
 * Reads a YAML file by a strict schema.
 *
 * @param file names it in messages.
 * @param overrides laid over the file, in order, before it is checked.
 * @throws {ConfigError} `file:line:column key.path: what was expected, what was found`, a line per problem.
 */
export function checkedYaml<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
  file: string,
  overrides: readonly Override[] = [],
): CheckedYaml<z.output<Schema>> {
  const lines = new LineCounter();
  const document = parsed(text, file, lines);
  const overridden = new Map<string, string>();
  for (const override of overrides) {
    const { key, value, from } = typeof override === 'string' ? readText(override) : override;
    for (const made of applyValue(document, key, value)) overridden.set(made, from);
  }

  const where = (at: Path, ofKey = false): string => {
    const dotted = at.join('.');
    for (const [key, from] of overridden) {
      if (dotted === key || dotted.startsWith(`${key}.`)) return from;
    }
    const { line, col } = lines.linePos(offsetOf(document, at, ofKey));
    return `${file}:${line}:${col}`;
  };
  const result = schema.safeParse(plainValue(document, file, lines), { reportInput: true });
  if (result.success) return { value: result.data, where };
  throw new ConfigError(explainAll(result.error.issues, schema, where).join('\n'));
}

/** `key.path=value`, the value in YAML. */
function readText(override: string): Exclude<Override, string> {
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
  return { key, value, from: `--set ${override}:` };
}

/** @returns the key, and those around it that were not in the file */
function applyValue(document: Document, key: string, value: unknown): string[] {
  const path = key.split('.');
  const made = [key];
  for (let depth = 1; depth < path.length; depth++) {
    const parent = path.slice(0, depth);
    if (isMap(document.getIn(parent, true))) continue;
    document.setIn(parent, document.createNode({}));
    made.push(parent.join('.'));
  }
  document.setIn(path, document.createNode(value));
  return made;
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

/** A file of another kind breaks the schema everywhere; the first problems say so. */
const PROBLEMS_SHOWN = 20;

function explainAll(
  issues: readonly z.core.$ZodIssue[],
  schema: z.ZodType,
  where: (at: Path, ofKey?: boolean) => string,
): string[] {
  const problems: string[] = [];
  let count = 0;
  for (const issue of issues) {
    const keys = issue.code === 'unrecognized_keys' ? issue.keys : undefined;
    count += keys?.length ?? 1;
    const room = PROBLEMS_SHOWN - problems.length;
    if (room <= 0) continue;
    problems.push(
      ...explain(keys ? ({ ...issue, keys: keys.slice(0, room) } as typeof issue) : issue, schema, where),
    );
  }
  return count > problems.length ? [...problems, `… and ${count - problems.length} more problems`] : problems;
}

function explain(
  issue: z.core.$ZodIssue,
  schema: z.ZodType,
  where: (at: Path, ofKey?: boolean) => string,
): string[] {
  const path = issue.path as Path;
  const dotted = path.join('.');
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(schema, path);
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
  const text = JSON.stringify(value) ?? String(value);
  const short = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  return typeof value === 'object' ? short : `${typeof value} ${short}`;
}

/** Keys of the schema's object at a path. */
function knownKeys(schema: z.ZodType, path: Path): string[] {
  let node: unknown = schema;
  for (const key of path) {
    const inner = unwrap(node);
    node = typeof key === 'number' ? inner?.def?.element : inner?.shape?.[key];
  }
  return Object.keys(unwrap(node)?.shape ?? {});
}

interface SchemaNode {
  shape?: Record<string, unknown>;
  def?: { innerType?: unknown; element?: unknown };
}

function unwrap(node: unknown): SchemaNode | undefined {
  let schema = node as SchemaNode | undefined;
  while (schema && !schema.shape && schema.def?.innerType) schema = schema.def.innerType as SchemaNode;
  return schema;
}
