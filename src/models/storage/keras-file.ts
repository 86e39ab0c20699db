import { readFile } from 'node:fs/promises';
import type { Dataset, Group } from 'jsfive';
import { ModelError } from '../../errors/index.ts';
import { isJson, type Json } from '../keras/dialect.ts';
import { isOperation } from '../keras/operations.ts';
import { readZip } from '../read-zip.ts';
import { type StoredWeight, StoredWeights } from './stored-weights.ts';

/** What a file of Keras holds. */
export interface KerasFile {
  /** With `keras_version` and `model_config`. */
  readonly topology: Json;
  /** By the path of the layer and the name (`inner/deep/kernel`) or number (`inner/deep/#0`) of the weight. */
  readonly weights: StoredWeights;
}

/**
 * Reads a `.keras` archive (Keras 3, and the last of Keras 2): the description, and the weights, which lie in it by the
 * classes of the layers and their order.
 *
 * @throws {ModelError} when it is no such archive, or damaged
 */
export async function readKerasArchive(file: string): Promise<KerasFile> {
  return reading(file, () => archive(file));
}

/**
 * Reads Keras's older `.h5`: the description is an attribute, the weights lie by the names of the layers.
 *
 * @throws {ModelError} when it holds weights alone, or is damaged
 */
export async function readKerasHdf5(file: string): Promise<KerasFile> {
  return reading(file, () => hdf5(file));
}

/** What the reader of HDF5 meets in a damaged file is anything. */
async function reading<T>(file: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (cause instanceof ModelError) throw cause;
    throw new ModelError(`${file}: the file is damaged: ${(cause as Error).message}`, { cause });
  }
}

async function archive(file: string): Promise<KerasFile> {
  const members = readZip(file, await bytesOf(file), ['config.json', 'metadata.json', 'model.weights.h5']);
  const config = jsonMember(file, members, 'config.json');
  const metadata = jsonMember(file, members, 'metadata.json');
  const hdf5 = members.get('model.weights.h5');
  if (!hdf5) throw new ModelError(`${file}: it holds no model.weights.h5`);
  const root = await openHdf5(file, hdf5);
  const weights: StoredWeight[] = [];
  collectByClass(file, config, root, '', weights);
  return {
    topology: { keras_version: metadata.keras_version, backend: 'tensorflow', model_config: config },
    weights: new StoredWeights(file, weights),
  };
}

async function hdf5(file: string): Promise<KerasFile> {
  const root = await openHdf5(file, await bytesOf(file));
  const { model_config, keras_version } = root.attrs;
  if (typeof model_config !== 'string') {
    throw new ModelError(
      `${file}: it holds no description of a model (weights alone?); save the whole model with model.save(…)`,
    );
  }
  const top = root.get('model_weights') as Group | undefined;
  const weights: StoredWeight[] = [];
  for (const layer of strings(top?.attrs.layer_names)) {
    const group = top?.get(layer) as Group | undefined;
    for (const name of strings(group?.attrs.weight_names)) {
      const plain = name.replace(/:\d+$/, '');
      const path = plain.startsWith(`${layer}/`) ? plain : `${layer}/${plain}`;
      weights.push(stored(file, path, group?.get(name)));
    }
  }
  const description = parsed(file, model_config);
  const version = keras_version ?? top?.attrs.keras_version;
  return {
    topology: { keras_version: version, backend: 'tensorflow', model_config: description },
    weights: new StoredWeights(file, weights),
  };
}

/** `layers/conv2d_1/vars/0`: the second Conv2D of its model, first weight; a nested model has `layers` of its own. */
function collectByClass(file: string, model: Json, group: Group, prefix: string, into: StoredWeight[]): void {
  const config = isJson(model.config) ? model.config : {};
  const counts = new Map<string, number>();
  for (const layer of Array.isArray(config.layers) ? (config.layers as Json[]) : []) {
    // Arithmetic between layers is no layer.
    const own = isJson(layer.config) ? layer.config : {};
    if (isOperation(layer, own)) continue;
    const path = prefix + String(layer.name ?? own.name);
    const kind = snakeCase(String(layer.class_name));
    const count = counts.get(kind) ?? 0;
    counts.set(kind, count + 1);
    const key = count === 0 ? kind : `${kind}_${count}`;
    const here = child(child(group, 'layers'), key);
    if (!here) continue;
    if (Array.isArray(own.layers)) collectByClass(file, layer, here, `${path}/`, into);
    const values = child(here, 'vars');
    for (const name of values ? values.keys : []) {
      into.push(stored(file, `${path}/#${name}`, values!.get(name)));
    }
  }
}

function child(group: Group | undefined, name: string): Group | undefined {
  return group?.keys.includes(name) ? (group.get(name) as Group) : undefined;
}

/** As Keras makes names of classes: `Conv2D` to `conv2d`, `BatchNormalization` to `batch_normalization`. */
function snakeCase(name: string): string {
  return name
    .replace(/\W+/g, '')
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
}

function stored(file: string, name: string, found: unknown): StoredWeight {
  const { shape, dtype } = (found ?? {}) as Partial<Dataset>;
  if (!Array.isArray(shape) || typeof dtype !== 'string') {
    throw new ModelError(`${file}: the weight "${name}" is missing`);
  }
  if (!/^[<>|]?[fiu]/.test(dtype)) throw new ModelError(`${file}: the weight "${name}" is of type ${dtype}`);
  const values = () => {
    let numbers: Dataset['value'];
    try {
      numbers = (found as Dataset).value;
    } catch (cause) {
      throw new ModelError(`${file}: the weight "${name}" is damaged: ${(cause as Error).message}`, {
        cause,
      });
    }
    const count = shape.reduce((product, size) => product * size, 1);
    if (numbers?.length !== count && !(count === 1 && typeof numbers === 'number')) {
      throw new ModelError(`${file}: the weight "${name}" has ${numbers?.length} numbers, expected ${count}`);
    }
    return Float32Array.from(typeof numbers === 'number' ? [numbers] : numbers);
  };
  return { name, shape, values };
}

async function openHdf5(file: string, bytes: Uint8Array): Promise<Group> {
  const { File } = await import('jsfive');
  try {
    return new File(bytes.slice().buffer as ArrayBuffer, 'model.h5');
  } catch (cause) {
    throw new ModelError(`${file}: this is not HDF5 that can be read: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
}

function jsonMember(file: string, members: ReadonlyMap<string, Uint8Array>, name: string): Json {
  const bytes = members.get(name);
  if (!bytes) throw new ModelError(`${file}: it holds no ${name}`);
  return parsed(`${file}, ${name}`, new TextDecoder().decode(bytes));
}

function parsed(where: string, text: string): Json {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new ModelError(`${where}: this is not JSON: ${(cause as Error).message}`, { cause });
  }
  if (!isJson(json)) throw new ModelError(`${where}: this is no object`);
  return json;
}

async function bytesOf(file: string): Promise<Uint8Array> {
  return readFile(file).catch((cause: NodeJS.ErrnoException) => {
    throw new ModelError(`${file}: ${cause.code === 'ENOENT' ? 'this file is missing' : cause.message}`, {
      cause,
    });
  });
}
