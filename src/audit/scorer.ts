import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { forward } from '../gradcam/index.ts';
import type { Link } from '../losses/index.ts';

/** A classifier as the audit asks it: pictures in, decisions out. */
export class Scorer {
  readonly model: tfl.LayersModel;
  readonly link: Link;
  readonly imageSize: readonly [number, number];
  readonly #output: number;
  readonly #batchSize: number;

  constructor(
    model: tfl.LayersModel,
    link: Link,
    imageSize: readonly [number, number],
    { output = 0, batchSize = 50 }: { output?: number; batchSize?: number } = {},
  ) {
    this.model = model;
    this.link = link;
    this.imageSize = imageSize;
    this.#output = output;
    this.#batchSize = batchSize;
  }

  /**
   * @param pictures [H·W·3] each
   * @returns the logits of each, [C]
   */
  logits(pictures: readonly Float32Array[]): Float32Array[] {
    const [height, width] = this.imageSize;
    const size = height * width * 3;
    const rows: Float32Array[] = [];
    for (let first = 0; first < pictures.length; first += this.#batchSize) {
      const some = pictures.slice(first, first + this.#batchSize);
      // Padded, so that an engine that compiles by shape compiles once.
      const values = new Float32Array(this.#batchSize * size);
      some.forEach((picture, i) => {
        values.set(picture, i * size);
      });
      const scores = tf.tidy(() => {
        const images = tf.tensor4d(values, [this.#batchSize, height, width, 3]);
        return Float32Array.from(forward(this.model, images, { output: this.#output }).dataSync());
      });
      const classes = scores.length / this.#batchSize;
      some.forEach((_, i) => {
        rows.push(scores.slice(i * classes, (i + 1) * classes));
      });
    }
    return rows;
  }

  /** Whether the classifier says that the class is there: above one half, or first of those that exclude each other. */
  says(row: Float32Array, c: number): boolean {
    return this.margin(row, c) > 0;
  }

  /** How far the class is from the decision: its logit, or its lead over the best of the others. */
  margin(row: Float32Array, c: number): number {
    if (this.link === 'sigmoid') return row[c]!;
    let best = Number.NEGATIVE_INFINITY;
    row.forEach((value, k) => {
      if (k !== c) best = Math.max(best, value);
    });
    return row[c]! - best;
  }
}
