import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import type { Config } from '../config/index.ts';
import type { Dataset } from '../data/index.ts';
import { RunError } from '../errors/index.ts';
import type { EvaluateOptions } from '../evaluation/index.ts';
import { readJson } from '../files/index.ts';
import { holeFilling, removeRegion } from '../gain/index.ts';
import {
  attentionMaps,
  forward,
  isDeadMap,
  normalizeMaps,
  type Pair,
  softMask,
  upsampleMaps,
} from '../gradcam/index.ts';
import { energyInMask, pointingHit, regionOf } from '../metrics/index.ts';
import {
  attentionGrid,
  beforeAfterGrid,
  type ComparedMap,
  frameStrip,
  type PixelMap,
  shownFrames,
} from '../pictures/index.ts';
import type { RunDirectory } from '../run/index.ts';

/** An image of the panel and the class whose map is drawn. */
interface PanelItem {
  readonly image: Float32Array;
  readonly class: number;
  readonly truth: Float32Array | undefined;
}

/** A map of the panel as it was after an epoch, kept for the picture of before and after. */
interface StoredMaps {
  readonly epoch: number;
  readonly maps: readonly (readonly number[])[];
  /** Whether the network said that the class is there; absent in runs of earlier versions. */
  readonly answers?: readonly boolean[];
}

/** Frames of a clip that the panel shows, and how wide one is drawn. */
const mostFrames = 6;
const frameTile = 56;

/**
 * The same few images, drawn at every evaluation, of clips some of their frames side by side: image, map, soft mask, masked image, true mask, and the
 * score before and after masking. With a teacher, its map stands beside the student's.
 */
export class AttentionPanel {
  readonly #config: Config;
  readonly #classNames: readonly string[];
  readonly #options: EvaluateOptions;
  readonly #items: readonly PanelItem[];
  readonly #directory: RunDirectory;
  readonly #teacher: tfl.LayersModel | undefined;

  private constructor(
    config: Config,
    classNames: readonly string[],
    options: EvaluateOptions,
    items: readonly PanelItem[],
    directory: RunDirectory,
    teacher: tfl.LayersModel | undefined,
  ) {
    this.#config = config;
    this.#classNames = classNames;
    this.#options = options;
    this.#items = items;
    this.#directory = directory;
    this.#teacher = teacher;
  }

  /** Chooses the images; undefined when the config wants none or the split holds none with a label. */
  static async load(
    config: Config,
    dataset: Dataset,
    options: EvaluateOptions,
    directory: RunDirectory,
    teacher?: tfl.LayersModel,
  ): Promise<AttentionPanel | undefined> {
    const split = config.log.imagesFrom ?? config.data.splits.validation;
    const wanted = config.log.images;
    if (split === null || wanted === 0) return undefined;
    const { imageSize, frames, fit, focusClass } = options;
    const items: PanelItem[] = [];
    const classes = dataset.info.classes.length;
    const size = (frames ?? 1) * imageSize[0] * imageSize[1] * 3;
    const walk = { batchSize: 64, imageSize, frames, fit, workers: 0 };
    for await (const batch of dataset.batches(split, walk)) {
      for (let sample = 0; sample < batch.size && items.length < wanted; sample++) {
        const labels = batch.labels.subarray(sample * classes, (sample + 1) * classes);
        const chosen = focusClass ?? labels.indexOf(1);
        if (chosen < 0 || labels[chosen] !== 1) continue;
        const image = batch.images.slice(sample * size, (sample + 1) * size);
        items.push({ image, class: chosen, truth: regionOf(batch, { sample, class: chosen }, imageSize) });
      }
      if (items.length === wanted) break;
    }
    if (items.length === 0) return undefined;
    return new AttentionPanel(config, dataset.info.classes, options, items, directory, teacher);
  }

