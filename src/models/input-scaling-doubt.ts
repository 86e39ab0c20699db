import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { parse } from 'yaml';
import * as z from 'zod';
import { UsageError } from '../errors/index.ts';
import { type InputScaling, inputScalings, withInputScaling } from './input-scaling.ts';

const scalingSchema = z.union([
  z.enum(inputScalings),
  z.strictObject({
    mean: z.array(z.number()).nonempty(),
    std: z.array(z.number().positive()).nonempty(),
  }),
]);

/**
 * The scaling that a command line means, which takes what a config takes: a name, or `{ mean: […], std: […] }`.
 *
 * @throws {UsageError} says what is expected
 */
export function parseInputScaling(text: string, option = '--input-scaling'): InputScaling {
  let value: unknown = text;
  if (text.trim().startsWith('{')) {
    try {
      value = parse(text);
    } catch {
      value = undefined;
    }
  }
  const parsed = scalingSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new UsageError(
    `${option}: expected ${inputScalings.join(', ')}, or "{ mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] }", ` +
      `received ${JSON.stringify(text)}`,
  );
}

/**
 * The scaling that a model asks for by its first layers: Keras's networks often hold a `Rescaling` or `Normalization`
 * of their own, which wants pixels from 0 to 255.
 *
 * @returns undefined where the model says nothing
 */
export function scalingOfModel(model: tfl.LayersModel): InputScaling | undefined {
  const first = firstRescaling(model);
  if (!first) return undefined;
  const scale = Math.max(...[first.scale].flat().map(Math.abs));
  // Of 0 … 255 it makes values around 1; of 0 … 1 nothing would be left.
  return scale > 0 && scale <= 1 / 20 ? 'zero-255' : undefined;
}

function firstRescaling(model: tfl.LayersModel): { scale: number | number[] } | undefined {
  const [input] = model.inputs;
  for (const layer of model.layers) {
    if (layer.name === 'input_scaling') return undefined;
    if (layer instanceof (model.constructor as never) || 'layers' in layer) {
      const found = firstRescaling(layer as tfl.LayersModel);
      if (found) return found;
    }
    const reads = layer.inboundNodes.some((node) => node.inputTensors.some(({ id }) => id === input?.id));
    if (reads && layer.getClassName() === 'Rescaling') return layer as unknown as { scale: number };
  }
  return undefined;
}

export interface ScalingDoubtOptions {
  /** What is going to be used. */
  readonly scaling: InputScaling;
  readonly link: 'softmax' | 'sigmoid';
  /** The true classes, where they are known: then accuracy decides. */
  readonly labels?: readonly number[] | undefined;
}

/**
 * Whether scores say that the pixels are scaled as the network does not expect it.
 *
 * A network that gets pixels of another scale than it was trained on either says nearly the same of every image, or
 * saturates. So its answers to a few images are compared under each scaling that has a name: with labels by their
 * accuracy, without them by how sure it is *and* how much it tells the images apart.
 *
 * @param model without input scaling, [B,H,W,C] → scores or logits [B,C]
 * @param images some ten of them, [B,H,W,C] in [0,1], of different classes
 * @returns what to tell the user; undefined where nothing speaks against the scaling
 */
export function doubtInputScaling(
  model: tfl.LayersModel,
  images: tf.Tensor4D,
  { scaling, link, labels }: ScalingDoubtOptions,
): string | undefined {
  const asked = scalingOfModel(model);
  if (asked !== undefined && scaling !== asked) {
    return (
      `the network begins with a rescaling of its own, for pixels from 0 to 255: input scaling ${shownScaling(asked)} gives ` +
      `them, ${shownScaling(scaling)} does not`
    );
  }
  const channels = images.shape[3];
  const candidates = inputScalings.filter((one) => channels === 3 || (one !== 'imagenet' && one !== 'caffe'));
  const own = evidence(model, images, scaling, link, labels);
  const others = candidates
    .filter((one) => one !== scaling)
    .map((one) => ({ scaling: one, ...evidence(model, images, one, link, labels) }))
    .sort((a, b) => b.worth - a.worth);
  const [best] = others;
  if (!best) return undefined;
  const count = images.shape[0];
  const clearly = labels
    ? best.worth - own.worth >= Math.max(0.2, 2 / count)
    : best.worth > 2 * own.worth && best.worth > 0.1;
  if (!clearly) return undefined;
  const measure = labels ? 'accuracy' : 'how well it tells them apart';
  return (
    `the scores of ${count} images speak against input scaling ${shownScaling(scaling)}: with ${shownScaling(best.scaling)} ` +
    `${measure} is ${best.worth.toFixed(2)}, with it ${own.worth.toFixed(2)}`
  );
}

/** Accuracy, or mutual information of image and class in units of its maximum. */
function evidence(
  model: tfl.LayersModel,
  images: tf.Tensor4D,
  scaling: InputScaling,
  link: 'softmax' | 'sigmoid',
  labels: readonly number[] | undefined,
): { worth: number } {
  const scaled = withInputScaling(model, scaling);
  try {
    return tf.tidy(() => {
      const raw = scaled.predict(images) as tf.Tensor2D;
      const [count, classes] = raw.shape;
      if (labels) {
        const found = raw.argMax(1).dataSync();
        const hits = labels.filter((label, i) => found[i] === label).length;
        return { worth: hits / Math.max(1, count) };
      }
      const isProbabilities = raw.min().dataSync()[0]! >= 0 && raw.max().dataSync()[0]! <= 1;
      const p = (
        isProbabilities ? raw : link === 'softmax' && classes > 1 ? tf.softmax(raw) : tf.sigmoid(raw)
      ) as tf.Tensor2D;
      // A single score is of one class against the other.
      const rows = classes === 1 ? p.arraySync().map(([v]) => [v!, 1 - v!]) : p.arraySync();
      const normal = rows.map((row) => {
        const sum = row.reduce((a, b) => a + b, 0);
        return sum > 0 ? row.map((v) => v / sum) : row.map(() => 1 / row.length);
      });
      const entropy = (row: readonly number[]) =>
        -row.reduce((sum, v) => sum + (v > 0 ? v * Math.log(v) : 0), 0);
      const mean = normal[0]!.map((_, c) => normal.reduce((sum, row) => sum + row[c]!, 0) / count);
      const within = normal.reduce((sum, row) => sum + entropy(row), 0) / count;
      const most = Math.log(Math.max(2, Math.min(count, rows[0]!.length)));
      return { worth: (entropy(mean) - within) / most };
    });
  } finally {
    if (scaled !== model) scaled.dispose();
  }
}

/** As a line says it: `imagenet`, or `mean […], std […]`. */
export function shownScaling(scaling: InputScaling): string {
  return typeof scaling === 'string' ? scaling : `mean [${scaling.mean}], std [${scaling.std}]`;
}
