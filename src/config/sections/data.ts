import * as z from 'zod';
import { nonNegative, positiveInt, probability } from './values.ts';

/** One batch of images twice as wide and high would not fit into any memory. */
const imageSide = positiveInt.max(8192);

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

const predicted = z.strictObject({
  file: z
    .string()
    .nullable()
    .default(null)
    .describe('Masks that were predicted before (npm run segment); null: predicted when the run begins.'),
  steps: positiveInt.default(500).describe('Updates of the pixel classifier.'),
  batch: z
    .tuple([positiveInt, z.int().min(0)])
    .default([8, 0])
    .describe('Images of an update with masks, and with labels only.'),
  pasted: probability.default(0.3).describe('How often an object is pasted into an image with masks.'),
  folds: z
    .int()
    .min(0)
    .default(3)
    .describe('Parts of the cross-validation that estimates the masks; 0: none.'),
  layers: z
    .array(z.string())
    .nullable()
    .default(null)
    .describe('Layers whose features are read; null: the last of each size of map.'),
  resolution: positiveInt.default(96).describe('Largest side of the maps that are learned.'),
  mirror: z
    .boolean()
    .default(true)
    .describe('Average the prediction with that of the mirror image: a little better, twice the time.'),
  supervise: z
    .boolean()
    .default(false)
    .describe('Whether predicted masks supervise maps and guide as true ones do, or only serve composites.'),
});

const composites = z.strictObject({
  suspects: z
    .union([
      z.enum(['all', 'auto']),
      z.array(z.string()).min(1),
      z.strictObject({ audit: z.string().describe('audit.json of npm run audit.') }),
    ])
    .describe(
      'Classes that follow what surrounds them; all: every class; auto: those that an audit of the network finds when the training begins; or those that an audit found.',
    ),
  perBatch: positiveInt.default(12).describe('Slots of each batch that hold composites.'),
  balance: z
    .boolean()
    .default(true)
    .describe('Grounds and objects independent of each other; false is a control that cures nothing.'),
  realLabels: z
    .enum(['unknown', 'known'])
    .default('unknown')
    .describe('What the other images of a batch say of the suspects: nothing, or their label.'),
  erased: z
    .string()
    .default('none')
    .describe('Where classes exclude each other: none, uniform, or the class of a ground without object.'),
  others: probability.default(0.3).describe('How often another object stands beside a suspect.'),
  cache: z.int().min(0).default(0).describe('Composites made once and drawn from; 0: each is made anew.'),
  supervise: z
    .boolean()
    .default(true)
    .describe('Whether their masks supervise maps where a loss asks for it.'),
  scale: z.tuple([z.number().positive(), z.number().positive()]).default([0.8, 1.25]),
  rows: probability.default(0.16).describe('How far an object moves up or down, as a share of the height.'),
  brightness: z.number().min(0).lt(1).default(0.15),
  tint: z.number().min(0).lt(1).default(0.05),
});

/** Where examples come from, and what the network gets of them. */
export const data = z.strictObject({
  source: z
    .enum(['biased-boats', 'tanks', 'letterbox', 'moving-shapes', 'tfrecord'])
    .default('biased-boats')
    .describe(
      'tfrecord reads what `dir` holds; biased-boats, tanks, letterbox and the clips of moving-shapes are drawn into it when it is not there.',
    ),
  dir: z.string().default('data/biased-boats').describe('Folder with dataset.json and the TFRecord shards.'),
  options: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('Options of the generator of a built-in source, e.g. { train: 4000 }.'),
  imageSize: z
    .tuple([imageSide, imageSide])
    .default([64, 64])
    .describe('Height and width, in pixels, at which images reach the network.'),
  frames: positiveInt
    .nullable()
    .default(null)
    .describe(
      'Of a data set of clips or volumes: how many frames, evenly chosen, reach the network; null: images.',
    ),
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
  partners: z
    .boolean()
    .default(false)
    .describe(
      'Siamese pairs: every image of a batch beside another of its first label, as guidance.losses.consistency needs.',
    ),
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
      use: z
        .enum(['objects', 'confounders'])
        .default('objects')
        .describe(
          'Which masks supervise: those of the objects, or those of what must not matter (import --confounders).',
        ),
      mark: z
        .enum(['matters', 'must-not-matter'])
        .default('matters')
        .describe(
          'What masks and boxes of objects mark: the objects, or what must not matter, such as a confounder.',
        ),
      drawn: z
        .string()
        .nullable()
        .default(null)
        .describe(
          'File of masks that people drew (npm run explore), from which `predicted` learns in place of `split`.',
        ),
      predicted: predicted
        .nullable()
        .default(null)
        .describe(
          'Masks of all other images, by a pixel classifier that learns from those above; null: none.',
        ),
    })
    .prefault({}),
  composites: composites
    .nullable()
    .default(null)
    .describe('Pictures made of grounds and objects that never met, for classes that lean on a shortcut.'),
});
