import * as tf from '@tensorflow/tfjs-core';
import { ModelError, UsageError } from '../errors/index.ts';
import { forward, isDeadMap, type Pair, resolveTargetLayer, type Target } from '../gradcam/index.ts';
import { probabilities } from '../losses/index.ts';
import { isBlackBox } from '../run/core.ts';
import type { BlackBox, TrainedNetwork } from '../run/index.ts';
import type { NamedImage } from './images.ts';
import type { MethodOptions } from './method.ts';
import type { MethodEntry } from './method-entry.ts';
import { findMethods } from './method-list.ts';

/** What has to be known of a network to explain it. Every {@link TrainedNetwork} is one. */
export type ExplainedNetwork = Pick<
  TrainedNetwork,
  'model' | 'output' | 'link' | 'scored' | 'classes' | 'imageSize' | 'channels' | 'targetLayer'
> & { readonly frames?: number | undefined };

/** What a method says of one image and class, on the host. */
export interface Attribution {
  readonly method: MethodEntry;
  /** [h, w], or [H,W,c] in pixel space; of clips [t, h, w] and [T,H,W,c]. */
  readonly shape: readonly number[];
  /** As the method gives it: neither normalised nor resized. */
  readonly values: Float32Array;
  /** Set when it points nowhere: of one value all over, or not finite. */
  readonly defect?: 'dead' | 'not finite';
}

export interface ClassExplanations {
  readonly index: number;
  /** null for a black box, which tells its probabilities alone; of a segmenter the sum of the logits in the region. */
  readonly logit: number | null;
  /** Of a segmenter the share of pixels that are called the class; of numbers the number, or less it. */
  readonly probability: number;
  /** By methods, in the same order everywhere. */
  readonly attributions: readonly Attribution[];
}

export interface ExplainedImage {
  readonly image: NamedImage;
  /** Of all classes. */
  readonly probabilities: Float32Array;
  /** The explained ones, in the order asked for, else the likeliest first. */
  readonly classes: readonly ClassExplanations[];
}

