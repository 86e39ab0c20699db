import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { UsageError } from '../errors/index.ts';
import type { TrainingCallbacks } from '../gain/index.ts';
import {
  attentionMaps,
  forward,
  type MapMethod,
  normalizeMaps,
  resolveTargetLayer,
} from '../gradcam/index.ts';
import { grayscale, imageGrid, overlayMap, rgbImage, type Tile } from '../pictures/index.ts';
import { EventWriter } from '../tensorboard/index.ts';

export interface HeatmapOptions {
  /** Folder of the event file, for `tensorboard --logdir`. */
  readonly logDir: string;
  /** [B,H,W,3] as the model takes them. They stay the caller's, and must live as long as the training. */
  readonly images: tf.Tensor4D;
  /** The class that is explained in each image. @default the one that the model gives the highest score */
  readonly classes?: readonly number[];
  /** Names of the classes, for the captions. @default their numbers */
  readonly classNames?: readonly string[];
  /** Path of the layer whose map is drawn. @default the last one with spatial extent */
  readonly layer?: string;
  /** @default 'grad-cam' */
  readonly method?: MapMethod;
  /** [low, high] of the images' values, drawn as black and white. @default [0, 1] */
  readonly range?: readonly [low: number, high: number];
  /** Epochs between two pictures. @default 1 */
  readonly every?: number;
  /** Longer side of a picture in pixels. @default 128 */
  readonly tileSize?: number;
}

/** For tfjs's own training, and for `GainTrainer`. */
export type HeatmapCallback = tfl.Callback & TrainingCallbacks;

/**
 * Draws what a network looks at after each epoch of a stock `model.fit`, as a grid of images and heatmaps in TensorBoard
 * (Images tab, tag `heatmaps`). `GainTrainer` takes it too.
 *
 *     await model.fitDataset(dataset, { epochs: 10, callbacks: heatmapCallback({ logDir: 'runs/mine', images }) });
 *
 * @throws {UsageError} for images or classes that do not fit
 */
export function heatmapCallback(options: HeatmapOptions): HeatmapCallback {
  const { images, classes, every = 1 } = options;
  if (images.rank !== 4 || images.shape[3] !== 3 || images.shape[0] === 0) {
    throw new UsageError(`images: expected [B, height, width, 3], received [${images.shape}]`);
  }
  if (classes && classes.length !== images.shape[0]) {
    throw new UsageError(
      `classes: expected one for each of the ${images.shape[0]} images, received ${classes.length}`,
    );
  }
  if (!(Number.isInteger(every) && every > 0)) {
    throw new UsageError(`every: expected a positive whole number, received ${every}`);
  }
  return new HeatmapWriter(options) as tfl.Callback as HeatmapCallback;
}

class HeatmapWriter extends tfl.Callback {
  readonly #options: HeatmapOptions;
  #events: EventWriter | undefined;

  constructor(options: HeatmapOptions) {
    super();
    this.#options = options;
  }

  /** A layer that does not exist is said before the first epoch. */
  override async onTrainBegin(): Promise<void> {
    resolveTargetLayer(this.model, this.#options.layer ?? 'auto');
    this.#events = await EventWriter.create(this.#options.logDir);
  }

  override async onEpochEnd(epoch: number): Promise<void> {
    if ((epoch + 1) % (this.#options.every ?? 1) !== 0) return;
    this.#events?.image('heatmaps', epoch + 1, await draw(explain(this.model, this.#options), this.#options));
    await this.#events?.flush();
  }

  override async onTrainEnd(): Promise<void> {
    await this.#events?.close();
    this.#events = undefined;
  }
}

interface Explained {
  readonly classes: readonly number[];
  readonly logits: readonly (readonly number[])[];
  readonly maps: Float32Array;
  /** [h, w] */
  readonly grid: readonly [number, number];
}

function explain(model: tfl.LayersModel, { images, classes, layer, method }: HeatmapOptions): Explained {
  let explained!: Explained;
  tf.tidy(() => {
    const logits = (forward(model, images) as tf.Tensor2D).arraySync();
    const chosen = classes ?? logits.map((scores) => scores.indexOf(Math.max(...scores)));
    const pairs = chosen.map((index, sample) => ({ sample, class: index }));
    const { maps } = attentionMaps(model, images, pairs, { targetLayer: layer, method });
    explained = {
      classes: chosen,
      logits,
      maps: normalizeMaps(maps).dataSync<'float32'>(),
      grid: [maps.shape[1], maps.shape[2]],
    };
  });
  return explained;
}

/** For each image a row: the image with the name and the logit of its class, and the map over it. */
async function draw({ classes, logits, maps, grid }: Explained, options: HeatmapOptions): Promise<Buffer> {
  const { images, classNames, range = [0, 1], tileSize = 128 } = options;
  const [, height, width] = images.shape;
  const [low, high] = range;
  const pixels = images.dataSync();
  const [size, area] = [height * width * 3, grid[0] * grid[1]];
  const rows = classes.map((index, sample): Tile[] => {
    const values = pixels.slice(sample * size, (sample + 1) * size);
    const image = rgbImage(
      Float32Array.from(values, (value) => (value - low) / (high - low)),
      height,
      width,
    );
    const data = maps.slice(sample * area, (sample + 1) * area);
    const dead = data.every((value) => value === 0);
    const name = classNames?.[index] ?? `class ${index}`;
    return [
      { image, caption: name, note: logits[sample]![index]!.toFixed(2) },
      {
        image: overlayMap(grayscale(image), { data, height: grid[0], width: grid[1] }),
        ...(dead && { caption: 'dead map', warning: 'caption' as const }),
      },
    ];
  });
  const across = Math.min(4, rows.length);
  return imageGrid(rows, { header: ['image', 'attention'], tileSize, across });
}
