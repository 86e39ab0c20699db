import type * as tfl from '@tensorflow/tfjs-layers';
import type { Config } from '../config/index.ts';
import type { DatasetInfo } from '../data/index.ts';
import { ModelError, UsageError } from '../errors/index.ts';
import type { Link } from '../losses/index.ts';
import { finalLink } from '../models/index.ts';
import type { FoundNetwork } from './find-network.ts';
import type { NetworkOverrides } from './network-source.ts';

/** How the logits of a run become scores: as its config says; `auto` is what its data set says. */
export function linkOfRun({ gain }: Config, data: Pick<DatasetInfo, 'multiLabel'> | null): Link | undefined {
  if (gain.link !== 'auto') return gain.link;
  return data === null ? undefined : data.multiLabel ? 'sigmoid' : 'softmax';
}

/**
 * Which output has the scores.
 *
 * @param rank axes that it has to have: 2 of classes and numbers, 4 of a segmenter
 * @throws {UsageError} {ModelError} when it is not there, or does not answer [B,C]
 */
export function outputIndex(model: tfl.LayersModel, output: number | string = 0, rank = 2): number {
  // A Sequential knows no names of outputs.
  const names = model.outputs.map(({ sourceLayer }, i) => model.outputNames[i] ?? sourceLayer.name);
  const index = names.indexOf(String(output));
  const found = index >= 0 ? index : Number(output);
  const shape = model.outputs[found]?.shape;
  if (!shape) {
    const known = names.map((name, i) => `${i} (${name})`).join(', ');
    throw new UsageError(`--output: no output ${output}; the model has ${known}`);
  }
  if (shape.length !== rank || !shape.at(-1)) {
    const wanted = rank === 2 ? '[batch, classes]' : '[batch, height, width, classes]';
    const segmenter =
      rank === 2 && shape.length === 4 ? 'explain --target predicted takes a segmenter; ' : '';
    throw new ModelError(
      `model ${model.name}: output ${output} answers ${shapeOf(shape)}, not ${wanted}; ${segmenter}other targets are ` +
        'explained from code (docs/explanations.md)',
    );
  }
  return found;
}

/** What a network takes: images, or clips of T frames. */
export interface NetworkInput {
  /** [H,W] */
  readonly size: readonly [number, number];
  readonly channels: 1 | 3;
  /** T; undefined for images. */
  readonly frames: number | undefined;
}

/**
 * Size and channels of the images, and how many frames a clip has.
 *
 * @param clips whether the caller can do something with clips
 * @throws {ModelError} for a network of other inputs, and one of clips where images are wanted
 * @throws {UsageError} where it takes any size and nothing says which
 */
export function inputOf(
  model: tfl.LayersModel,
  { path, config }: FoundNetwork,
  { imageSize: asked, frames: askedFrames }: Pick<NetworkOverrides, 'imageSize' | 'frames'>,
  clips = false,
): NetworkInput {
  const { shape } = model.inputs[0]!;
  const volumes = shape.length === 5;
  const [height, width, channels] = shape.slice(-3);
  if (volumes && !clips && model.inputs.length === 1) {
    throw new ModelError(
      `${path}: it takes clips, ${shapeOf(shape)}, and images are wanted here; explain and evaluate take clips`,
    );
  }
  if (model.inputs.length !== 1 || (shape.length !== 4 && !volumes) || (channels !== 3 && channels !== 1)) {
    const found = model.inputs.map((input) => shapeOf(input.shape));
    throw new ModelError(
      `${path}: expected one input of images, [batch, H, W, 3] or [batch, H, W, 1], found ` +
        `${found.join(' and ')}; other inputs are explained from code (docs/explanations.md)`,
    );
  }
  const size = asked ?? (height && width ? ([height, width] as const) : config?.data.imageSize);
  if (!size) throw new UsageError(`${path}: it takes images of any size; say which with --image-size`);
  if ((height ?? size[0]) !== size[0] || (width ?? size[1]) !== size[1]) {
    throw new UsageError(`${path}: it takes images of ${height}x${width}, not of ${size.join('x')}`);
  }
  return { size, channels, frames: volumes ? framesOf(shape[1]!, path, askedFrames, config) : undefined };
}

