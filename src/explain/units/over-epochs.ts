import { imageGrid, type RgbImage, rgbImage, type Tile } from '../../pictures/index.ts';
import { short } from './feature-maps.ts';
import { cut } from './patch-window.ts';
import type { TopImage, TopImages } from './top-images.ts';
import { threeChannels } from './top-images-figure.ts';

/** The strongest image of each filter after an epoch of the training. */
export interface EpochFeatures {
  /** Epochs of training so far. */
  readonly epoch: number;
  /** As `topImages` finds them with `top: 1`. */
  readonly top: TopImages;
}

/** The same as numbers. */
export interface FeatureHistory {
  readonly layer: string;
  readonly epochs: readonly number[];
  readonly filters: readonly {
    readonly filter: number;
    /** Of each epoch: the image that the filter answers to most, and how much; null where it answers to none. */
    readonly strongest: readonly ({ readonly id: string; readonly value: number } | null)[];
    /** Epochs at which another image is the strongest than at the one before. */
    readonly jumps: readonly number[];
  }[];
}

/** @param found of the same filters of the same layer, in the order of the epochs */
export function featureHistory(found: readonly EpochFeatures[]): FeatureHistory {
  const [first] = found;
  const filters = first?.top.filters ?? [];
  return {
    layer: first?.top.layer ?? '',
    epochs: found.map(({ epoch }) => epoch),
    filters: filters.map(({ filter }, i) => {
      const strongest = found.map(({ top }) => {
        const best = top.filters[i]!.top[0];
        return best ? { id: best.id, value: best.value } : null;
      });
      const jumps = found.flatMap(({ epoch }, e) =>
        e > 0 && strongest[e]?.id !== strongest[e - 1]?.id ? [epoch] : [],
      );
      return { filter, strongest, jumps };
    }),
  };
}

/**
 * How features come about: a row for each filter, and for each epoch what it answers to most among all images, projected back
 * to pixels, above the part of the image that it comes from; below, the largest value. A sudden change of the picture is
 * another image that became the strongest. (Zeiler & Fergus, ECCV 2014, section 4.1 and figure 4.)
 *
 * @param found of the same filters of the same layer, in the order of the epochs
 * @param options `range`: [low, high] of the images' values
 * @returns a PNG
 */
export function overEpochsFigure(
  found: readonly EpochFeatures[],
  {
    title,
    patchSize = 72,
    range = [0, 1],
  }: {
    readonly title?: string | undefined;
    readonly patchSize?: number | undefined;
    readonly range?: readonly [number, number] | undefined;
  } = {},
): Promise<Buffer> {
  const { layer, filters, imageShape } = found[0]!.top;
  const rows = filters.map(({ filter }, i) =>
    found.map(({ top }, e): Tile => {
      const best = top.filters[i]!.top[0];
      const caption = e === 0 ? `filter ${filter}` : '';
      if (!best) return { image: null, caption, note: 'silent', warning: 'note' };
      return { image: stacked(best, imageShape, range), caption, note: short(best.value) };
    }),
  );
  return imageGrid(rows, {
    title: title ?? `${layer}: what its filters answer to most, over the epochs`,
    header: found.map(({ epoch }) => (epoch === 0 ? 'at the start' : `epoch ${epoch}`)),
    tileSize: 2 * patchSize,
    across: 1,
  });
}

/** The pattern above the part of the image. */
function stacked(
  { projection, pixels, window }: TopImage,
  [, width, channels]: readonly [number, number, number],
  [low, high]: readonly [number, number],
): RgbImage {
  const values = cut(projection, width, channels, window);
  const peak = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  const pattern = values.map((value) => (peak > 0 ? (1 + value / peak) / 2 : 0.5));
  const part = cut(pixels, width, channels, window).map((value) => (value - low) / (high - low));
  const both = new Float32Array(pattern.length + part.length);
  both.set(pattern);
  both.set(part, pattern.length);
  return rgbImage(threeChannels(both, channels), 2 * window.height, window.width);
}
