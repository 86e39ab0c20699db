import { readFile } from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs-core';
import { type OnnxSession, openOnnx } from '../engine/index.ts';
import { ModelError, UsageError } from '../errors/index.ts';
import { type Link, probabilities } from '../losses/index.ts';
import {
  describeOnnx,
  findInputScaling,
  type InputScaling,
  type LoadedGraph,
  loadGraphFile,
  regionScores,
  scaledPixels,
  shownScaling,
} from '../models/index.ts';
import { type FoundNetwork, findNetwork } from './find-network.ts';
import { fileOfNetwork, type NetworkSource } from './network-source.ts';
import { loadNetwork, type NetworkKinds, type TrainedNetwork } from './trained-network.ts';

/**
 * A classifier of which only the scores are known: a tfjs graph-model, or an ONNX file with operators that have no
 * derivative here.
 */
export interface BlackBox
  extends Pick<
    TrainedNetwork,
    'name' | 'path' | 'classes' | 'knowsClasses' | 'link' | 'imageSize' | 'channels' | 'fit' | 'notes'
  > {
  /** Why there are no layers and, where that is so, no gradients. */
  readonly blackBox: string;
  /**
   * @param images [B,H,W,c], from 0 to 1
   * @returns probabilities [B,C]
   */
  predict(images: tf.Tensor): tf.Tensor2D;
  /** The operations of a graph-model, up to the logits, for images from 0 to 1: for gradients to the pixels. */
  readonly graph: DifferentiableGraph | undefined;
  dispose(): void;
}

/** What is used of a graph-model for gradients to its pixels. */
export interface DifferentiableGraph {
  readonly inputs: readonly { readonly name: string }[];
  readonly outputs: readonly { readonly name: string }[];
  execute(inputs: tf.Tensor[], outputs: string[]): tf.Tensor | tf.Tensor[];
}

/**
 * Opens a trained network, or, where there are no layers or derivatives to be had, a black box. An engine has to be
 * started before.
 *
 * @throws {ModelError} when it is neither
 */
export async function openNetworkOrBlackBox(
  source: NetworkSource,
  kinds: NetworkKinds = {},
): Promise<TrainedNetwork | BlackBox> {
  const found = await findNetwork(source);
  if (found.run !== null) return loadNetwork(found, {}, kinds);
  const file = fileOfNetwork(found.path);
  if (file.endsWith('.json')) {
    const graph = await loadGraphFile(file);
    return graph ? ofGraph(found, file, graph, await scalingOf(found, file)) : loadNetwork(found, {}, kinds);
  }
  if (!file.endsWith('.onnx')) return loadNetwork(found, {}, kinds);
  try {
    return await loadNetwork(found, {}, kinds);
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    return ofOnnx(found, file, error, await scalingOf(found, file));
  }
}

/** What its pixels become, and a line where a file said so. */
async function scalingOf({ known }: FoundNetwork, file: string): Promise<Scaling> {
  if (known.inputScaling !== undefined) return { scaling: known.inputScaling, notes: [] };
  const said = await findInputScaling(file);
  if (!said) return { scaling: 'zero-one', notes: [] };
  const note = `pixels   ${shownScaling(said.scaling)}: ${said.why} (--input-scaling says otherwise)`;
  return { scaling: said.scaling, notes: [note] };
}

interface Scaling {
  readonly scaling: InputScaling;
  readonly notes: readonly string[];
}

