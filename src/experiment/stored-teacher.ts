import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {
  type Augmentation,
  type Dataset,
  type Fit,
  readAnswers,
  type StoredAnswer,
  type View,
  writeAnswers,
} from '../data/index.ts';
import { DataError, UsageError } from '../errors/index.ts';
import type {
  DistillationOptions,
  DistilledMaps,
  StepContext,
  TeacherAnswers,
  WeightedPairs,
} from '../gain/index.ts';
import { attentionMaps, forward, normalizeMaps, type Pair, resolveTargetLayer } from '../gradcam/index.ts';
import { argMaxRows } from '../metrics/index.ts';

/** How the images that a teacher answers come about. */
export interface StoredTeacherOptions {
  readonly splits: readonly string[];
  readonly imageSize: readonly [number, number];
  readonly fit: Fit;
  readonly batchSize: number;
  readonly workers: number;
  readonly maps: DistilledMaps;
  /** Answers written so far, and all of them. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What cannot be looked up, because it would not be what the teacher says of the image that the student sees.
 *
 * Maps move with their image under flips and crops. Logits, and with them the most likely class, are those of the
 * whole image; colours change both.
 *
 * @throws {UsageError} naming the setting and the way out
 */
export function requireStorable(options: DistillationOptions, augment: Augmentation | null, fit: Fit): void {
  const refuse = (what: string): never => {
    throw new UsageError(`distillation.teacher.maps: precomputed ${what}; use live`);
  };
  if (options.attentionTransfer) refuse('holds logits and maps, not the activations of attentionTransfer');
  if (options.classAttention) refuse('holds the maps of labels, not those of all classes for classAttention');
  if (Object.values(augment?.color ?? {}).some((strength) => strength > 0)) {
    refuse('answers are not those to other colours (data.augment.color)');
  }
  if (augment?.crop && options.softTargets) {
    refuse('logits are those of the whole image, not of a crop (data.augment.crop) as softTargets asks for');
  }
  if (augment?.crop && fit === 'crop')
    refuse('maps are of the centre, crops are of the whole (data.fit: crop)');
}

/** A teacher whose logits and maps were computed once and lie beside the data set. */
export class StoredTeacher implements TeacherAnswers {
  readonly #answers: ReadonlyMap<string, StoredAnswer>;
  readonly #path: string;
  readonly #size: readonly [number, number];

  private constructor(
    path: string,
    answers: ReadonlyMap<string, StoredAnswer>,
    size: readonly [number, number],
  ) {
    this.#path = path;
    this.#answers = answers;
    this.#size = size;
  }

  /**
   * Reads the answers of a teacher from `DATA/teacher/HASH.tfrecord`, which is written first where it is not
   * there. HASH stands for the teacher's weights, the way its maps are made, and the splits.
   *
   * @throws {DataError} when the file is damaged, or the data set is
   */
  static async open(
    model: tfl.LayersModel,
    dataset: Dataset,
    options: StoredTeacherOptions,
  ): Promise<StoredTeacher> {
    const { shape } = resolveTargetLayer(model, options.maps.teacherLayer ?? 'auto');
    const [, h, w] = shape;
    const path = join(dataset.dir, 'teacher', `${await fingerprint(model, dataset, options)}.tfrecord`);
    if (!existsSync(path)) await writeAnswers(path, answersOf(model, dataset, options));
    return new StoredTeacher(path, await readAnswers(path), [h!, w!]);
  }

  logits(step: StepContext): tf.Tensor2D {
    const rows = this.#of(step).map(({ logits }) => logits);
    return tf.tensor2d(concat(rows), [rows.length, rows[0]!.length]);
  }

  topPairs(step: StepContext): WeightedPairs {
    const top = this.#of(step).map(({ logits }) => argMaxRows(logits, logits.length)[0]!);
    return { pairs: top.map((c, sample) => ({ sample, class: c })), weights: top.map(() => 1) };
  }

  maps(step: StepContext, pairs: readonly Pair[]): tf.Tensor3D {
    const answers = this.#of(step);
    const [h, w] = this.#size;
    const views = step.batch.origins!;
    const placed = pairs.map((pair) => {
      const map = answers[pair.sample]!.maps.get(pair.class);
      // Padding repeats a pair that exists; a class that is no label was not computed.
      if (!map) {
        throw new DataError(
          `${this.#path}: no map of class ${pair.class} for ${views[pair.sample]!.id}; delete the file`,
        );
      }
      return placeMap(map, [h, w], views[pair.sample]!.view);
    });
    return tf.tensor3d(concat(placed), [pairs.length, h, w]);
  }

  activations(): never {
    throw new UsageError('precomputed answers hold no activations; use a live teacher');
  }

  classMaps(): never {
    throw new UsageError('precomputed answers hold no maps of all classes; use a live teacher');
  }

