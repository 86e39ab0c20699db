import { basename } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError, UsageError } from '../errors/index.ts';
import { runModel } from '../gradcam/index.ts';
import {
  classNamesBeside,
  findInputScaling,
  type InputScaling,
  loadGraphFile,
  loadLayersModel,
  scaledPixels,
  shownScaling,
  withInputScaling,
} from '../models/index.ts';
import { fileOfNetwork } from './network-source.ts';

/** How a detector writes a box: corners by x or by y first, or middle and size. */
export const boxForms = ['xyxy', 'yxyx', 'cxcywh'] as const;
export type BoxForm = (typeof boxForms)[number];

export interface DetectorOptions {
  /** Output with the boxes, [B,N,4], by name or number. @default the one whose last axis has 4 */
  readonly boxes?: string | undefined;
  /** Output with the probabilities of the classes, [B,N,C] or [B,N]. @default the other one */
  readonly scores?: string | undefined;
  /** @default 'xyxy' */
  readonly form?: BoxForm | undefined;
  /** Whether sides are shares of the image, or pixels of what the network sees. @default 'share' */
  readonly unit?: 'share' | 'pixel' | undefined;
  /** [H,W] where the model takes any. */
  readonly imageSize?: readonly [number, number] | undefined;
  readonly inputScaling?: InputScaling | undefined;
  readonly classes?: readonly string[] | undefined;
}

/** A detector: a layers-model, an ONNX file or a graph-model with boxes and scores. */
export interface Detector {
  readonly name: string;
  readonly path: string;
  readonly imageSize: readonly [number, number];
  readonly channels: 1 | 3;
  readonly fit: 'squash';
  readonly classes: readonly string[];
  readonly notes: readonly string[];
  /**
   * Inside `tf.tidy`: from images [B,H,W,c] with values from 0 to 1 to boxes [B,N,4], xmin, ymin, xmax, ymax in shares, and
   * probabilities [B,N,C].
   */
  detect(images: tf.Tensor4D): { boxes: tf.Tensor3D; scores: tf.Tensor3D };
  /** Its layers for images from 0 to 1, and which output has the scores; undefined of a graph-model. */
  readonly layers: { readonly model: tfl.LayersModel; readonly scores: number } | undefined;
  dispose(): void;
}

/**
 * Opens a detector. An engine has to be started before.
 *
 * @param path folder or file of the network
 * @throws {ModelError} when it does not take images, or its outputs are no boxes and scores
 * @throws {UsageError} for an output that does not exist, or where nothing says how large its images are
 */
export async function openDetector(path: string, options: DetectorOptions = {}): Promise<Detector> {
  const file = fileOfNetwork(path);
  const notes: string[] = [];
  const graph = file.endsWith('.json') ? await loadGraphFile(file) : undefined;
  const loaded = graph
    ? undefined
    : await loadLayersModel(path, { onNote: (note) => notes.push(`file     ${note}`) });
  const said =
    options.inputScaling === undefined ? await findInputScaling(file, loaded ?? undefined) : undefined;
  if (said) {
    notes.push(`pixels   ${shownScaling(said.scaling)}: ${said.why} (--input-scaling says otherwise)`);
  }
  const scaling = options.inputScaling ?? said?.scaling ?? 'zero-one';
  const network: Answering = loaded ? ofLayers(loaded, scaling) : ofGraph(graph!, scaling);

  const { channels, size } = inputOf(network.input, path, options.imageSize);
  const dispose = () => (loaded ? network.layers!.dispose() : graph!.dispose());
  const shapes = tf.tidy(() => network.answer(tf.zeros([1, ...size, channels])).map((one) => [...one.shape]));
  const outputs = outputsOf(network.names, shapes, options, path);
  const count = shapes[outputs.scores]![2] ?? 1;
  const names = options.classes ?? (await classNamesBeside(file))?.names;
  if (options.classes && options.classes.length !== count) {
    throw new UsageError(
      `--classes: the detector has ${count} classes, received ${options.classes.length} names`,
    );
  }
  const classes = names?.length === count ? names : Array.from({ length: count }, (_, c) => String(c));
  if (names?.length !== count) {
    notes.push('classes  their names are not known: numbers take their place (--classes gives names)');
  }
  const { form = 'xyxy', unit = 'share' } = options;
  return {
    name: basename(path),
    path,
    imageSize: size,
    channels,
    fit: 'squash',
    classes,
    notes,
    detect: (images) => {
      const all = network.answer(images);
      const [boxes, scores] = [all[outputs.boxes]!, all[outputs.scores]!];
      const [batch, proposals] = scores.shape as [number, number];
      return {
        boxes: inShares(boxes as tf.Tensor3D, form, unit === 'share' ? [1, 1] : size),
        scores: tf.reshape(scores, [batch, proposals, count]) as tf.Tensor3D,
      };
    },
    layers: network.layers && { model: network.layers, scores: outputs.scores },
    dispose,
  };
}

