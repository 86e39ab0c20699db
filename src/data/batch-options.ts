import { UsageError } from '../errors/index.ts';
import type { Augmentation, Fit } from './augmentation.ts';
import type { CompositeOptions } from './composites/index.ts';
import type { PredictedMasks } from './predicted-masks.ts';

/** How to walk over splits in batches. */
export interface BatchOptions {
  batchSize: number;
  /** [height, width] of the images that come out. */
  imageSize: readonly [number, number];
  /** T, how many frames of a clip come out, evenly chosen. Needed for clips, and only there. @default images */
  frames?: number | undefined;
  /** @default 0 */
  seed?: number;
  /** Together with the seed it determines the order and every augmentation. @default 0 */
  epoch?: number;
  /** A number is the size of the shuffle buffer; true shuffles the whole. @default false */
  shuffle?: boolean | number;
  /** @default null: none */
  augment?: Augmentation | null;
  /** How an image of another shape is brought to `imageSize`. @default 'squash' */
  fit?: Fit;
  /** Begin with this batch, for resuming within an epoch; nothing before it is read. @default 0 */
  skipBatches?: number;
  /** Leave out a last batch that is smaller than the others. @default false */
  dropRemainder?: boolean;
  /** Batches that are made ahead. @default 4 */
  prefetch?: number;
  /** Threads that decode and augment; 0: in this thread. The batches are the same. @default 1 */
  workers?: number;
  /**
   * Which examples may supervise with their masks and boxes: all, none, or `count` of a split, chosen by the seed
   * (a smaller count chooses a part of a larger one). Examples of a split that is not walked over are added.
   * @default 'all'
   */
  masks?:
    | 'all'
    | 'none'
    | {
        split: string;
        count: number | 'all';
        /** Which masks an example is chosen for: of its objects, or of what must not matter. @default 'objects' */
        of?: 'objects' | 'confounders';
      };
  /**
   * Whether the batches bring the masks of what supervises; where nothing reads them, they need not be decoded.
   * Composites are made from masks all the same. @default true
   */
  withMasks?: boolean;
  /** Slots of each batch that go to the examples chosen by `masks`, in turn, instead of to what the order brings. @default 0 */
  maskedPerBatch?: number;
  /** Masks that a segmenter gave the images without masks of their own (or with ones that `masks` does not allow). */
  predicted?: PredictedMasks;
  /** Whether predicted masks may supervise as those chosen by `masks` do. @default false */
  predictedSupervise?: boolean;
  /** Composites at the end of every batch. @default none */
  composites?: CompositeOptions | undefined;
  /**
   * Siamese pairs: every image comes beside another one of its first label, the first of a pair at an even place of the
   * batch. Masked examples and composites take the last places, whatever stands there. Needs an even `batchSize`.
   * @default false
   */
  partners?: boolean;
}

/** @throws {UsageError} for a number that is out of its range */
export function checkBatchOptions(options: BatchOptions): void {
  const atLeast = (name: string, value: number | undefined, least: number) => {
    if (value !== undefined && !(Number.isInteger(value) && value >= least)) {
      throw new UsageError(`${name} must be an integer of at least ${least}, not ${value}`);
    }
  };
  atLeast('batchSize', options.batchSize, 1);
  atLeast('imageSize (height)', options.imageSize[0], 1);
  atLeast('imageSize (width)', options.imageSize[1], 1);
  atLeast('frames', options.frames, 1);
  for (const name of ['seed', 'epoch', 'skipBatches', 'prefetch', 'workers', 'maskedPerBatch'] as const) {
    atLeast(name, options[name], 0);
  }
  if (typeof options.shuffle === 'number') atLeast('shuffle', options.shuffle, 0);
  if (options.partners && options.batchSize % 2 !== 0) {
    throw new UsageError(`batchSize must be even for partners, not ${options.batchSize}`);
  }
  if (typeof options.masks === 'object' && options.masks.count !== 'all')
    atLeast('masks.count', options.masks.count, 0);
}