  #of({ batch }: StepContext): StoredAnswer[] {
    if (!batch.origins)
      throw new UsageError('precomputed answers need batches that say where images come from');
    return batch.origins.map(({ id }) => {
      const answer = this.#answers.get(id);
      if (!answer)
        throw new DataError(`${this.#path}: no answer to ${id}; delete the file to have it made again`);
      return answer;
    });
  }
}

async function* answersOf(
  model: tfl.LayersModel,
  dataset: Dataset,
  options: StoredTeacherOptions,
): AsyncGenerator<StoredAnswer> {
  const { imageSize, fit, batchSize, workers, maps, onProgress, signal } = options;
  const { method = 'grad-cam++', teacherLayer, normalization = 'none' } = maps;
  const classes = dataset.info.classes.length;
  const total = options.splits.reduce((sum, split) => sum + dataset.info.splits[split]!.examples, 0);
  let done = 0;
  for (const split of options.splits) {
    const batches = dataset.batches(split, { batchSize, imageSize, fit, workers });
    for await (const batch of batches) {
      signal?.throwIfAborted();
      // The last batch is padded, so that an engine that compiles by shape compiles once.
      const padded = new Float32Array(batchSize * imageSize[0] * imageSize[1] * 3);
      padded.set(batch.images);
      const images = tf.tensor4d(padded, [batchSize, ...imageSize, 3]);
      const logits = tf.tidy(() => forward(model, images).dataSync() as Float32Array);
      const explained = argMaxRows(logits, classes).map((top, sample) => {
        const labels = batch.labels.subarray(sample * classes, (sample + 1) * classes);
        return [...new Set([...indicesOf(labels), top])];
      });
      const rounds = Math.max(...explained.map((list) => list.length));
      const found = explained.map(() => new Map<number, Float32Array>());
      for (let round = 0; round < rounds; round++) {
        // One map for each image at a time, again for the sake of one shape.
        const pairs = explained.map((list, sample) => ({ sample, class: list[round] ?? list[0]! }));
        const values = tf.tidy(() => {
          const options = { method, targetLayer: teacherLayer, groups: 1 };
          return normalizeMaps(attentionMaps(model, images, pairs, options).maps, normalization).dataSync();
        });
        const size = values.length / pairs.length;
        pairs.forEach(({ sample, class: c }) => {
          found[sample]!.set(c, Float32Array.from(values.subarray(sample * size, (sample + 1) * size)));
        });
      }
      images.dispose();
      for (let sample = 0; sample < batch.size; sample++) {
        yield {
          id: batch.ids[sample]!,
          logits: logits.slice(sample * classes, (sample + 1) * classes),
          maps: found[sample]!,
        };
      }
      done += batch.size;
      onProgress?.(done, total);
    }
  }
}

/**
 * The part of a map that a sample shows, at the map's own size: bilinear, held at the edges.
 *
 * @param map [h·w] of the whole image
 */
export function placeMap(
  map: Float32Array,
  [h, w]: readonly [number, number],
  { left, top, width, height, flip }: View,
): Float32Array {
  const rows = samplesOf(h, top, height, false);
  const columns = samplesOf(w, left, width, flip);
  const placed = new Float32Array(h * w);
  for (let y = 0; y < h; y++) {
    const [above, below, dy] = rows[y]!;
    for (let x = 0; x < w; x++) {
      const [before, after, dx] = columns[x]!;
      const line = (row: number) => map[row * w + before]! * (1 - dx) + map[row * w + after]! * dx;
      placed[y * w + x] = line(above) * (1 - dy) + line(below) * dy;
    }
  }
  return placed;
}

/** For each of n cells of a window: the two cells of the whole that its centre lies between, and how far along. */
function samplesOf(n: number, start: number, length: number, flip: boolean): [number, number, number][] {
  return Array.from({ length: n }, (_, i) => {
    const cell = flip ? n - 1 - i : i;
    const place = Math.min(n - 1, Math.max(0, (start + ((cell + 0.5) / n) * length) * n - 0.5));
    const first = Math.floor(place);
    return [first, Math.min(n - 1, first + 1), place - first];
  });
}

async function fingerprint(
  model: tfl.LayersModel,
  dataset: Dataset,
  { splits, imageSize, fit, maps }: StoredTeacherOptions,
): Promise<string> {
  const { method, teacherLayer, normalization } = maps;
  const hash = createHash('sha256');
  const shards = splits.map((split) => [split, dataset.info.splits[split]]);
  hash.update(JSON.stringify([method, teacherLayer, normalization, imageSize, fit, shards]));
  for (const weight of model.weights) hash.update(new Uint8Array((await weight.read().data()).buffer));
  return hash.digest('hex').slice(0, 16);
}

function indicesOf(hot: Float32Array): number[] {
  return [...hot.keys()].filter((c) => hot[c]! > 0);
}

function concat(rows: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(rows.reduce((sum, row) => sum + row.length, 0));
  let at = 0;
  for (const row of rows) {
    all.set(row, at);
    at += row.length;
  }
  return all;
}
