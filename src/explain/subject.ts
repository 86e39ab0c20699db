import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';
import type * as tfl from '@tensorflow/tfjs-layers';
import { loadConfig } from '../config/index.ts';
import { readDatasetInfo } from '../data/index.ts';
import { DataError, ModelError, nearest, RunError, UsageError } from '../errors/index.ts';
import type { Link } from '../losses/index.ts';
import { finalLink, type InputScaling, loadLayersModel, withInputScaling } from '../models/index.ts';

/** A trained network whose images are to be explained. */
export interface Subject {
  readonly name: string;
  /** Takes images with values from 0 to 1. */
  readonly model: tfl.LayersModel;
  /** Index of the output that is explained. */
  readonly output: number;
  /** By the columns of that output. */
  readonly classes: readonly string[];
  readonly link: Link;
  /** [H, W] */
  readonly imageSize: readonly [number, number];
  /** 3 for colours, 1 for grey. */
  readonly channels: 1 | 3;
  readonly fit: 'squash' | 'crop';
  /** Where class maps are made unless something else is asked for. */
  readonly targetLayer: string;
  /** What had to be assumed. */
  readonly notes: readonly string[];
}

export interface SubjectOptions {
  /** Of a model folder; a run holds its own. @default 'zero-one' */
  readonly inputScaling?: Exclude<InputScaling, object> | undefined;
  /** [H, W] where the model takes any. @default what the model says, else the run */
  readonly imageSize?: readonly [number, number] | undefined;
  /** File with the names of the classes: one per line, or the `dataset.json` of a data set. */
  readonly classes?: string | undefined;
  /** Index or name. @default 0 */
  readonly output?: number | string | undefined;
  /** @default what the model ends in, else what the run says, else softmax */
  readonly link?: Link | undefined;
}

/** What a run tells of its network beyond the network itself. */
interface RunFacts {
  readonly name: string;
  readonly modelPath: string;
  readonly imageSize?: readonly [number, number];
  readonly fit?: 'squash' | 'crop';
  readonly targetLayer?: string;
  readonly link?: Link | undefined;
  readonly classes?: readonly string[] | undefined;
}

/**
 * Opens what is to be explained: a finished run, whose config says the rest, or the folder of a tfjs layers-model.
 *
 * @throws RunError for a folder that holds no run, or one whose training has not ended
 * @throws ModelError when the model cannot be loaded, or takes no images
 * @throws UsageError when class names, output or image size do not fit it
 */
export async function openSubject(
  source: { readonly run: string } | { readonly model: string },
  options: SubjectOptions = {},
): Promise<Subject> {
  const facts: RunFacts =
    'run' in source ? await runFacts(source.run) : { name: nameOf(source.model), modelPath: source.model };
  const loaded = await loadLayersModel(facts.modelPath);
  const notes: string[] = [];
  const output = outputIndex(loaded, options.output);
  const [imageSize, channels] = inputOf(loaded, facts, options.imageSize);
  const link = options.link ?? finalLink(loaded, output) ?? facts.link;
  if (link === undefined) notes.push('scores   softmax of the logits (--link sigmoid says otherwise)');
  return {
    name: facts.name,
    // A run saves its network with the scaling in it.
    model: 'run' in source ? loaded : withInputScaling(loaded, options.inputScaling ?? 'zero-one'),
    output,
    classes: await classNames(loaded, output, facts.classes, options.classes, notes),
    link: link ?? 'softmax',
    imageSize,
    channels,
    fit: facts.fit ?? 'squash',
    targetLayer: facts.targetLayer ?? 'auto',
    notes,
  };
}

/** `tiny-vgg` of `tiny-vgg/model` and of `tiny-vgg/model/model.json`. */
function nameOf(path: string): string {
  const parts = resolve(path).split(sep);
  return parts.findLast((part) => part !== 'model' && part !== 'model.json') || 'model';
}

async function runFacts(run: string): Promise<RunFacts> {
  if (!existsSync(join(run, 'config.yaml'))) {
    const model = existsSync(join(run, 'model.json'));
    throw new RunError(
      `${run}: it holds no run (there is no config.yaml)${model ? `; --model ${run} explains the model in it` : ''}`,
    );
  }
  const { name, data, gain } = await loadConfig(join(run, 'config.yaml'));
  const modelPath = join(run, 'model');
  if (!existsSync(modelPath)) {
    throw new RunError(
      `${run}: its training has not ended, there is no model/; a checkpoint can be explained with ` +
        `--model ${join(run, 'checkpoints', 'step-…')}`,
    );
  }
  const info = await readDatasetInfo(data.dir).catch(() => undefined);
  return {
    name,
    modelPath,
    imageSize: data.imageSize,
    fit: data.fit,
    targetLayer: gain.targetLayer,
    link: gain.link === 'auto' ? info && (info.multiLabel ? 'sigmoid' : 'softmax') : gain.link,
    classes: info?.classes,
  };
}

