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
import {
  grayscale,
  imageGrid,
  overlayMap,
  type PixelMap,
  type RgbaImage,
  rgba,
  rgbImage,
  type Tile,
} from '../pictures/index.ts';
import { EventWriter } from '../tensorboard/index.ts';

export interface HeatmapOptions {
  /** Folder of the event file, for `tensorboard --logdir`. @default none is written */
  readonly logDir?: string;
  /** Given the heatmaps of an epoch (from 1), for a page, a file, a notebook. */
  readonly onHeatmaps?: (epoch: number, heatmaps: readonly Heatmap[]) => void | Promise<void>;
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

/** What the network looks at in one image. */
export interface Heatmap {
  /** The class that is explained. */
  readonly class: number;
  readonly logit: number;
  /** Min-max normalised, [h, w] of the layer. */
  readonly map: PixelMap;
  /** The map over the grey image, as a canvas takes it; `png` of the pictures makes a file of it. */
  readonly overlay: RgbaImage;
  /** Whether it points nowhere. */
  readonly dead: boolean;
}

/** For tfjs's own training, and for `GainTrainer`. */
export type HeatmapCallback = tfl.Callback & TrainingCallbacks;

/**
 * Draws what a network looks at after each epoch of a stock `model.fit`, as a grid of images and heatmaps in TensorBoard
 * (Images tab, tag `heatmaps`), or gives them to `onHeatmaps` as RGBA bytes. `GainTrainer` takes it too.
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
  if (options.logDir === undefined && !options.onHeatmaps) {
    throw new UsageError('heatmapCallback: logDir or onHeatmaps is needed, or nobody sees the heatmaps');
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
    const { logDir } = this.#options;
    if (logDir !== undefined) this.#events = await EventWriter.create(logDir);
  }

  override async onEpochEnd(epoch: number): Promise<void> {
    if ((epoch + 1) % (this.#options.every ?? 1) !== 0) return;
    const drawn = overlays(explain(this.model, this.#options), this.#options);
    await this.#options.onHeatmaps?.(
      epoch + 1,
      drawn.map(({ image: _, ...heatmap }) => ({ ...heatmap, overlay: rgba(heatmap.overlay) })),
    );
    if (!this.#events) return;
    this.#events.image('heatmaps', epoch + 1, await grid(drawn, this.#options));
    await this.#events.flush();
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

/** Images and the maps over them. */
function overlays({ classes, logits, maps, grid: [height, width] }: Explained, options: HeatmapOptions) {
  const { images, range = [0, 1] } = options;
  const [, rows, columns] = images.shape;
  const [low, high] = range;
  const pixels = images.dataSync();
  const [size, area] = [rows * columns * 3, height * width];
  return classes.map((index, sample) => {
    const values = pixels.slice(sample * size, (sample + 1) * size);
    const image = rgbImage(
      Float32Array.from(values, (value) => (value - low) / (high - low)),
      rows,
      columns,
    );
    const map = { data: maps.slice(sample * area, (sample + 1) * area), height, width };
    return {
      class: index,
      logit: logits[sample]![index]!,
      map,
      image,
      overlay: overlayMap(grayscale(image), map),
      dead: map.data.every((value) => value === 0),
    };
  });
}

/** For each image a row: the image with the name and the logit of its class, and the map over it. */
function grid(
  drawn: ReturnType<typeof overlays>,
  { classNames, tileSize = 128 }: HeatmapOptions,
): Promise<Buffer> {
  const rows = drawn.map(({ class: index, logit, image, overlay, dead }): Tile[] => [
    { image, caption: classNames?.[index] ?? `class ${index}`, note: logit.toFixed(2) },
    { image: overlay, ...(dead && { caption: 'dead map', warning: 'caption' as const }) },
  ]);
  const across = Math.min(4, rows.length);
  return imageGrid(rows, { header: ['image', 'attention'], tileSize, across });
}
