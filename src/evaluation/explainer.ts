import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import type { HostBatch } from '../data/index.ts';
import type { MethodEntry } from '../explain/index.ts';
import {
  forward,
  inputGradients,
  isMapMethod,
  type MapMethod,
  methodMaps,
  type Pair,
  resizeCubic,
  upsampleMaps,
} from '../gradcam/index.ts';
import { logProbabilitySums, probabilities } from '../losses/index.ts';

export interface ExplainerOptions {
  /** Names of methods of `explanationMethods`. */
  readonly methods: readonly string[];
  readonly targetLayer: string;
  /** [H,W] */
  readonly imageSize: readonly [number, number];
  /** T, of clips. @default images */
  readonly frames?: number | undefined;
  readonly batchSize: number;
  readonly link: 'sigmoid' | 'softmax';
  /** Changed copies of each image, for RISE and LIME. @default as the method says */
  readonly samples?: number | undefined;
  /** Of what a method draws at random. @default 0 */
  readonly seed?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A batch of images with the maps of its pairs, on the host. */
export interface ExplainedBatch {
  /** [B·C] */
  readonly logits: Float32Array;
  /** [B·C] by the link. */
  readonly scores: Float32Array;
  /**
   * The map of a pair at the size of the image, [H·W], as the method gives it: neither clipped nor normalised. Of clips
   * [T·H·W], trilinear.
   */
  map(method: number, pair: number): Float32Array;
  /** The same at the method's own extent, that of the target layer or of the image: [h·w] or [t·h·w]. */
  smallMap(method: number, pair: number): Float32Array;
  /** [h, w] or [t, h, w] of a method. */
  smallSize(method: number): readonly number[];
}

/** The maps of a method on the host. */
interface HostMaps {
  readonly size: readonly number[];
  /** [P·h·w] */
  readonly small: Float32Array;
  /** [P·H·W] */
  readonly large: Float32Array;
}

/**
 * A network and the maps of several methods, batch by batch: of any method that `explain` knows.
 *
 * Class maps of one forward and one backward pass (`methodMaps`) share these passes. Their images and pairs are padded,
 * so that an engine that compiles by shape meets few shapes: always `batchSize` images, and a multiple of it of pairs.
 * The others are called one by one, as by `explain`. Of an attribution in pixel space, [P,H,W,c], the map is the largest
 * magnitude of the channels (Simonyan et al. 2014, section 3.1).
 */
export class Explainer {
  readonly model: tfl.LayersModel;
  readonly options: ExplainerOptions;
  readonly #entries: readonly MethodEntry[];

  private constructor(model: tfl.LayersModel, options: ExplainerOptions, entries: readonly MethodEntry[]) {
    this.model = model;
    this.options = options;
    this.#entries = entries;
  }

  /** @throws {UsageError} for a method that does not exist */
  static async create(model: tfl.LayersModel, options: ExplainerOptions): Promise<Explainer> {
    // Loaded late: a training evaluates too, and needs none of the methods' eighty files.
    const { findMethods } = await import('../explain/index.ts');
    return new Explainer(model, options, findMethods(options.methods));
  }