function outputIndex(model: tfl.LayersModel, output: number | string = 0): number {
  // A Sequential knows no names of outputs.
  const names = model.outputs.map(({ sourceLayer }, i) => model.outputNames[i] ?? sourceLayer.name);
  const index = names.indexOf(String(output));
  const found = index >= 0 ? index : Number(output);
  const shape = model.outputs[found]?.shape;
  if (!shape) {
    const known = names.map((name, i) => `${i} (${name})`).join(', ');
    throw new UsageError(`--output: no output ${output}; the model has ${known}`);
  }
  if (shape.length !== 2) {
    const sizes = shape.map((size) => size ?? 'any').join(', ');
    throw new ModelError(
      `model ${model.name}: output ${output} answers [${sizes}], not [batch, classes]; other targets are explained ` +
        'from code (docs/explanations.md)',
    );
  }
  return found;
}

function inputOf(
  model: tfl.LayersModel,
  facts: RunFacts,
  asked: readonly [number, number] | undefined,
): [readonly [number, number], 1 | 3] {
  const { shape } = model.inputs[0]!;
  const [, height, width, channels] = shape;
  if (model.inputs.length !== 1 || shape.length !== 4 || (channels !== 3 && channels !== 1)) {
    const found = model.inputs.map((input) => `[${input.shape.map((size) => size ?? 'any').join(', ')}]`);
    throw new ModelError(
      `${facts.modelPath}: expected one input of images, [batch, H, W, 3] or [batch, H, W, 1], found ` +
        `${found.join(' and ')}; other inputs are explained from code (docs/explanations.md)`,
    );
  }
  const size = asked ?? (height && width ? ([height, width] as const) : facts.imageSize);
  if (!size) {
    throw new UsageError(`${facts.modelPath}: it takes images of any size; say which with --image-size`);
  }
  if ((height ?? size[0]) !== size[0] || (width ?? size[1]) !== size[1]) {
    throw new UsageError(
      `${facts.modelPath}: it takes images of ${height}x${width}, not of ${size.join('x')}`,
    );
  }
  return [size, channels];
}

async function classNames(
  model: tfl.LayersModel,
  output: number,
  ofRun: readonly string[] | undefined,
  file: string | undefined,
  notes: string[],
): Promise<readonly string[]> {
  const count = model.outputs[output]!.shape[1]!;
  const names = file === undefined ? ofRun : await readClassNames(file);
  if (names === undefined) {
    notes.push('classes  their names are not known: numbers take their place (--classes FILE gives names)');
    return Array.from({ length: count }, (_, c) => String(c));
  }
  if (names.length !== count) {
    const where = file ?? 'the data set of the run';
    throw new UsageError(`--classes: the model has ${count} classes, ${where} names ${names.length}`);
  }
  return names;
}

async function readClassNames(file: string): Promise<readonly string[]> {
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'no such file' : cause.message;
    throw new DataError(`${file}: class names cannot be read: ${reason}`, { cause });
  });
  if (!file.endsWith('.json')) {
    return text
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter(Boolean);
  }
  try {
    const json: unknown = JSON.parse(text);
    const names = Array.isArray(json) ? json : (json as { classes?: unknown }).classes;
    if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names;
  } catch (cause) {
    throw new DataError(`${file}: ${(cause as Error).message}`, { cause });
  }
  throw new DataError(`${file}: expected a list of names, or an object with such a list as "classes"`);
}

/**
 * Columns of classes given by name or number.
 *
 * @throws UsageError for a class that the model does not have, with what was probably meant
 */
export function findClasses(asked: readonly string[], classes: readonly string[]): number[] {
  return asked.map((name) => {
    const named = classes.indexOf(name);
    if (named >= 0) return named;
    const index = Number(name);
    if (Number.isInteger(index) && index >= 0 && index < classes.length) return index;
    const guess = nearest(name, classes)[0];
    throw new UsageError(
      `--class: no class "${name}"${guess ? `; did you mean "${guess}"?` : `; there are ${classes.length}, numbered from 0`}`,
    );
  });
}
