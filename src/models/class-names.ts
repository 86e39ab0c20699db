import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ModelError } from '../errors/index.ts';
import { isJson } from './keras/dialect.ts';

/** Names of classes, and the file that they are from. */
export interface FoundClassNames {
  readonly names: readonly string[];
  readonly file: string;
}

/** More classes than any classifier has. */
const maxClasses = 1_000_000;

/** Files beside a model that may say what its classes are called, and how, in the order in which they are asked. */
const sources: [name: string, read: (text: string) => readonly string[] | undefined][] = [
  // Teachable Machine.
  ['metadata.json', (text) => listOf(json(text), 'labels')],
  // Hugging Face and timm.
  ['config.json', (text) => id2label(json(text)) ?? listOf(json(text), 'label_names')],
  ['classes.json', (text) => listOf(json(text), 'classes')],
  ['class_names.json', (text) => listOf(json(text), 'classes')],
  ['labels.json', (text) => listOf(json(text), 'labels') ?? id2label({ id2label: json(text) })],
  ['labels.txt', lines],
  ['classes.txt', lines],
];

/**
 * The names of a model's classes, from the files that other software puts beside it: Teachable Machine's
 * `metadata.json`, the `id2label` of a Hugging Face `config.json`, `labels.txt` (with the numbers that Teachable Machine
 * writes before them), `classes.txt`, `classes.json`.
 *
 * @param path folder of the model, or a file in it
 * @returns undefined when no file says so
 * @throws {ModelError} when such a file is damaged, or names no class or one twice
 */
export async function classNamesBeside(path: string): Promise<FoundClassNames | undefined> {
  const stats = await stat(path).catch(() => undefined);
  const folder = stats?.isDirectory() ? path : dirname(path);
  for (const [name, read] of sources) {
    const file = join(folder, name);
    const text = await readFile(file, 'utf8').catch(() => undefined);
    if (text === undefined) continue;
    let names: readonly string[] | undefined;
    try {
      names = read(text.replace(/^\uFEFF/, ''));
    } catch (cause) {
      throw new ModelError(`${file}: ${(cause as Error).message}`, { cause });
    }
    if (names === undefined || names.length === 0 || names.length > maxClasses) continue;
    const twice = names.find((one, i) => names.indexOf(one) !== i);
    if (twice !== undefined) throw new ModelError(`${file}: two classes are called "${twice}"`);
    return { names, file };
  }
  return undefined;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`this is not JSON: ${(cause as Error).message}`, { cause });
  }
}

/** A list of names, or an object that has one under `key`. */
function listOf(value: unknown, key: string): readonly string[] | undefined {
  const list = Array.isArray(value) ? value : isJson(value) ? value[key] : undefined;
  return Array.isArray(list) && list.every((one) => typeof one === 'string') ? list : undefined;
}

/** `{ "0": "cat", "1": "dog" }`, in the order of the numbers, which have to be 0 … C − 1. */
function id2label(value: unknown): readonly string[] | undefined {
  const labels = isJson(value) ? value.id2label : undefined;
  if (!isJson(labels)) return undefined;
  const count = Object.keys(labels).length;
  return Array.from({ length: count }, (_, i) => {
    const name = labels[String(i)];
    if (typeof name !== 'string') throw new Error(`id2label has ${count} classes, and no name for ${i}`);
    return name;
  });
}

/** One name a line; Teachable Machine numbers them, `0 cat`. */
function lines(text: string): readonly string[] {
  const names = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const numbered = names.every((line, i) => line.startsWith(`${i} `));
  return numbered && names.length > 0 ? names.map((line) => line.replace(/^\d+ +/, '')) : names;
}