/** A network as a function from images to all of its outputs. */
interface Answering {
  readonly names: readonly string[];
  /** Shape of its one input, null where it takes any. */
  readonly input: readonly (number | null)[];
  readonly layers?: tfl.LayersModel;
  answer(images: tf.Tensor): tf.Tensor[];
}

function ofLayers(loaded: tfl.LayersModel, scaling: InputScaling): Answering {
  const model = withInputScaling(loaded, scaling);
  if (model.inputs.length !== 1) throw new ModelError(`model ${model.name}: expected one input of images`);
  return {
    names: model.outputs.map(({ sourceLayer }, i) => model.outputNames[i] ?? sourceLayer.name),
    input: model.inputs[0]!.shape,
    layers: model,
    answer: (images) => runModel(model, images),
  };
}

function ofGraph(
  graph: NonNullable<Awaited<ReturnType<typeof loadGraphFile>>>,
  scaling: InputScaling,
): Answering {
  const names = graph.outputs.map(({ name }) => name);
  if (graph.inputs.length !== 1) throw new ModelError('the graph-model: expected one input of images');
  return {
    names,
    input: graph.inputs[0]!.shape?.map((side) => (side > 0 ? side : null)) ?? [],
    answer: (images) => {
      const found = graph.execute([scaledPixels(images as tf.Tensor4D, scaling)], [...names]);
      return Array.isArray(found) ? found : [found];
    },
  };
}

function inputOf(
  shape: readonly (number | null)[],
  path: string,
  asked: readonly [number, number] | undefined,
): { channels: 1 | 3; size: readonly [number, number] } {
  const [, height, width, channels] = shape;
  if (shape.length !== 4 || (channels !== 1 && channels !== 3)) {
    throw new ModelError(
      `${path}: expected images, [batch, H, W, 3] or [batch, H, W, 1], found [${shape.map((side) => side ?? 'any').join(', ')}]`,
    );
  }
  const size = asked ?? (height && width ? ([height, width] as const) : undefined);
  if (!size) throw new UsageError(`${path}: it takes images of any size; say which with --image-size`);
  return { channels, size };
}

/** Which outputs have the boxes and the scores. */
function outputsOf(
  names: readonly string[],
  shapes: readonly (readonly number[])[],
  { boxes, scores }: DetectorOptions,
  path: string,
): { boxes: number; scores: number } {
  const known = names.map((name, i) => `${i} (${name}) [${shapes[i]!.join(', ')}]`).join(', ');
  const named = (asked: string, option: string): number => {
    const index = names.includes(asked) ? names.indexOf(asked) : Number(asked);
    if (shapes[index]) return index;
    throw new UsageError(`--${option}: no output ${asked}; ${path} has ${known}`);
  };
  const isBoxes = (shape: readonly number[]) => shape.length === 3 && shape[2] === 4;
  const found = boxes === undefined ? shapes.findIndex(isBoxes) : named(boxes, 'boxes-output');
  const others = shapes.flatMap((shape, i) =>
    i !== found && (shape.length === 3 || shape.length === 2) && shape[1] === shapes[found]?.[1] ? [i] : [],
  );
  const ofScores = scores === undefined ? others[0] : named(scores, 'scores-output');
  const fits =
    found >= 0 &&
    isBoxes(shapes[found]!) &&
    ofScores !== undefined &&
    (shapes[ofScores]!.length === 2 || shapes[ofScores]!.length === 3) &&
    shapes[ofScores]![1] === shapes[found]![1];
  if (fits) return { boxes: found, scores: ofScores };
  throw new ModelError(
    `${path}: expected boxes [batch, N, 4] and scores [batch, N, classes]; its outputs are ${known} (--boxes-output, --scores-output)`,
  );
}

/** Boxes as xmin, ymin, xmax, ymax in shares. */
function inShares(
  boxes: tf.Tensor3D,
  form: BoxForm,
  [height, width]: readonly [number, number],
): tf.Tensor3D {
  const [a, b, c, d] = tf.unstack(boxes, 2) as [tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor];
  const half = (side: tf.Tensor) => tf.div(side, 2);
  const [xmin, ymin, xmax, ymax] =
    form === 'xyxy'
      ? [a, b, c, d]
      : form === 'yxyx'
        ? [b, a, d, c]
        : [tf.sub(a, half(c)), tf.sub(b, half(d)), tf.add(a, half(c)), tf.add(b, half(d))];
  const [x, y] = [(side: tf.Tensor) => tf.div(side, width), (side: tf.Tensor) => tf.div(side, height)];
  return tf.stack([x(xmin!), y(ymin!), x(xmax!), y(ymax!)], 2) as tf.Tensor3D;
}
