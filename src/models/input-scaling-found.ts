import { readFile } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import type * as tfl from '@tensorflow/tfjs-layers';
import type { InputScaling } from './input-scaling.ts';
import { scalingOfModel } from './input-scaling-doubt.ts';
import { isJson, type Json } from './keras/dialect.ts';
import { torchEndings } from './torch/load-state-dict.ts';

/** What a network expects of its pixels, and what says so. */
export interface FoundScaling {
  readonly scaling: InputScaling;
  /** "its preprocessor_config.json says so" */
  readonly why: string;
}

const imagenet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/**
 * What a network expects of its pixels, as far as it or the files beside it say so: a `Rescaling` at its start; Teachable
 * Machine's `metadata.json`; the `preprocessor_config.json` of Hugging Face; the `config.json` of timm. Weights of
 * torchvision and timm without such a file are taken to want ImageNet's mean and deviation, as nearly all of them do.
 *
 * @param file of the network
 * @param model where its layers are known
 * @returns undefined where nothing says so
 */
export async function findInputScaling(
  file: string,
  model?: tfl.LayersModel,
): Promise<FoundScaling | undefined> {
  const own = model && scalingOfModel(model);
  if (own !== undefined) return { scaling: own, why: 'the network begins with a rescaling of its own' };
  for (const [name, read] of sources) {
    const scaling = read(await jsonOf(join(dirname(file), name)));
    if (scaling !== undefined) return { scaling, why: `${name} beside it says so` };
  }
  if (!(torchEndings as readonly string[]).includes(extname(file).toLowerCase())) return undefined;
  return { scaling: 'imagenet', why: 'weights of torchvision and timm mostly expect it' };
}

const sources: readonly [name: string, read: (json: Json) => InputScaling | undefined][] = [
  [
    'metadata.json',
    ({ packageName }) => (packageName === '@teachablemachine/image' ? 'minus-one-one' : undefined),
  ],
  [
    'preprocessor_config.json',
    ({ image_mean, image_std, do_normalize }) =>
      do_normalize === false ? undefined : named(image_mean, image_std),
  ],
  [
    'config.json',
    ({ pretrained_cfg, mean, std }) =>
      isJson(pretrained_cfg) ? named(pretrained_cfg.mean, pretrained_cfg.std) : named(mean, std),
  ],
];

async function jsonOf(file: string): Promise<Json> {
  try {
    const json: unknown = JSON.parse(await readFile(file, 'utf8'));
    return isJson(json) ? json : {};
  } catch {
    // A file that is not there or no JSON says nothing.
    return {};
  }
}

/** Mean and deviation, by the name that they have, if any. */
function named(mean: unknown, std: unknown): InputScaling | undefined {
  if (!isNumbers(mean) || !isNumbers(std) || mean.length !== std.length) return undefined;
  const are = (values: readonly number[], wanted: readonly number[]) =>
    values.every((value, i) => Math.abs(value - wanted[i % wanted.length]!) < 1e-6);
  if (are(mean, [0.5]) && are(std, [0.5])) return 'minus-one-one';
  if (are(mean, [0]) && are(std, [1])) return 'zero-one';
  if (mean.length === 3 && are(mean, imagenet.mean) && are(std, imagenet.std)) return 'imagenet';
  return { mean, std };
}

function isNumbers(value: unknown): value is number[] {
  return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'number');
}