function framesOf(
  own: number | null,
  path: string,
  asked: number | undefined,
  config: FoundNetwork['config'],
): number {
  const frames = asked ?? own ?? config?.data.frames;
  if (!frames)
    throw new UsageError(`${path}: it takes clips of any length; say how many frames with --frames`);
  if ((own ?? frames) !== frames) {
    throw new UsageError(`${path}: it takes clips of ${own} frames, not of ${frames}`);
  }
  return frames;
}

/** How its logits become scores; undefined where nothing says so. */
export function linkOf(
  model: tfl.LayersModel,
  output: number,
  { config, data }: FoundNetwork,
  asked: Link | undefined,
): Link | undefined {
  const final = finalLink(model, output);
  if (model.outputs[output]!.shape[1] === 1 && (final ?? asked) === 'softmax') {
    throw final
      ? new ModelError(`model ${model.name}: it ends in the softmax of one score, which is 1 for every image`)
      : new UsageError('--link: the softmax of one score is 1 for every image; sigmoid is its probability');
  }
  if (asked !== undefined && final !== undefined && asked !== final) {
    throw new UsageError(`--link: ${asked}, but the model itself ends in ${final}`);
  }
  const known = asked ?? final ?? (config ? linkOfRun(config, data) : undefined);
  // The softmax of a single score is 1.
  if (known === undefined && model.outputs[output]!.shape[1] === 1) return 'sigmoid';
  return known ?? (data ? (data.multiLabel ? 'sigmoid' : 'softmax') : undefined);
}

/**
 * Names of its classes; undefined where nothing says them.
 *
 * @param note told when names beside the network are not taken
 * @throws {ModelError} when they are not as many as the scores, or the network has those of its data set in another order
 */
export function classesOf(
  model: tfl.LayersModel,
  output: number,
  { data, beside, path, dataDir }: FoundNetwork,
  asked: readonly string[] | undefined,
  note: (line: string) => void,
): readonly string[] | undefined {
  const count = model.outputs[output]!.shape.at(-1)!;
  const own = beside?.names;
  if (beside && own!.length !== count) {
    note(`classes  ${beside.file} names ${own!.length}, the network has ${count}: they are not taken`);
  }
  const known = own?.length === count ? own : undefined;
  const names = asked ?? data?.classes ?? known;
  if (names === undefined) return undefined;
  if (names.length !== count) {
    if (!asked)
      throw new ModelError(`${path}: ${count} outputs for the ${names.length} classes of ${dataDir}`);
    throw new UsageError(`--classes: the model has ${count} classes, received ${names.length} names`);
  }
  if (!asked && data && known) requireOrder(beside!.file, known, data.classes, note);
  return names;
}

/** Columns are matched by their place: the same names in another order would be taken for each other. */
function requireOrder(
  file: string,
  own: readonly string[],
  ofData: readonly string[],
  note: (line: string) => void,
): void {
  if (own.every((name, i) => name === ofData[i])) return;
  const differ = `${file} says ${own.join(', ')}; the data set has ${ofData.join(', ')}`;
  if (own.every((name) => ofData.includes(name))) {
    throw new ModelError(
      `the classes of the network are those of the data set in another order: ${differ} (--classes in the order of the ` +
        'data set takes that one)',
    );
  }
  note(`warning  other names than those of the data set, which are taken: ${differ}`);
}

/** The names of two classes that a single score is to be for; undefined where it is not. */
export function pairOfClasses(
  model: tfl.LayersModel,
  { data, beside }: FoundNetwork,
  asked: readonly string[] | undefined,
): readonly string[] | undefined {
  if (model.outputs.length !== 1 || model.outputs[0]!.shape.at(-1) !== 1) return undefined;
  const names = asked ?? (data ? (data.multiLabel ? undefined : data.classes) : beside?.names);
  return names?.length === 2 ? names : undefined;
}

function shapeOf(shape: readonly (number | null)[]): string {
  return `[${shape.map((size) => size ?? 'any').join(', ')}]`;
}