export interface ExplainOptions {
  /** Names of methods, of groups of them, or `all`. */
  readonly methods: readonly string[];
  /** Columns of the classes to explain. @default the `top` likeliest of each image */
  readonly classes?: readonly number[] | undefined;
  /** @default 3 */
  readonly top?: number | undefined;
  /** Path of the layer that class maps are made of. @default that of the subject */
  readonly targetLayer?: string | undefined;
  /** @default 0 */
  readonly seed?: number | undefined;
  /** Changed copies of each image, for RISE and LIME. @default as the method says */
  readonly samples?: number | undefined;
  /** Images at a time. @default 16 */
  readonly batchSize?: number | undefined;
  /** Takes a line for what was left out, and for every attribution that points nowhere. */
  readonly onNote?: ((line: string) => void) | undefined;
  /** Counts pairs of image and method; a long method counts while it runs. */
  readonly onProgress?: ((done: number, all: number, detail: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Explains images by several methods, image by image.
 *
 * A method that was asked for by its own name and cannot be applied to the network is an error; one that only came
 * with its group is left out, with a note that says why.
 *
 * @throws {UsageError} for a method that does not exist
 * @throws {ModelError} for a layer that does not exist, or a network that a method cannot be applied to
 */
export async function* explainImages(
  subject: ExplainedNetwork | BlackBox,
  images: readonly NamedImage[],
  {
    methods: asked,
    classes,
    top = 3,
    targetLayer = isBlackBox(subject) ? 'auto' : subject.targetLayer,
    seed = 0,
    samples,
    batchSize = 16,
    onNote = () => {},
    onProgress = () => {},
    signal,
  }: ExplainOptions,
): AsyncGenerator<ExplainedImage> {
  let methods = findMethods(asked);
  const planned = methods.length;
  const byName = namedMethods(asked);
  const needsLayer = methods.some((method) => method.group === 'class-maps' && byName.has(method));
  if (!isBlackBox(subject) && (needsLayer || targetLayer !== 'auto')) {
    resolveTargetLayer(subject.model, targetLayer, { output: subject.output });
  }
  const names = subject.classes;
  const frames = isBlackBox(subject) ? undefined : subject.frames;
  const shape = [...(frames ? [frames] : []), ...subject.imageSize, subject.channels];
  for (let start = 0; start < images.length; start += batchSize) {
    const batch = images.slice(start, start + batchSize);
    const pixels = tf.tidy(() => tf.stack(batch.map((image) => tf.tensor(image.pixels, shape))));
    try {
      const { logits, shares } = await scoresOf(subject, pixels);
      const chosen = shares.map((row) => classes ?? likeliest(row, top));
      const pairs = chosen.flatMap((columns, sample) => columns.map((column) => ({ sample, class: column })));
      const found = new Map<MethodEntry, Omit<Attribution, 'method'>[]>();
      for (const [m, method] of methods.entries()) {
        signal?.throwIfAborted();
        const before = start * planned + m * batch.length;
        const report = (done: number, all: number) =>
          onProgress(before + (batch.length * done) / Math.max(1, all), images.length * planned, method.name);
        report(0, 1);
        try {
          const options = { targetLayer, seed, samples, batchSize, signal, onProgress: report };
          found.set(method, await toHost(await explain(subject, method, pixels, pairs, options)));
        } catch (error) {
          const left = error instanceof ModelError || error instanceof UsageError;
          if (!left || byName.has(method) || start > 0) throw error;
          onNote(
            `left out  ${error.message.startsWith(method.name) ? '' : `${method.name}: `}${error.message}`,
          );
        }
        report(1, 1);
      }
      methods = methods.filter((method) => found.has(method));
      if (methods.length === 0) throw new ModelError('none of the methods can be applied to this network');

      let row = 0;
      for (const [sample, image] of batch.entries()) {
        const explained = chosen[sample]!.map((index) => {
          const attributions = methods.map((method) => ({ method, ...found.get(method)![row]! }));
          row++;
          for (const { method, defect } of attributions) {
            if (defect) onNote(defectNote(image.name, names[index]!, method.name, defect));
          }
          return {
            index,
            logit: logits ? logits[sample]![index]! : null,
            probability: shares[sample]![index]!,
            attributions,
          };
        });
        yield { image, probabilities: shares[sample]!, classes: explained };
      }
    } finally {
      pixels.dispose();
    }
  }
}

/** Logits, where they are to be had, and probabilities of all classes, a row for each image. */
async function scoresOf(subject: ExplainedNetwork | BlackBox, pixels: tf.Tensor) {
  const tensors = tf.tidy((): tf.Tensor2D[] => {
    if (isBlackBox(subject)) return [subject.predict(pixels)];
    const { model, scored } = subject;
    if (scored !== 'classes') {
      const scores = forward(model, pixels, { output: subject.output });
      return [
        scored === 'regions' ? forward(model, pixels, { output: regionShare }) : tf.clone(scores),
        scores,
      ];
    }
    const logits = forward(subject.model, pixels, { output: subject.output });
    return [probabilities(logits, subject.link) as tf.Tensor2D, logits];
  });
  const [shares, logits] = await Promise.all(tensors.map((tensor) => rowsOf(tensor)));
  tf.dispose(tensors);
  return { logits, shares: shares! };
}

/** Outputs of a segmenter as `withRegionScores` makes them. */
const [regionShare, regionChance] = [1, 2];

/** Methods that need derivatives to the pixels and no layers. */
const byOperations: ReadonlySet<string> = new Set(['gradient', 'smooth-grad', 'integrated-gradients']);

/** What methods judge that see scores alone. */
const judged: Record<TrainedNetwork['scored'], (link: TrainedNetwork['link']) => Target> = {
  classes: (link) => ({ score: (values) => probabilities(values as tf.Tensor2D, link) }),
  regions:
    () =>
    (...outputs) =>
      outputs[regionChance]!,
  values: () => 'logit',
};

/**
 * The attributions of a method. What is judged by its scores alone is judged by probabilities, as in the papers; of a
 * segmenter by the mean probability of the region, of numbers by the numbers.
 *
 * @throws {ModelError} when a black box lacks what the method needs
 */
function explain(
  subject: ExplainedNetwork | BlackBox,
  method: MethodEntry,
  pixels: tf.Tensor,
  pairs: readonly Pair[],
  options: MethodOptions,
): ReturnType<MethodEntry['explain']> {
  const byScores = method.group === 'model-agnostic';
  if (!isBlackBox(subject)) {
    const { model, output, link, scored } = subject;
    const target = byScores ? judged[scored](link) : undefined;
    return method.explain(model, pixels, pairs, { ...options, output, target });
  }
  // These take whatever has `predict`, or the operations of a graph-model.
  const asModel = (box: unknown) => box as TrainedNetwork['model'];
  if (byScores) return method.explain(asModel({ predict: subject.predict }), pixels, pairs, options);
  if (subject.graph && byOperations.has(method.name)) {
    return method.explain(asModel(subject.graph), pixels, pairs, options);
  }
  throw new ModelError(
    `${method.name}: ${subject.blackBox}; methods that need its scores alone work: occlusion, rise, lime`,
  );
}

/** Those that were asked for by a name of their own, not by that of a group. */
function namedMethods(asked: readonly string[]): Set<MethodEntry> {
  return new Set(asked.map((name) => findMethods([name])).flatMap((of) => (of.length === 1 ? of : [])));
}

async function rowsOf(tensor: tf.Tensor2D): Promise<Float32Array[]> {
  const [rows, columns] = tensor.shape;
  const values = (await tensor.data()) as Float32Array;
  return Array.from({ length: rows }, (_, row) => values.slice(row * columns, (row + 1) * columns));
}

/** The columns of the highest values, the highest first. */
function likeliest(values: Float32Array, count: number): number[] {
  return [...values.keys()].sort((a, b) => values[b]! - values[a]! || a - b).slice(0, count);
}

/** The attributions of the pairs; the tensor is disposed of. */
async function toHost(tensor: tf.Tensor): Promise<Omit<Attribution, 'method'>[]> {
  const [pairs, ...shape] = tensor.shape as [number, ...number[]];
  const all = (await tensor.data()) as Float32Array;
  tensor.dispose();
  const size = all.length / pairs;
  return Array.from({ length: pairs }, (_, pair) => {
    const values = all.slice(pair * size, (pair + 1) * size);
    const defect = defectOf(values);
    return { shape, values, ...(defect && { defect }) };
  });
}

function defectOf(values: Float32Array): Attribution['defect'] {
  if (!values.every(Number.isFinite)) return 'not finite';
  return isDeadMap(values) ? 'dead' : undefined;
}

function defectNote(image: string, name: string, method: string, defect: 'dead' | 'not finite'): string {
  const state =
    defect === 'dead'
      ? 'is dead: of one value all over, it points nowhere'
      : 'holds values that are not finite';
  return `warning  ${image}, class ${name}: the ${method} map ${state}`;
}
