import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { UsageError } from '../../errors/index.ts';
import { splitModel } from '../../gradcam/index.ts';
import { colorMap, imageGrid, type PixelMap, type Tile } from '../../pictures/index.ts';

export interface FeatureMapOptions {
  /** Path of the layer, see `resolveTargetLayer`. @default 'auto' */
  targetLayer?: string | undefined;
}

export interface FeatureMapGridOptions extends FeatureMapOptions {
  /** Above the picture. @default the layer, and its extent */
  title?: string | undefined;
  /** Longer side of a map in pixels. @default as the number of maps allows, 48 to 128 */
  tileSize?: number | undefined;
}

/** What a layer answers to one image. */
export interface FeatureMaps {
  /** Path of the layer. */
  readonly layer: string;
  /** Per channel: its map, or one per frame of a volume. */
  readonly channels: readonly (readonly PixelMap[])[];
}

const widest = 1280;

/**
 * The feature maps of a layer: A^k for one image, as they are.
 *
 * @param image [H,W,c] or [1, H, W, c]; a volume [D,H,W,c] or [1, D, H, W, c]
 * @throws {UsageError} when the image does not fit the model
 * @throws {ModelError} for a layer that does not exist, or has no spatial extent
 */
export async function featureMaps(
  model: tfl.LayersModel,
  image: tf.Tensor,
  { targetLayer }: FeatureMapOptions = {},
): Promise<FeatureMaps> {
  const split = splitModel(model, targetLayer);
  const activations = tf.tidy(() => {
    const single = image.rank === model.inputs[0]!.shape.length ? image : tf.expandDims(image, 0);
    if (single.shape[0] !== 1) throw new UsageError(`image: expected one image, received ${single.shape[0]}`);
    return split.features(single).activations;
  });
  const shape = activations.shape.slice(1);
  const values = (await activations.data()) as Float32Array;
  activations.dispose();
  const channels = shape.at(-1)!;
  const [frames, height, width] = [...[1, 1].slice(shape.length - 2), ...shape.slice(0, -1)].slice(-3) as [
    number,
    number,
    number,
  ];
  const maps = Array.from({ length: channels }, (_, channel) =>
    Array.from({ length: frames }, (_, frame): PixelMap => {
      const start = frame * height * width;
      const data = Float32Array.from(
        { length: height * width },
        (_, i) => values[(start + i) * channels + channel]!,
      );
      return { data, height, width };
    }),
  );
  return { layer: split.target.path, channels: maps };
}

/**
 * The feature maps of a layer as one picture, each map scaled to 0 … 255 from its smallest to its largest value, as in
 * Zeiler & Fergus; below each the number of the channel and the largest value. Frames of a volume stand side by side.
 *
 * Good for: seeing at what resolution and how sparsely a layer answers, and finding channels that never do. Fails: as
 * an explanation: a bright map says that the unit answered, not that the class needs it; each map has its own scale.
 *
 * @param image see {@link featureMaps}
 * @returns a PNG
 * @throws {UsageError}, ModelError as {@link featureMaps}
 */
export async function featureMapGrid(
  model: tfl.LayersModel,
  image: tf.Tensor,
  { targetLayer, ...grid }: FeatureMapGridOptions = {},
): Promise<Buffer> {
  const { layer, channels } = await featureMaps(model, image, { targetLayer });
  const { height, width } = channels[0]![0]!;
  const frames = channels[0]!.length;
  const across = frames > 1 ? frames : Math.ceil(Math.sqrt(1.4 * channels.length));
  const { title = `${layer}: ${channels.length} maps of ${height}x${width}` } = grid;
  const { tileSize = Math.max(48, Math.min(128, Math.floor(widest / across) - 8)) } = grid;
  const tiles = channels.map((maps, channel) =>
    maps.map((map, frame) => mapTile(map, frame === 0 ? `${channel}` : '', tileSize)),
  );
  const rows = frames > 1 ? tiles : inRows(tiles.flat(), across);
  return imageGrid(rows, { title, tileSize });
}

function mapTile(map: PixelMap, caption: string, tileSize: number): Tile {
  const [low, high] = rangeOf(map.data);
  const scaled = map.data.map((value) => (high > low ? (value - low) / (high - low) : 0));
  const flat = !(high > low);
  return {
    image: colorMap({ ...map, data: scaled }, 'gray'),
    caption,
    // A narrow field has no room for both.
    ...(tileSize >= 72 && { note: flat ? `all ${short(low)}` : short(high) }),
    ...(flat && { warning: tileSize >= 72 ? ('note' as const) : ('caption' as const) }),
  };
}

/** Three significant digits. */
export function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}

export function inRows<T>(items: readonly T[], columns: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / columns) }, (_, row) =>
    items.slice(row * columns, (row + 1) * columns),
  );
}

function rangeOf(values: Float32Array): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return [low, high];
}
