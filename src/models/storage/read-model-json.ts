import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { io } from '@tensorflow/tfjs-core';
import * as z from 'zod';
import { ModelError } from '../../errors/index.ts';
import { pathUnder } from '../../files/index.ts';
import { isJson, type Json } from '../keras/dialect.ts';
import { type StoredWeight, StoredWeights } from './stored-weights.ts';

const quantization = z.looseObject({
  dtype: z.enum(['uint8', 'uint16', 'float16']),
  scale: z.number().optional(),
  min: z.number().optional(),
  original_dtype: z.string().optional(),
});

const weight = z.looseObject({
  name: z.string().min(1),
  shape: z.array(z.int().min(0)).max(8),
  dtype: z.enum(['float32', 'int32', 'bool', 'complex64', 'float16']),
  quantization: quantization.optional(),
  group: z.string().optional(),
});

const manifest = z.array(
  z.looseObject({ paths: z.array(z.string().min(1)).min(1), weights: z.array(weight) }),
);

type WeightSpec = z.output<typeof weight>;

/** A `model.json` with its weights, as it lies there. */
export interface ModelJson {
  /** What describes the model: `modelTopology`. */
  readonly topology: Json;
  readonly weights: StoredWeights;
  readonly userDefinedMetadata: Record<string, unknown> | undefined;
}

/** No description of a network is as long. */
const maxJsonBytes = 512 * 2 ** 20;

/**
 * Reads a tfjs `model.json` and the weights that its manifest names.
 *
 * @throws {ModelError} a file is missing, too long or cut short, a part of it is not what it should be, or a path leads
 *   out of its folder
 */
export async function readModelJson(file: string): Promise<ModelJson> {
  const json = await jsonOf(file);
  const { modelTopology: topology } = json;
  if (isGraph(json)) {
    throw new ModelError(
      `${file}: this is a graph-model, which cannot be trained; convert the original with ` +
        'tensorflowjs_converter --output_format tfjs_layers_model (npm run explain takes it as it is)',
    );
  }
  if (!isJson(topology)) {
    throw new ModelError(`${file}: this is not a tfjs layers-model: it has no "modelTopology"`);
  }
  const weights: StoredWeight[] = [];
  for (const group of manifestOf(file, json))
    weights.push(...(await readGroup(file, group.paths, group.weights)));
  return {
    topology,
    weights: new StoredWeights(file, weights),
    userDefinedMetadata: isJson(json.userDefinedMetadata) ? json.userDefinedMetadata : undefined,
  };
}

/** A `model.json` of a graph-model with its weights, as tfjs takes them. */
export interface GraphJson {
  readonly json: Json;
  readonly specs: readonly WeightSpec[];
  readonly bytes: ArrayBuffer;
}

/**
 * Reads the `model.json` of a graph-model and the weights that its manifest names.
 *
 * @returns undefined for a file of another kind
 * @throws {ModelError} as {@link readModelJson}
 */
export async function readGraphJson(file: string): Promise<GraphJson | undefined> {
  const json = await jsonOf(file);
  if (!isGraph(json)) return undefined;
  const groups = manifestOf(file, json);
  const bytes: Buffer[] = [];
  for (const { paths, weights } of groups) bytes.push(await bytesOfGroup(file, paths, weights));
  const all = Buffer.concat(bytes);
  return {
    json,
    specs: groups.flatMap(({ weights }) => weights),
    bytes: all.buffer.slice(all.byteOffset, all.byteOffset + all.length) as ArrayBuffer,
  };
}

async function jsonOf(file: string): Promise<Json> {
  const size = await sizeOf(file);
  if (size > maxJsonBytes) throw new ModelError(`${file}: it has ${size} bytes, more than any model.json`);
  return parse(file, (await read(file)).toString('utf8'));
}

function isGraph({ format, modelTopology: topology }: Json): boolean {
  return format === 'graph-model' || (isJson(topology) && 'node' in topology);
}

function manifestOf(file: string, json: Json) {
  const parsed = manifest.safeParse(json.weightsManifest ?? []);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ModelError(`${file}: weightsManifest.${issue!.path.join('.')}: ${issue!.message}`);
}

function parse(file: string, text: string): Json {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new ModelError(`${file}: this is not JSON: ${firstLine(cause)}`, { cause });
  }
  if (!isJson(json)) throw new ModelError(`${file}: this is not a tfjs layers-model: it is no object`);
  return json;
}

async function bytesOfGroup(
  file: string,
  paths: readonly string[],
  specs: readonly WeightSpec[],
): Promise<Buffer> {
  const files = paths.map((path) =>
    pathUnder(dirname(file), path, `${file}: weightsManifest: the path`, ModelError),
  );
  const expected = specs.reduce((bytes, spec) => bytes + byteLength(spec), 0);
  let found = 0;
  for (const shard of files) found += await sizeOf(shard);
  if (found !== expected) {
    throw new ModelError(
      `${files.join(', ')}: ${found < expected ? 'the weights are cut short' : 'there are more weights than the model has'}: ` +
        `expected ${expected} bytes, found ${found}`,
    );
  }
  return Buffer.concat(await Promise.all(files.map(read)));
}

async function readGroup(file: string, paths: readonly string[], specs: readonly WeightSpec[]) {
  const bytes = await bytesOfGroup(file, paths, specs);
  let offset = 0;
  return specs.flatMap((spec): StoredWeight[] => {
    const start = bytes.byteOffset + offset;
    offset += byteLength(spec);
    const own = bytes.buffer.slice(start, start + byteLength(spec)) as ArrayBuffer;
    // What an optimizer kept beside the model is not of the model.
    if (spec.group === 'optimizer') return [];
    return [{ name: spec.name, shape: spec.shape, values: () => decode(own, spec) }];
  });
}

function decode(bytes: ArrayBuffer, spec: WeightSpec): Float32Array | Int32Array {
  if (!spec.quantization && spec.dtype === 'float32') return new Float32Array(bytes);
  const dtype = spec.dtype === 'float16' ? 'float32' : spec.dtype;
  const quantized = spec.quantization ?? (spec.dtype === 'float16' ? { dtype: 'float16' } : undefined);
  const entry = { name: spec.name, shape: spec.shape, dtype, ...(quantized && { quantization: quantized }) };
  const { [spec.name]: tensor } = io.decodeWeights(bytes, [entry as io.WeightsManifestEntry]);
  const values = tensor!.dataSync() as Float32Array | Int32Array;
  tensor!.dispose();
  return values;
}

/** Bytes of a weight on disk; the converter may have quantized it. */
function byteLength({ dtype, shape, quantization: quantized }: WeightSpec): number {
  const each = { float32: 4, int32: 4, complex64: 8, float16: 2, uint16: 2, uint8: 1, bool: 1 };
  return shape.reduce((product, size) => product * size, 1) * each[quantized?.dtype ?? dtype];
}

async function sizeOf(file: string): Promise<number> {
  const stats = await stat(file).catch((cause: NodeJS.ErrnoException) => {
    throw new ModelError(`${file}: ${cause.code === 'ENOENT' ? 'this file is missing' : firstLine(cause)}`, {
      cause,
    });
  });
  if (!stats.isFile()) throw new ModelError(`${file}: this is no file`);
  return stats.size;
}

async function read(file: string): Promise<Buffer> {
  return readFile(file).catch((cause) => {
    throw new ModelError(`${file}: ${firstLine(cause)}`, { cause });
  });
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]!;
}
