import { stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError } from '../../errors/index.ts';
import { dialectOf, isJson, type Json } from '../keras/dialect.ts';
import type { RuleContext } from '../keras/layer-rule.ts';
import { translateModel } from '../keras/translate-model.ts';
import { importOnnx } from '../onnx/import-onnx.ts';
import { torchEndings } from '../torch/load-state-dict.ts';
import { loadTorchModel } from '../torch/load-torch-model.ts';
import { buildLayersModel } from './build-layers-model.ts';
import { readKerasArchive, readKerasHdf5 } from './keras-file.ts';
import { modelFileIn } from './model-file.ts';
import { readModelJson } from './read-model-json.ts';
import type { StoredWeights } from './stored-weights.ts';

export interface LoadOptions {
  /** Told what a file says that is done differently here. @default console.warn */
  onNote?: ((note: string) => void) | undefined;
  /** [H,W] of the images, for weights alone (`.safetensors`, `.pth`), which do not say it. @default as the network was made for */
  inputSize?: readonly [number, number] | undefined;
}

/**
 * Loads a network from disk: a tfjs layers-model (`model.json`, without `tfjs-node`), one that
 * `tensorflowjs_converter` made from Keras 2 or 3, Keras's own `.keras` and `.h5`, or the weights of a network of
 * torchvision or timm (`.safetensors`, `.pth`; see `loadTorchModel`), or a classifier in ONNX
 * ({@link importOnnx}).
 *
 * A layer or option of Keras either gives the numbers that it gives in Keras, or is refused by name.
 *
 * @param fileOrFolder a file, or the folder that holds `model.json` or one such file
 * @throws {ModelError} a file is missing or damaged, is a graph-model or no model at all, its graph is not one, it holds
 *   a layer or option that is not known here, or weights that do not fit
 */
export async function loadLayersModel(
  fileOrFolder: string,
  { onNote = (note) => console.warn(note), inputSize }: LoadOptions = {},
): Promise<tfl.LayersModel> {
  const stats = await stat(fileOrFolder).catch((cause) => {
    throw new ModelError(`${fileOrFolder}: there is no such file or folder`, { cause });
  });
  const file = stats.isDirectory()
    ? (modelFileIn(fileOrFolder) ?? join(fileOrFolder, 'model.json'))
    : fileOrFolder;
  const kind = extname(file).toLowerCase();
  if (kind === '.keras') return fromKeras(file, await readKerasArchive(file), onNote);
  if (kind === '.h5' || kind === '.hdf5') return fromKeras(file, await readKerasHdf5(file), onNote);
  if (kind === '.onnx') return importOnnx(file);
  if (torchEndings.some((ending) => file.endsWith(ending)))
    return loadTorchModel(file, { onNote, inputSize });
  const { topology, weights, userDefinedMetadata } = await readModelJson(file);
  const model = fromKeras(file, { topology, weights }, onNote);
  if (userDefinedMetadata) model.setUserDefinedMetadata(userDefinedMetadata);
  return model;
}

function fromKeras(
  file: string,
  { topology, weights }: { topology: Json; weights: StoredWeights },
  onNote: (note: string) => void,
): tfl.LayersModel {
  const inner = topology.model_config ?? topology;
  const described = typeof inner === 'string' ? (JSON.parse(inner) as unknown) : inner;
  if (!isJson(described)) throw new ModelError(`${file}: the description of the model is no object`);
  try {
    const dialect = dialectOf(topology, described);
    const model =
      dialect === 'tfjs'
        ? described
        : (translateModel(described, contexts(file, dialect, weights, onNote)) as unknown as Json);
    return buildLayersModel({ file, model, weights });
  } catch (error) {
    // Lists in lists in lists: deeper than the stack.
    if (!(error instanceof RangeError)) throw error;
    throw new ModelError(`${file}: the description is nested too deep`, { cause: error });
  }
}

function contexts(
  file: string,
  dialect: 'keras2' | 'keras3',
  weights: StoredWeights,
  onNote: (note: string) => void,
): (path: string, className: string) => RuleContext {
  return (path, className) => ({
    dialect,
    path,
    takeWeight: (name) => {
      const number = ['mean', 'variance', 'count'].indexOf(name);
      const found = weights.take([
        `${path}/${name}`,
        `${path}/#${number}`,
        `${path.split('/').at(-1)}/${name}`,
      ]);
      return found && [...found.values()];
    },
    note: (text) => onNote(`${file}: layer "${path}" (${className}) ${text}`),
    refuse: (reason) => {
      const where = path === '' ? `the model (${className})` : `layer "${path}" (${className})`;
      throw new ModelError(`${file}: ${where}: ${reason}`);
    },
  });
}