/** Facts that are found the same way for both kinds. */
function factsOf(
  { name, known, beside, path }: FoundNetwork,
  count: number,
  end: Link | undefined,
  size: readonly [number | null, number | null],
  notes: string[],
) {
  if (known.link !== undefined && end !== undefined && known.link !== end) {
    throw new UsageError(`--link: ${known.link}, but the model itself ends in ${end}`);
  }
  const link = known.link ?? end ?? (count === 1 ? 'sigmoid' : 'softmax');
  if (known.link === undefined && end === undefined && count > 1) {
    notes.push('scores   softmax of the logits (--link sigmoid says otherwise)');
  }
  const columns = count === 1 && (known.classes ?? beside?.names)?.length === 2 ? 2 : count;
  const own = beside?.names.length === columns ? beside.names : undefined;
  if (known.classes && known.classes.length !== columns) {
    throw new UsageError(
      `--classes: the model has ${columns} classes, received ${known.classes.length} names`,
    );
  }
  const names = known.classes ?? own;
  if (!names)
    notes.push('classes  their names are not known: numbers take their place (--classes gives names)');
  const [height, width] = size;
  const imageSize = known.imageSize ?? (height && width ? ([height, width] as const) : undefined);
  if (!imageSize) throw new UsageError(`${path}: it takes images of any size; say which with --image-size`);
  if ((height ?? imageSize[0]) !== imageSize[0] || (width ?? imageSize[1]) !== imageSize[1]) {
    throw new UsageError(`${path}: it takes images of ${height}x${width}, not of ${imageSize.join('x')}`);
  }
  return {
    name,
    path,
    classes: names ?? Array.from({ length: columns }, (_, c) => String(c)),
    knowsClasses: names !== undefined,
    link,
    imageSize,
    fit: 'squash' as const,
    notes,
    /** From scores [B,C], as the network gives them, to probabilities of the classes. */
    toProbabilities: (scores: tf.Tensor2D): tf.Tensor2D => {
      const shares = end === undefined ? (probabilities(scores, link) as tf.Tensor2D) : scores;
      return columns > count ? tf.concat([tf.sub(1, shares), shares] as tf.Tensor2D[], 1) : shares;
    },
  };
}

function ofGraph(
  found: FoundNetwork,
  file: string,
  graph: LoadedGraph,
  { scaling, notes }: Scaling,
): BlackBox {
  const { known } = found;
  const [input] = graph.inputs;
  const shape = input?.shape?.map((size) => (size > 0 ? size : null)) ?? [];
  const channels = shape[3];
  if (graph.inputs.length !== 1 || shape.length !== 4 || (channels !== 3 && channels !== 1)) {
    const shapes = graph.inputs.map(({ name, shape: one }) => `${name} [${one ?? '?'}]`).join(', ');
    throw new ModelError(
      `${file}: expected one input of images, [batch, H, W, 3] or [batch, H, W, 1], found ${shapes}`,
    );
  }
  const names = graph.outputs.map(({ name }) => name);
  const output = outputOf(names, known.output, file);
  const end = graph.endOf(output);
  const asked = known.imageSize;
  const size = [shape[1] ?? asked?.[0], shape[2] ?? asked?.[1]].map((one) => one ?? 1);
  const { target } = known;
  if (target === 'value') throw noTarget(file, 'a graph-model');
  const zeros = () => scaledPixels(tf.zeros([1, size[0]!, size[1]!, channels]), scaling);
  const count = tf.tidy(() => {
    const answer = graph.execute([zeros()], [output]);
    return target === undefined ? columnsOf(answer, file) : classesOfPixels(answer, file);
  });
  const facts = factsOf(found, count, end?.link, [shape[1] ?? null, shape[2] ?? null], [...notes]);
  const blackBox = 'a graph-model has operations and no layers';
  if (target !== undefined) {
    const link = end?.link ?? (count === 1 ? 'sigmoid' : 'softmax');
    const scored = (images: tf.Tensor, of: 'score' | 'chance') => {
      const answer = graph.execute([scaledPixels(images as tf.Tensor4D, scaling)], [end?.logits ?? output]);
      return regionScores((Array.isArray(answer) ? answer[0]! : answer) as tf.Tensor4D, of, target, link);
    };
    return {
      ...facts,
      channels,
      blackBox,
      predict: (images) => tf.tidy(() => scored(images, 'chance')),
      graph: {
        inputs: graph.inputs,
        outputs: [{ name: end?.logits ?? output }],
        execute: ([images]) => scored(images!, 'score'),
      },
      dispose: () => graph.dispose(),
    };
  }
  return {
    ...facts,
    channels,
    blackBox,
    predict: (images) =>
      tf.tidy(() => {
        const scores = graph.execute([scaledPixels(images as tf.Tensor4D, scaling)], [output]);
        return facts.toProbabilities(onlyOne(scores));
      }),
    graph: {
      inputs: graph.inputs,
      outputs: [{ name: end?.logits ?? output }],
      execute: ([images], outputs) => graph.execute([scaledPixels(images as tf.Tensor4D, scaling)], outputs),
    },
    dispose: () => graph.dispose(),
  };
}

