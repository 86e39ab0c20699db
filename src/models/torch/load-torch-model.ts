import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError } from '../../errors/index.ts';
import { type BackboneOptions, buildModel } from '../build-model.ts';
import { isJson } from '../keras/dialect.ts';
import { fillModel } from './fill-model.ts';
import { loadStateDict } from './load-state-dict.ts';
import { type Recognized, recipes } from './recipes/index.ts';
import type { StateDict } from './state-dict.ts';

export interface TorchModelOptions {
  /** [H,W] of the images. @default what the network was made for: 224 x 224, or what its positions say */
  inputSize?: readonly [number, number] | undefined;
  /** Number of classes; with another than the file's the classifier starts anew. @default that of the file */
  classes?: number | undefined;
  /** Of a classifier that starts anew. @default 1 */
  seed?: number | undefined;
  /** Options of the backbone beside those that the file tells. */
  options?: Record<string, unknown> | undefined;
  /** Told what a user should know. @default console.warn */
  onNote?: ((note: string) => void) | undefined;
}

/**
 * A network of torchvision or timm from its weights alone: which one it is, how wide and with how many classes, is seen
 * from the names and shapes in the file. Nothing in the file is executed.
 *
 * The pixels are to be scaled as in training there, mostly `imagenet` (`withInputScaling`).
 *
 * @param file `.safetensors`, or `.pth` of `torch.save(model.state_dict(), …)`
 * @returns a model [B,H,W,3] → raw logits [B,C]
 * @throws {ModelError} when the file is damaged, of a network that is not built here, or does not fit
 */
export async function loadTorchModel(
  file: string,
  {
    inputSize,
    classes,
    seed = 1,
    options = {},
    onNote = (note) => console.warn(note),
  }: TorchModelOptions = {},
): Promise<tfl.LayersModel> {
  const dict = await loadStateDict(file);
  const found = recognize(file, dict);
  const own = classes === undefined || classes === found.classes;
  const count = classes ?? found.classes ?? (await besideClasses(file));
  if (count === undefined) {
    throw new ModelError(`${file}: it has no classifier; say how many classes there are to be`);
  }
  const [height, width] = inputSize ?? found.inputSize;
  const model = buildModel(found.backbone, {
    inputShape: [height, width, 3],
    classes: count,
    seed,
    ...({ ...found.options, ...options } as BackboneOptions<'resnet18'>),
  });
  const newHead = !own || found.classes === null;
  if (newHead) onNote(`${file}: the classifier of ${count} classes starts anew`);
  const headName = found.naming('logits');
  try {
    fillModel(model, found.changed ?? dict, {
      file,
      naming: found.naming,
      keep: (path) => newHead && path === 'logits',
      ignored: newHead
        ? either(found.ignored, `^${String(headName).replaceAll('.', '\\.')}\\.`)
        : found.ignored,
    });
  } catch (error) {
    model.dispose();
    throw error;
  }
  return model;
}

function either(first: RegExp | undefined, second: string): RegExp {
  return new RegExp(first ? `${first.source}|${second}` : second);
}

/**
 * Which network a state dict is of.
 *
 * @throws {ModelError} when it is of none that is built here
 */
export function recognize(file: string, dict: StateDict): Recognized {
  for (const recipe of recipes) {
    const found = recipe(dict);
    if (typeof found === 'string') throw new ModelError(`${file}: it is ${found}, which is not built here`);
    if (found) return found;
  }
  const names = [...dict.keys()].slice(0, 4).join(', ');
  throw new ModelError(
    `${file}: its weights (${names}, …) are of no network that is known here; a mapping file fills a model of your own`,
  );
}

/** Of the `config.json` that timm and Hugging Face put beside the weights. */
async function besideClasses(file: string): Promise<number | undefined> {
  const text = await readFile(join(dirname(file), 'config.json'), 'utf8').catch(() => undefined);
  try {
    const json: unknown = text === undefined ? undefined : JSON.parse(text);
    const count = isJson(json) ? json.num_classes : undefined;
    return typeof count === 'number' && count > 0 ? count : undefined;
  } catch {
    return undefined;
  }
}
