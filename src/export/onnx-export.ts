import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { type OnnxGraph, runOnnx, traceOnnx } from '../engine/index.ts';
import { ModelError } from '../errors/index.ts';
import { packageVersion } from '../files/index.ts';
import { type MapMethod, resolveTargetLayer, runModel, splitModel } from '../gradcam/index.ts';
import { type Link, probabilities } from '../losses/index.ts';
import { finalLink } from '../models/index.ts';
import { explainTopClass } from './top-class-map.ts';

/** Order of the axes of the images: channels first, as most programs that use ONNX files have it, or last. */
export const inputLayouts = ['nchw', 'nhwc'] as const;
export type InputLayout = (typeof inputLayouts)[number];

/** A classifier that is to be exported. */
export interface ExportSource {
  readonly name: string;
  /** One input [B,H,W,channels], one output: raw logits [B,C]. */
  readonly model: tfl.LayersModel;
  /** The model as it was given, whose own scores the file must answer with; `model` where it ends in logits. */
  readonly given: tfl.LayersModel;
  readonly classes: readonly string[];
  /** How logits become scores. */
  readonly link: Link;
  /** The layer that maps are made at. */
  readonly targetLayer: string;
  /** The map method that it was trained with. */
  readonly method: MapMethod;
}

export interface ExportOptions {
  /** Adds the map of the top class. @default no map */
  readonly map?: MapMethod | undefined;
  /** @default 'nchw' */
  readonly layout?: InputLayout;
}

export interface OnnxExport {
  /** The file. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly graph: OnnxGraph;
  readonly metadata: Readonly<Record<string, string>>;
  /** Largest difference between the file on ONNX Runtime and the tfjs model, over all outputs. */
  readonly difference: number;
}

const INPUT = 'images';

/**
 * Writes a classifier as an ONNX model of standard operators, for batches of any size:
 *
 *     images [batch,3,H,W], float32 RGB from 0 to 1  →  scores [batch,C], logits [batch,C]
 *                                   with a map also  →  top_class [batch], map [batch,H,W] from 0 to 1
 *
 * The file is run before it is returned, with batches of one and of three images, and compared with the model.
 *
 * @throws {ModelError} when the model cannot be written so: an open input size, a layer that depends on the size
 *   of the batch, a head that `cam` has no closed form for
 */
export async function exportOnnx(
  source: ExportSource,
  { map, layout = 'nchw' }: ExportOptions = {},
): Promise<OnnxExport> {
  const { model, link } = source;
  const [height, width, channels] = imageShape(model);
  const target = map === undefined ? undefined : resolveTargetLayer(model, source.targetLayer);
  const apply = (input: tf.Tensor): Record<string, tf.Tensor> => {
    const images = (layout === 'nchw' ? tf.transpose(input, [0, 2, 3, 1]) : input) as tf.Tensor4D;
    if (map === undefined) {
      const logits = runModel(model, images)[0] as tf.Tensor2D;
      return { scores: probabilities(logits, link), logits };
    }
    const split = splitModel(model, target!.path);
    const explained = explainTopClass(split, images, map, [height, width]);
    const { logits, topClass } = explained;
    return { scores: probabilities(logits, link), logits, top_class: topClass, map: explained.map };
  };
  const shape = layout === 'nchw' ? [channels, height, width] : [height, width, channels];
  const constants = new Map(model.weights.map((weight) => [weight.originalName, weight.read()]));
  const graph = await traceOnnx(apply, { input: { name: INPUT, shape }, constants });
  const metadata = {
    generator: `tfjs-gain ${packageVersion()}`,
    name: source.name,
    classes: JSON.stringify(source.classes),
    input: JSON.stringify({ layout, height, width, channels, range: [0, 1], order: 'RGB' }),
    scores: link,
    ...(map && { map_method: map, target_layer: target!.path }),
  };
  const bytes = graph.encode(metadata);
  // Not of `model`, whose link might be wrong: of the model as it was given.
  const ownScores = finalLink(source.given) === undefined ? undefined : source.given;
  const difference = Math.max(
    ...[1, 3].map((batch) => compare(bytes, [batch, ...shape], layout, apply, ownScores)),
  );
  if (!(difference < 1e-2)) {
    throw new ModelError(
      `model ${model.name}: the exported file differs from the model by ${difference}; it was not written`,
    );
  }
  return { bytes, graph, metadata, difference };
}

/** The largest difference, relative to the largest value of an output, on images of noise. */
function compare(
  bytes: Uint8Array<ArrayBuffer>,
  shape: readonly number[],
  layout: InputLayout,
  apply: (input: tf.Tensor) => Record<string, tf.Tensor>,
  ownScores: tfl.LayersModel | undefined,
): number {
  return tf.tidy(() => {
    const images = tf.randomUniform([...shape], 0, 1, 'float32', 1);
    const values = images.dataSync<'float32'>();
    const answers = apply(images);
    if (ownScores) {
      const given = layout === 'nchw' ? tf.transpose(images, [0, 2, 3, 1]) : images;
      answers.scores = ownScores.predict(given) as tf.Tensor;
    }
    const expected = Object.entries(answers);
    const names = expected.map(([name]) => name);
    const found = runOnnx(bytes, { [INPUT]: { values, shape } }, names);
    const differences = expected.map(([name, tensor]) => {
      const wanted = tensor.dataSync<'float32'>();
      const got = found[name]!.values;
      const scale = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
      return wanted.reduce((most, value, i) => Math.max(most, Math.abs(value - got[i]!) / scale), 0);
    });
    return Math.max(...differences);
  });
}

function imageShape(model: tfl.LayersModel): [number, number, number] {
  const shape = model.inputs[0]!.shape.slice(1);
  const open = shape.length !== 3 || shape.some((size) => size === null);
  if (model.inputs.length !== 1 || open) {
    const found = model.inputs.map((input) => `[${input.shape.map((size) => size ?? 'any')}]`).join(', ');
    throw new ModelError(
      `model ${model.name}: must have one input [batch, height, width, channels] of fixed size, has ${found}`,
    );
  }
  return shape as [number, number, number];
}