  /**
   * @param pairs those whose maps are made, in this order
   * @throws {ModelError} when a method cannot be applied to the network
   */
  async explain(batch: HostBatch, pairs: readonly Pair[]): Promise<ExplainedBatch> {
    const { batchSize, link } = this.options;
    const shared = this.#entries.map(({ name }) => name).filter(isMapMethod);
    const { logits, maps: ofShared } = this.#sharedMaps(batch, pairs, shared);
    const ofMethods: HostMaps[] = [];
    for (const entry of this.#entries) {
      const at = (shared as readonly string[]).indexOf(entry.name);
      ofMethods.push(at >= 0 ? ofShared[at]! : await this.#mapsOf(entry, batch, pairs));
    }
    const classes = logits.length / batchSize;
    const rows = logits.slice(0, batch.size * classes);
    const part = (array: Float32Array, each: number, pair: number) =>
      array.subarray(pair * each, (pair + 1) * each);
    return {
      logits: rows,
      scores: probabilitiesOf(rows, classes, link),
      map: (method, pair) => part(ofMethods[method]!.large, sizeOf(this.#extent), pair),
      smallMap: (method, pair) => part(ofMethods[method]!.small, sizeOf(ofMethods[method]!.size), pair),
      smallSize: (method) => ofMethods[method]!.size,
    };
  }

  /** The maps of one method of `explain`. */
  async #mapsOf(entry: MethodEntry, batch: HostBatch, pairs: readonly Pair[]): Promise<HostMaps> {
    const none = new Float32Array(0);
    if (pairs.length === 0) return { size: this.#extent, small: none, large: none };
    const { targetLayer, batchSize, link, samples, seed = 0, signal } = this.options;
    const images = tf.tensor(batch.images, [batch.size, ...this.#extent, 3]);
    const target =
      entry.group === 'model-agnostic'
        ? { score: (values: tf.Tensor) => probabilities(values as tf.Tensor2D, link) }
        : undefined;
    let given: tf.Tensor | undefined;
    let resized: tf.Tensor[] = [];
    try {
      given = await entry.explain(this.model, images, pairs, {
        targetLayer,
        seed,
        samples,
        batchSize,
        target,
        signal,
      });
      resized = tf.tidy(() => {
        const small = given!.rank > this.#extent.length + 1 ? tf.max(tf.abs(given!), -1) : tf.clone(given!);
        return [small, this.#atImage(small)];
      });
      const [small, large] = resized.map((maps) => Float32Array.from(maps.dataSync()));
      return { size: resized[0]!.shape.slice(1), small: small!, large: large! };
    } finally {
      tf.dispose([images, given ?? [], ...resized]);
    }
  }

  /** Logits [batchSize·C] and the maps of methods that share a pass. */
  #sharedMaps(
    batch: HostBatch,
    pairs: readonly Pair[],
    methods: readonly MapMethod[],
  ): { logits: Float32Array; maps: readonly HostMaps[] } {
    const { targetLayer, batchSize } = this.options;
    if (methods.length === 0) {
      const logits = tf.tidy(() => forward(this.model, this.#images(batch.images)));
      const values = Float32Array.from(logits.dataSync());
      logits.dispose();
      return { logits: values, maps: [] };
    }
    const capacity = Math.max(1, Math.ceil(pairs.length / batchSize)) * batchSize;
    // Repeating a pair costs no backward pass.
    const padded = Array.from(
      { length: capacity },
      (_, p) => pairs[p] ?? pairs[0] ?? { sample: 0, class: 0 },
    );
    const { logits, small, large } = tf.tidy(() => {
      const images = this.#images(batch.images);
      const result = methodMaps<tf.Tensor>(this.model, images, padded, { methods, targetLayer });
      const maps = result.maps.length === 1 ? result.maps[0]! : tf.concat([...result.maps], 0);
      return { logits: tf.keep(result.logits), small: tf.keep(maps), large: tf.keep(this.#atImage(maps)) };
    });
    const size = small.shape.slice(1);
    // Copies: the engine writes later results to arrays that no tensor holds.
    const [rows, smallValues, largeValues] = [logits, small, large].map((tensor) =>
      Float32Array.from(tensor.dataSync()),
    );
    tf.dispose([logits, small, large]);
    const part = (values: Float32Array, method: number) => {
      const each = values.length / methods.length;
      return values.subarray(method * each, (method + 1) * each);
    };
    return {
      logits: rows!,
      maps: methods.map((_, m) => ({ size, small: part(smallValues!, m), large: part(largeValues!, m) })),
    };
  }

  /** Maps at the size of the image: cubic, of clips trilinear; as they are where they have it already. */
  #atImage(maps: tf.Tensor): tf.Tensor {
    const extent = this.#extent;
    if (maps.shape.slice(1).every((length, axis) => length === extent[axis])) return tf.clone(maps);
    return extent.length === 2
      ? resizeCubic(maps as tf.Tensor3D, extent as [number, number])
      : upsampleMaps(maps, extent);
  }

  /**
   * Probabilities of images, [B·C].
   *
   * @param images [B·H·W·3], B at most `batchSize`
   */
  score(images: Float32Array, count: number): Float32Array {
    const logits = tf.tidy(() => forward(this.model, this.#images(images)));
    const classes = logits.shape[1];
    const rows = Float32Array.from(logits.dataSync().subarray(0, count * classes));
    logits.dispose();
    return probabilitiesOf(rows, classes, this.options.link);
  }

  /**
   * The input gradients of RRR, ∂/∂x Σ_k log p_k, their channels added up: [batchSize·H·W].
   *
   * @param images [B·H·W·3], B at most `batchSize`; what is beyond them is the gradient of black images
   */
  inputGradients(images: Float32Array): Float32Array {
    const { link } = this.options;
    const gradients = tf.tidy(() => {
      const score = (logits: tf.Tensor2D) => logProbabilitySums(logits, link);
      return tf.sum(inputGradients(this.model, this.#images(images), score), 3);
    });
    const values = Float32Array.from(gradients.dataSync());
    gradients.dispose();
    return values;
  }

  /** [H,W], of clips [T,H,W]. */
  get #extent(): number[] {
    const { imageSize, frames } = this.options;
    return frames ? [frames, ...imageSize] : [...imageSize];
  }

  #images(images: Float32Array): tf.Tensor {
    const { batchSize } = this.options;
    const extent = this.#extent;
    const size = batchSize * sizeOf(extent) * 3;
    let padded = images;
    if (images.length !== size) {
      padded = new Float32Array(size);
      padded.set(images);
    }
    return tf.tensor(padded, [batchSize, ...extent, 3]);
  }
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** Sigmoid, or softmax over each row. */
export function probabilitiesOf(
  logits: Float32Array,
  classes: number,
  link: 'sigmoid' | 'softmax',
): Float32Array {
  if (link === 'sigmoid') return logits.map((x) => 1 / (1 + Math.exp(-x)));
  const result = new Float32Array(logits.length);
  for (let at = 0; at < logits.length; at += classes) {
    let peak = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) peak = Math.max(peak, logits[at + c]!);
    let sum = 0;
    for (let c = 0; c < classes; c++) {
      result[at + c] = Math.exp(logits[at + c]! - peak);
      sum += result[at + c]!;
    }
    for (let c = 0; c < classes; c++) result[at + c]! /= sum;
  }
  return result;
}