  /**
   * Draws the panel, and writes it to `attention/epoch-NNN.png`.
   *
   * @param epoch epochs of training so far.
   * @returns the PNG.
   */
  async draw(model: tfl.LayersModel, epoch: number): Promise<Buffer> {
    const { gain } = this.#config;
    const extent = this.#extent;
    const pairs: Pair[] = this.#items.map((item, sample) => ({ sample, class: item.class }));
    const made = tf.tidy(() => {
      const images = tf.stack(this.#items.map(({ image }) => tf.tensor(image, [...extent, 3])));
      const { maps, logits } = attentionMaps<tf.Tensor>(model, images, pairs, {
        ...this.#options.maps,
        groups: 1,
      });
      const attention = normalizeMaps(upsampleMaps(maps, extent), gain.normalization);
      const masks = softMask(attention, gain.softMask);
      const masked = removeRegion(images, masks, holeFilling(images, gain.fill, this.#config.seed));
      const after = forward(model, masked);
      const taught = this.#teacherMaps(images, pairs);
      return {
        attention,
        masks,
        masked,
        before: this.#probability(logits),
        after: this.#probability(after),
        ...(taught && { taught }),
      };
    });
    const classes = this.#classNames.length;
    const row = (values: Float32Array, i: number) =>
      values.slice((i * values.length) / pairs.length, ((i + 1) * values.length) / pairs.length);
    const read = Object.fromEntries(
      Object.entries(made).map(([name, tensor]) => [name, tensor.dataSync() as Float32Array]),
    ) as Record<Exclude<keyof typeof made, 'taught'>, Float32Array> & { taught?: Float32Array };
    const items = this.#items.map((item, i) => {
      const map = row(read.attention, i);
      return {
        ...this.#picture(item),
        map: this.#map(map),
        ...(read.taught && { teacherMap: this.#map(row(read.taught, i)) }),
        softMask: this.#map(row(read.masks, i)).data,
        masked: this.#shown(row(read.masked, i), 3),
        className: this.#classNames[item.class]!,
        scoreBefore: read.before[i * classes + item.class]!,
        scoreAfter: read.after[i * classes + item.class]!,
        dead: isDeadMap(map),
      };
    });
    tf.dispose(made);
    const png = await attentionGrid(items, this.#tiles);
    const stored: StoredMaps = {
      epoch,
      maps: pairs.map((_, i) => Array.from(row(read.attention, i), (v) => Number(v.toFixed(4)))),
      answers: this.#items.map((item, i) => {
        const scores = read.before.subarray(i * classes, (i + 1) * classes);
        const own = scores[item.class]!;
        return this.#options.link === 'sigmoid' ? own > 0.5 : own === Math.max(...scores);
      }),
    };
    const name = `epoch-${String(epoch).padStart(3, '0')}`;
    await this.#directory.write(`attention/${name}.png`, png);
    await this.#directory.write(`attention/${name}.json`, JSON.stringify(stored));
    return png;
  }

  /**
   * Draws the maps of the last evaluation before any guidance beside those of the end, and whether the class was
   * found, to `attention/before-after.png`. Nothing is drawn where guidance began with the first epoch.
   *
   * @param first run directory of the first stage, whose last maps are then those of before
   */
  async drawBeforeAfter(first?: string): Promise<void> {
    const { mining, supervision } = this.#config.gain.losses;
    const starts = [mining, supervision]
      .filter(({ weight }) => weight > 0)
      .map(({ startEpoch }) => startEpoch);
    const stored = await storedMaps(this.#directory.file('attention'));
    const before =
      first === undefined
        ? stored.findLast(({ epoch }) => epoch > 0 && epoch <= Math.min(...starts))
        : (await storedMaps(join(first, 'attention'))).at(-1);
    const after = stored.at(-1);
    if (!before || !after || before === after) return;
    const png = await beforeAfterGrid(
      this.#items.map((item, i) => ({
        ...this.#picture(item),
        before: this.#compared(before, i, item.truth),
        after: this.#compared(after, i, item.truth),
        className: this.#classNames[item.class]!,
      })),
      this.#tiles,
    );
    await this.#directory.write('attention/before-after.png', png);
  }

  /** [H,W], of clips [T,H,W]. */
  get #extent(): number[] {
    const { imageSize, frames } = this.#options;
    return frames ? [frames, ...imageSize] : [...imageSize];
  }

  /** Larger tiles for strips of frames. */
  get #tiles(): { tileSize?: number } {
    const { frames } = this.#options;
    return frames ? { tileSize: frameTile * Math.min(frames, mostFrames) } : {};
  }

  /** What is drawn of a clip: some of its frames side by side; an image as it is. */
  #shown(values: Float32Array, channels: number): Float32Array {
    const { imageSize, frames } = this.#options;
    if (!frames) return values;
    return frameStrip(values, [frames, ...imageSize], shownFrames(frames, mostFrames), channels);
  }

  #map(values: Float32Array): PixelMap {
    const { imageSize, frames } = this.#options;
    const [height, width] = imageSize;
    const across = frames ? Math.min(frames, mostFrames) : 1;
    return { data: this.#shown(values, 1), height, width: width * across };
  }

  #picture({ image, truth }: PanelItem) {
    const { height, width } = this.#map(new Float32Array(image.length / 3));
    return {
      image: this.#shown(image, 3),
      height,
      width,
      ...(truth && { truth: this.#shown(truth, 1) }),
    };
  }

  #compared({ maps, answers }: StoredMaps, item: number, truth: Float32Array | undefined): ComparedMap {
    const values = Float32Array.from(maps[item]!);
    return {
      ...(answers && { right: answers[item]! }),
      map: this.#map(values),
      ...(truth && { energy: energyInMask(values, truth), pointing: pointingHit(values, truth) }),
    };
  }

  /** The teacher's maps as the student's are shown, by the method that is distilled. */
  #teacherMaps(images: tf.Tensor, pairs: readonly Pair[]): tf.Tensor | undefined {
    const { distillation, gain } = this.#config;
    if (!this.#teacher || !distillation) return undefined;
    const { method, teacherLayer } = distillation.maps;
    const options = { method, targetLayer: teacherLayer, groups: 1 };
    const { maps } = attentionMaps(this.#teacher, images, pairs, options);
    return normalizeMaps(upsampleMaps(maps, this.#options.imageSize), gain.normalization);
  }

  #probability(logits: tf.Tensor2D): tf.Tensor2D {
    return this.#options.link === 'sigmoid' ? tf.sigmoid(logits) : tf.softmax(logits);
  }
}

/** The maps of all evaluations that a folder holds, the earliest first. */
async function storedMaps(folder: string): Promise<StoredMaps[]> {
  const stored: StoredMaps[] = [];
  for (const file of await readdir(folder)) {
    if (!file.endsWith('.json')) continue;
    stored.push((await readJson(join(folder, file), RunError)) as StoredMaps);
  }
  return stored.sort((a, b) => a.epoch - b.epoch);
}
