import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import type { HostBatch } from '../data/index.ts';
import {
  forward,
  inputGradients,
  type MapMethod,
  methodMaps,
  type Pair,
  resizeCubic,
  upsampleMaps,
} from '../gradcam/index.ts';
import { logProbabilitySums } from '../losses/index.ts';

export interface ExplainerOptions {
  readonly methods: readonly MapMethod[];
  readonly targetLayer: string;
  /** [H,W] */
  readonly imageSize: readonly [number, number];
  /** T, of clips. @default images */
  readonly frames?: number | undefined;
  readonly batchSize: number;
  readonly link: 'sigmoid' | 'softmax';
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
  /** The same at the extent of the target layer, [h·w] or [t·h·w]. */
  smallMap(method: number, pair: number): Float32Array;
  readonly smallSize: readonly number[];
}

/**
 * A network and the maps of several methods, batch by batch.
 *
 * Images and pairs are padded, so that an engine that compiles by shape meets few shapes: always `batchSize` images,
 * and a multiple of it of pairs.
 */
export class Explainer {
  readonly model: tfl.LayersModel;
  readonly options: ExplainerOptions;

  constructor(model: tfl.LayersModel, options: ExplainerOptions) {
    this.model = model;
    this.options = options;
  }

  /** @param pairs those whose maps are made, in this order */
  explain(batch: HostBatch, pairs: readonly Pair[]): ExplainedBatch {
    const { methods, targetLayer, batchSize, link } = this.options;
    const extent = this.#extent;
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
      const [height, width] = extent as [number, number];
      const resized =
        extent.length === 2 ? resizeCubic(maps as tf.Tensor3D, [height, width]) : upsampleMaps(maps, extent);
      return { logits: tf.keep(result.logits), small: tf.keep(maps), large: tf.keep(resized) };
    });
    const smallSize = small.shape.slice(1);
    const size = (shape: readonly number[]) => shape.reduce((product, length) => product * length, 1);
    const classes = logits.shape[1];
    const rows = Float32Array.from(logits.dataSync().subarray(0, batch.size * classes));
    // Copies: the engine writes later results to arrays that no tensor holds.
    const smallValues = Float32Array.from(small.dataSync());
    const values = Float32Array.from(large.dataSync());
    tf.dispose([logits, small, large]);
    const part = (array: Float32Array, each: number) => (method: number, pair: number) => {
      const start = (method * capacity + pair) * each;
      return array.subarray(start, start + each);
    };
    return {
      logits: rows,
      scores: probabilitiesOf(rows, classes, link),
      map: part(values, size(extent)),
      smallMap: part(smallValues, size(smallSize)),
      smallSize,
    };
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
    const size = extent.reduce((product, length) => product * length, batchSize * 3);
    let padded = images;
    if (images.length !== size) {
      padded = new Float32Array(size);
      padded.set(images);
    }
    return tf.tensor(padded, [batchSize, ...extent, 3]);
  }
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
