import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { io, util } from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { ModelError } from '../errors/index.ts';
import { writeFolder } from '../files/index.ts';
import { layersOf } from './describe-model.ts';

interface ModelJson {
  format?: string;
  modelTopology?: object;
  weightsManifest?: { paths: string[]; weights: io.WeightsManifestEntry[] }[];
  userDefinedMetadata?: Record<string, unknown>;
}

/**
 * Loads a tfjs layers-model from disk, without `tfjs-node`.
 *
 * @param fileOrFolder the folder that holds `model.json`, or the file itself
 * @throws ModelError a file is missing, is not JSON, is a graph-model or no model at all, holds a layer that
 *   tfjs does not know, or the weights are not as long as the model says
 */
export async function loadLayersModel(fileOrFolder: string): Promise<tfl.LayersModel> {
  const file = await modelFile(fileOrFolder);
  const json = parseModelJson(file, await read(file));
  const { topology, frozen } = withoutFrozenFlags(json.modelTopology!);
  const weightData = await readWeights(file, json.weightsManifest ?? []);
  const artifacts = {
    modelTopology: topology,
    weightSpecs: (json.weightsManifest ?? []).flatMap(({ weights }) => weights),
    weightData,
    ...(json.userDefinedMetadata && { userDefinedMetadata: json.userDefinedMetadata }),
  };
  let model: tfl.LayersModel;
  try {
    model = await tfl.loadLayersModel({ load: async () => artifacts as io.ModelArtifacts });
  } catch (error) {
    throw new ModelError(`${file}: tfjs cannot build this model: ${firstLine(error)}`, { cause: error });
  }
  for (const { layer } of layersOf(model)) {
    if (frozen.has(layer.name)) layer.trainable = false;
  }
  return model;
}

/**
 * Saves a model as `model.json` and `weights.bin`, which stock tfjs loads.
 *
 * A folder that does not exist yet appears complete or not at all. In one that exists, the files are
 * replaced one after the other, the weights first; a crash between the two leaves the new weights under the
 * old description, which for the same network is the new model.
 *
 * @param dir is made when it does not exist
 * @throws ModelError two weights have one name, which tfjs would save but never load
 * @throws RunError when it cannot be written; nothing is left of it then
 */
export async function saveLayersModel(model: tfl.LayersModel, dir: string): Promise<void> {
  const names = model.weights.map(({ originalName }) => originalName);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new ModelError(
      `${dir}: a model with two weights called "${twice}" cannot be saved; give its layers different names`,
    );
  }
  const target = resolve(dir);
  await model.save(
    io.withSaveHandler(async (artifacts) => {
      const { modelTopology, weightSpecs = [], weightData, userDefinedMetadata } = artifacts;
      const json = {
        format: 'layers-model',
        generatedBy: artifacts.generatedBy,
        convertedBy: null,
        modelTopology,
        weightsManifest: [{ paths: ['weights.bin'], weights: weightSpecs }],
        ...(userDefinedMetadata && { userDefinedMetadata }),
      };
      const weights = new Uint8Array(io.CompositeArrayBuffer.join(weightData));
      await writeFolder(target, [
        ['weights.bin', weights],
        ['model.json', JSON.stringify(json)],
      ]);
      return { modelArtifactsInfo: io.getModelArtifactsInfoForJSON(artifacts) };
    }),
  );
}

async function modelFile(path: string): Promise<string> {
  const stats = await stat(path).catch((cause) => {
    throw new ModelError(`${path}: there is no such file or folder`, { cause });
  });
  return stats.isDirectory() ? join(path, 'model.json') : path;
}

async function read(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new ModelError(`${file}: ${missing ? 'this file is missing' : firstLine(cause)}`, { cause });
  }
}

function parseModelJson(file: string, content: Buffer): ModelJson {
  let json: ModelJson;
  try {
    json = JSON.parse(content.toString('utf8')) as ModelJson;
  } catch (cause) {
    throw new ModelError(`${file}: this is not JSON: ${firstLine(cause)}`, { cause });
  }
  const topology = json?.modelTopology;
  if (json?.format === 'graph-model' || (topology && 'node' in topology)) {
    throw new ModelError(
      `${file}: this is a graph-model, which cannot be trained; convert the original with ` +
        'tensorflowjs_converter --output_format tfjs_layers_model',
    );
  }
  if (typeof topology !== 'object' || topology === null) {
    throw new ModelError(`${file}: this is not a tfjs layers-model: it has no "modelTopology"`);
  }
  return json;
}

async function readWeights(
  file: string,
  manifest: NonNullable<ModelJson['weightsManifest']>,
): Promise<ArrayBuffer> {
  const groups: ArrayBuffer[] = [];
  for (const { paths, weights } of manifest) {
    const shards: Buffer[] = [];
    for (const path of paths) shards.push(await read(join(dirname(file), path)));
    const expected = weights.reduce((bytes, spec) => bytes + byteLength(spec), 0);
    const found = shards.reduce((bytes, shard) => bytes + shard.byteLength, 0);
    if (found !== expected) {
      const where = paths.map((path) => join(dirname(file), path)).join(', ');
      throw new ModelError(
        `${where}: ${found < expected ? 'the weights are cut short' : 'there are more weights than the model has'}: ` +
          `expected ${expected} bytes, found ${found}`,
      );
    }
    for (const { buffer, byteOffset, byteLength } of shards) {
      groups.push(buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer);
    }
  }
  return io.CompositeArrayBuffer.join(groups);
}

/** Bytes of a weight on disk; the converter may have quantized it. */
function byteLength({ dtype, shape, quantization }: io.WeightsManifestEntry): number {
  return util.sizeFromShape(shape) * bytesOf[quantization?.dtype ?? dtype];
}

const bytesOf = {
  float32: 4,
  int32: 4,
  complex64: 8,
  float16: 2,
  uint16: 2,
  uint8: 1,
  bool: 1,
  string: Number.NaN,
};

/**
 * tfjs gives a layer that was saved with `trainable: false` weights that cannot be trained again. So the
 * flags are taken out of the description, and set on the layers that were built from it. Names suffice: a
 * file cannot hold two layers of one name that both have weights.
 */
function withoutFrozenFlags(modelTopology: object): { topology: object; frozen: Set<string> } {
  const frozen = new Set<string>();
  const topology = JSON.parse(JSON.stringify(modelTopology), (_, value) => {
    if (value?.trainable !== false) return value;
    frozen.add(value.name);
    return { ...value, trainable: true };
  }) as object;
  return { topology, frozen };
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]!;
}
