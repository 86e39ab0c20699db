import * as z from 'zod';
import { nonNegative, positiveInt, probability } from './values.ts';

const oneOrMoreSplits = z.union([z.string(), z.array(z.string()).min(1)]).transform((s) => [s].flat());

const augmentation = z.strictObject({
  flip: z.boolean().default(true).describe('Mirror horizontally with probability 1/2.'),
  crop: z
    .strictObject({
      scale: z
        .tuple([probability, probability])
        .default([0.7, 1])
        .describe('Share of the image area that a random crop keeps.'),
      ratio: z
        .tuple([z.number().positive(), z.number().positive()])
        .default([0.8, 1.25])
        .describe('Range of the aspect ratio of the crop.'),
    })
    .nullable()
    .default(null)
    .describe('Random resized crop; null switches it off.'),
  color: z
    .strictObject({
      brightness: nonNegative.default(0.2),
      contrast: nonNegative.default(0.2),
      saturation: nonNegative.default(0.2),
      hue: z.number().min(0).max(0.5).default(0),
    })
    .nullable()
    .default(null)
    .describe('Random colour changes, each factor drawn from 1 ± the value; null switches them off.'),
});

/** Where examples come from, and what the network gets of them. */
export const data = z.strictObject({
  source: z
    .enum(['biased-boats', 'tfrecord'])
    .default('biased-boats')
    .describe('biased-boats is generated into `dir` when it is not there; tfrecord reads what `dir` holds.'),
  dir: z.string().default('data/biased-boats').describe('Folder with dataset.json and the TFRecord shards.'),
  options: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('Options of the generator of a built-in source, e.g. { train: 4000 }.'),
  imageSize: z
    .tuple([positiveInt, positiveInt])
    .default([64, 64])
    .describe('Height and width, in pixels, at which images reach the network.'),
  fit: z
    .enum(['squash', 'crop'])
    .default('squash')
    .describe('How an image of another shape is brought to imageSize.'),
  splits: z
    .strictObject({
      train: oneOrMoreSplits.default(['train']),
      validation: z.string().nullable().default('val').describe('Chooses the best checkpoint; null: none.'),
      test: oneOrMoreSplits.or(z.tuple([])).default([]).describe('Measured once, at the end.'),
    })
    .prefault({}),
  batchSize: positiveInt.default(32),
  shuffleBuffer: positiveInt.default(8192).describe('Examples that the seeded shuffle holds.'),
  workers: z.int().min(0).default(1).describe('Threads that decode and augment; 0: in the main thread.'),
  augment: augmentation.prefault({}),
  masks: z
    .strictObject({
      split: z
        .string()
        .default('train-fullsup')
        .describe('Split whose pixel masks (or boxes) may supervise maps.'),
      count: z
        .union([z.int().min(0), z.literal('all')])
        .default(0)
        .describe('How many of its images may be used with their masks.'),
      perBatch: z
        .int()
        .min(0)
        .default(0)
        .describe('Masked images placed into every batch; 0: as the shuffle brings them.'),
      mark: z
        .enum(['matters', 'must-not-matter'])
        .default('matters')
        .describe('What masks and boxes mark: the objects, or what must not matter, such as a confounder.'),
    })
    .prefault({}),
});
