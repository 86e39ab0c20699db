import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import type { Dataset } from '../data/index.ts';
import { attentionMaps, forward, type MapMethod, normalizeMaps } from '../gradcam/index.ts';
import { toGrid } from '../losses/index.ts';
import { argMaxRows, meanOf } from '../metrics/index.ts';
import type { EvaluateOptions } from './split-metrics.ts';

/** How the maps of both are made. */
export interface ComparedMaps {
  /** @default 'grad-cam++' */
  readonly method?: MapMethod | undefined;
  /** @default 'auto' */
  readonly studentLayer?: string | undefined;
  /** @default 'auto' */
  readonly teacherLayer?: string | undefined;
}

/** How far a student is from its teacher on a split. */
export interface TeacherComparison {
  /** Share of the images on which both take the same class for the most likely, 0..1. */
  readonly agreement: number;
  /** Mean cosine of the two maps of the teacher's most likely class, 0..1; NaN where every map is dead. */
  readonly mapCosine: number;
  /** Mean distance ‖·‖₂ of these maps, each divided by its length. */
  readonly mapDistance: number;
}

/**
 * Compares a student with its teacher: their answers, and their maps of the class that the teacher takes for the
 * most likely, on the student's grid.
 *
 * @throws {DataError} when the split is missing or damaged.
 */
export async function compareWithTeacher(
  student: tfl.LayersModel,
  teacher: tfl.LayersModel,
  dataset: Dataset,
  split: string,
  { method = 'grad-cam++', studentLayer, teacherLayer }: ComparedMaps,
  { batchSize, imageSize, fit, workers, signal }: EvaluateOptions,
): Promise<TeacherComparison> {
  const agreed: number[] = [];
  const cosines: number[] = [];
  const [height, width] = imageSize;
  const classes = dataset.info.classes.length;
  for await (const batch of dataset.batches(split, { batchSize, imageSize, fit, workers })) {
    signal?.throwIfAborted();
    // Padded to one size, so that an engine that compiles by shape compiles once.
    const padded = new Float32Array(batchSize * height * width * 3);
    padded.set(batch.images);
    const result = tf.tidy(() => {
      const images = tf.tensor4d(padded, [batchSize, height, width, 3]);
      const top = argMaxRows(forward(teacher, images).dataSync(), classes);
      const pairs = top.map((c, sample) => ({ sample, class: c }));
      const own = attentionMaps(student, images, pairs, { method, targetLayer: studentLayer, groups: 1 });
      const given = attentionMaps(teacher, images, pairs, { method, targetLayer: teacherLayer, groups: 1 });
      const [, h, w] = own.maps.shape;
      const [a, b] = [own.maps, toGrid(given.maps, [h, w])].map((maps) => normalizeMaps(maps, 'l2'));
      const dots = tf.sum(tf.mul(a!, b!), [1, 2]).dataSync();
      const alive = tf.mul(tf.max(a!, [1, 2]), tf.max(b!, [1, 2])).dataSync();
      return { top, own: argMaxRows(own.logits.dataSync(), classes), dots, alive };
    });
    for (let i = 0; i < batch.size; i++) {
      agreed.push(Number(result.own[i] === result.top[i]));
      if (result.alive[i]! > 0) cosines.push(Math.min(1, result.dots[i]!));
    }
  }
  return {
    agreement: meanOf(agreed),
    mapCosine: meanOf(cosines),
    mapDistance: meanOf(cosines.map((cosine) => Math.sqrt(2 - 2 * cosine))),
  };
}