async function ofOnnx(
  found: FoundNetwork,
  file: string,
  why: ModelError,
  { scaling, notes }: Scaling,
): Promise<BlackBox> {
  // A file that is not there is said by what tried to read it first.
  const bytes = await readFile(file).catch(() => {
    throw why;
  });
  let session: OnnxSession;
  let description: ReturnType<typeof describeOnnx>;
  try {
    description = describeOnnx(file, bytes);
    session = openOnnx(bytes);
  } catch {
    // What was said first is what is wrong with it.
    throw why;
  }
  const { known } = found;
  if (known.target !== undefined) throw noTarget(file, 'this file');
  const { input, outputs, unknown } = description;
  const [batch, a, b, c] = input.shape;
  const first = isChannels(a) || !isChannels(c);
  const [height, width, channels] = first ? [b, c, a] : [a, b, c];
  if (channels !== 3 && channels !== 1) throw why;
  const output = outputOf(outputs, known.output, file);
  const end = description.endOf(output);
  const scores = (images: tf.Tensor4D): tf.Tensor2D =>
    tf.tidy(() => {
      const scaled = scaledPixels(images, scaling);
      const fed = first ? tf.transpose(scaled, [0, 3, 1, 2]) : scaled;
      // A file that was exported for so many images at a time takes no others.
      const parts = batch === null || batch === undefined ? fed.shape[0]! : batch;
      const rows = Array.from({ length: Math.ceil(fed.shape[0]! / parts) }, (_, i) => {
        const part = tf.slice(fed, i * parts, Math.min(parts, fed.shape[0]! - i * parts));
        const filling = parts - part.shape[0]!;
        const full = filling > 0 ? tf.pad(part, [[0, filling], ...noPadding]) : part;
        const run = session.run(
          { [input.name]: { values: full.dataSync() as Float32Array, shape: full.shape } },
          [output],
        )[output]!;
        const values = Float32Array.from(run.values);
        const answers = tf.tensor(values, [full.shape[0]!, values.length / full.shape[0]!]);
        return tf.slice(answers, 0, part.shape[0]!);
      });
      return tf.concat(rows, 0) as tf.Tensor2D;
    });
  const size = known.imageSize ?? (height && width ? ([height, width] as const) : undefined);
  const count = size ? tf.tidy(() => scores(tf.zeros([1, ...size, channels])).shape[1]) : 2;
  const facts = factsOf(found, count, end, [height ?? null, width ?? null], [...notes]);
  const reason =
    unknown.length > 0
      ? `operators of the file have no derivative here: ${unknown.join(', ')}`
      : why.message.replace(`${file}: `, '');
  return {
    ...facts,
    channels,
    blackBox: reason,
    predict: (images) => tf.tidy(() => facts.toProbabilities(scores(images as tf.Tensor4D))),
    graph: undefined,
    dispose: () => session.dispose(),
  };
}

const noPadding: [number, number][] = [
  [0, 0],
  [0, 0],
  [0, 0],
];

/** @param what the network that has no layers here */
function noTarget(file: string, what: string): UsageError {
  return new UsageError(`target: ${file}: of ${what} scores of classes are known here, and no layers`);
}

/** The classes of a segmenter's answer. */
function classesOfPixels(answer: tf.Tensor | tf.Tensor[], file: string): number {
  const { shape } = Array.isArray(answer) ? answer[0]! : answer;
  if (shape.length === 4) return shape[3]!;
  throw new ModelError(`${file}: it answers [${shape.join(', ')}], not [batch, height, width, classes]`);
}

function isChannels(size: number | null | undefined): boolean {
  return size === 1 || size === 3;
}

function onlyOne(scores: tf.Tensor | tf.Tensor[]): tf.Tensor2D {
  const tensor = Array.isArray(scores) ? scores[0]! : scores;
  return tf.reshape(tensor, [tensor.shape[0]!, -1]) as tf.Tensor2D;
}

function columnsOf(scores: tf.Tensor | tf.Tensor[], file: string): number {
  const { shape } = Array.isArray(scores) ? scores[0]! : scores;
  if (shape[0] === 1 && shape.length >= 2) return shape.slice(1).reduce((product, size) => product * size, 1);
  throw new ModelError(`${file}: it answers [${shape.join(', ')}], not [batch, classes]`);
}

/** @throws {UsageError} for an output that there is not */
function outputOf(names: readonly string[], asked: number | string | undefined, file: string): string {
  const found = names.includes(String(asked ?? '')) ? String(asked) : names[Number(asked ?? 0)];
  if (found !== undefined) return found;
  throw new UsageError(
    `--output: no output ${asked}; ${file} has ${names.map((name, i) => `${i} (${name})`).join(', ')}`,
  );
}
