import * as z from 'zod';

/**
 * The experiment file, from which `config.yaml` of a run, the error messages and the JSON Schema for editors
 * are all made. Every field has a default but `name`, so that the smallest config is one line and the resolved
 * one is complete.
 */

const positiveInt = z.int().min(1);
const nonNegative = z.number().min(0);
const probability = z.number().min(0).max(1);
const oneOrMoreSplits = z.union([z.string(), z.array(z.string()).min(1)]).transform((s) => [s].flat());

const engine = z.strictObject({
  name: z
    .enum(['auto', 'onnx', 'tensorflow', 'webgpu', 'cpu'])
    .default('auto')
    .describe('Compute engine; auto takes the best one that loads.'),
  threads: z.int().min(0).default(0).describe('Threads of the engine; 0 means one per core.'),
  device: z
    .union([z.string(), z.int().min(0).transform(String)])
    .nullable()
    .default(null)
    .describe('Which GPU: its number for tensorflow, part of its name for webgpu; null takes the first.'),
  memoryGrowth: z
    .boolean()
    .default(true)
    .describe('tensorflow on a GPU: take its memory as it is needed, or all at once.'),
});

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

const data = z.strictObject({
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

const model = z.strictObject({
  backbone: z
    .string()
    .default('small-cnn')
    .describe('Name of a built-in network; ignored when `weights` is set.'),
  options: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('Options of the backbone (docs/models.md).'),
  weights: z
    .string()
    .nullable()
    .default(null)
    .describe('Folder of a tfjs layers-model to start from, e.g. pretrained features.'),
  head: z
    .strictObject({
      kind: z.enum(['gap', 'flatten', 'hidden']).default('gap'),
      from: z.string().nullable().default(null).describe('Layer to put the head on; null: the last one.'),
      hiddenUnits: positiveInt.default(256),
      dropout: z.number().min(0).lt(1).default(0),
    })
    .nullable()
    .default(null)
    .describe('A new classification head for `weights`; null keeps the one that the model has.'),
  inputScaling: z
    .enum(['zero-one', 'minus-one-one', 'imagenet'])
    .default('zero-one')
    .describe(
      'What the network expects of pixels in [0,1]: as they are, scaled to [-1,1], or ImageNet-standardised.',
    ),
  freeze: z.array(z.string()).default([]).describe('Layer names (globs) that are not trained.'),
});

const ramp = (weight: number) =>
  z.strictObject({
    weight: nonNegative.default(weight),
    startEpoch: nonNegative.default(0).describe('Epochs of training (from 0) before this loss begins.'),
    rampEpochs: nonNegative.default(0).describe('Epochs over which its weight grows linearly from 0.'),
  });

const mapMethod = z.enum([
  'cam',
  'grad-cam',
  'grad-cam++',
  'grad-cam++-normalized',
  'layer-cam',
  'hires-cam',
  'x-grad-cam',
]);

const gain = z.strictObject({
  method: mapMethod.default('grad-cam').describe('Explanation inside the training step. Paper: grad-cam.'),
  targetLayer: z
    .string()
    .default('auto')
    .describe('Layer whose map is trained; auto: last one with spatial extent.'),
  link: z
    .enum(['auto', 'sigmoid', 'softmax'])
    .default('auto')
    .describe('sigmoid: multi-label; softmax: one label per image; auto: what the data set is.'),
  losses: z
    .strictObject({
      classification: z.strictObject({ weight: nonNegative.default(1) }).prefault({}),
      mining: ramp(1).prefault({}).describe('L_am, Eq 5 and 6. Paper: weight alpha = 1 from the start.'),
      supervision: ramp(10).prefault({}).describe('L_e, Eq 7 and 8. Paper: weight omega = 10.'),
    })
    .prefault({}),
  differentiateWeights: z
    .boolean()
    .default(true)
    .describe("Differentiate through the map's weights (second order). Public implementations do not."),
  miningGradient: z
    .enum(['all', 'mask', 'parameters'])
    .default('all')
    .describe(
      'What L_am reaches: everything (paper), only the mask, or only the parameters of the second pass.',
    ),
  miningScore: z
    .enum(['probability', 'logit'])
    .default('probability')
    .describe("Score of the masked image: the probability of the loss's own link, or the logit."),
  classesToMine: z
    .enum(['all', 'random'])
    .default('all')
    .describe('Every label of an image, or one drawn per step.'),
  normalization: z
    .enum(['min-max', 'max', 'none'])
    .default('min-max')
    .describe('Per map, before the soft mask.'),
  softMask: z
    .strictObject({
      sigma: z.number().default(0.5).describe('Threshold (Eq 4). The paper gives no value.'),
      omega: z.number().positive().default(10).describe('Steepness (Eq 4). The paper gives no value.'),
    })
    .prefault({}),
  fill: z
    .enum(['zero', 'mean', 'blur', 'noise'])
    .default('zero')
    .describe('What replaces the removed region. Paper (Eq 3): zero.'),
  secondPassBatchNorm: z
    .enum(['batch', 'inference', 'update'])
    .default('batch')
    .describe('Statistics of the pass over masked images; only update moves the running averages.'),
});

/** Of a term of guidance or distillation: absent unless its weight is above 0. */
const term = ramp(0);

const guided = term.extend({
  images: z
    .enum(['masked', 'batch', 'sum'])
    .default('masked')
    .describe('Mean over the images with masks, or over the batch, or the sum that the papers write.'),
  clip: z
    .number()
    .positive()
    .nullable()
    .default(null)
    .describe('A value above this becomes this, without gradient, as in the XIL benchmark; null: none.'),
});
const guidedPixels = (pixels: 'sum' | 'mean') => ({ pixels: z.enum(['sum', 'mean']).default(pixels) });
const normalized = (how: 'min-max' | 'max') => ({
  normalization: z
    .enum(['min-max', 'max', 'l2', 'none'])
    .default(how)
    .describe(`Of each map before it is judged. Paper: ${how}.`),
});

const guidance = z.strictObject({
  maps: z
    .strictObject({
      relu: z.boolean().default(true).describe('Clip maps at 0. XIL benchmark: false.'),
      resolution: z
        .enum(['mask', 'map'])
        .default('mask')
        .describe('Maps are upsampled to the masks, or masks averaged down to the maps.'),
    })
    .prefault({})
    .describe('Method, layer and differentiateWeights are those of gain.'),
  losses: z
    .strictObject({
      rrr: guided
        .extend(guidedPixels('sum'))
        .prefault({})
        .describe('Ross 2017: squared input gradient where it must not be.'),
      rrrG: guided
        .extend({ ...guidedPixels('sum'), ...normalized('min-max') })
        .prefault({})
        .describe('Schramowski 2020, XIL benchmark: squared map where it must not be.'),
      hint: guided
        .extend({ ...guidedPixels('mean'), ...normalized('min-max') })
        .prefault({})
        .describe('HINT as in the XIL benchmark: squared distance of map and mask.'),
      energy: guided.prefault({}).describe('Model Guidance 2023: share of the map that lies elsewhere.'),
      ppce: guided
        .extend({ ...normalized('max'), floor: z.number().positive().lt(1).default(1e-6) })
        .prefault({})
        .describe('Per-pixel cross-entropy: every pixel that matters is to be bright.'),
      l1: guided.extend(normalized('max')).prefault({}).describe('Absolute distance of map and mask.'),
      rrrStar: guided
        .extend({ ...guidedPixels('sum'), ...normalized('max') })
        .prefault({})
        .describe('RRR* of Model Guidance 2023: squared map where it must not be.'),
    })
    .prefault({}),
});
const explained = (of: 'label' | 'teacher') =>
  z
    .enum(['label', 'teacher'])
    .default(of)
    .describe("Class: the image's labels, or the teacher's most likely.");

const distillation = z.strictObject({
  teacher: z.strictObject({
    model: z.string().describe('Directory of a finished run, or folder of a tfjs layers-model.'),
    maps: z
      .enum(['live', 'precomputed'])
      .default('live')
      .describe(
        'live: the teacher answers in every step. precomputed: once, into a file beside the data set, from ' +
          'which maps are read and moved with flips and crops.',
      ),
  }),
  maps: z
    .strictObject({
      method: mapMethod.default('grad-cam++').describe('Of both networks. Grad-CAM++ paper: grad-cam++.'),
      studentLayer: z.string().default('auto'),
      teacherLayer: z.string().default('auto'),
      normalization: z
        .enum(['none', 'min-max', 'max', 'l2'])
        .default('none')
        .describe('Of each map before they are compared. Grad-CAM++ paper: none.'),
      differentiateWeights: z
        .boolean()
        .default(true)
        .describe("Differentiate through the student's map weights (second order)."),
    })
    .prefault({})
    .describe("How maps are made; the teacher's are brought to the student's grid."),
  losses: z
    .strictObject({
      softTargets: term
        .extend({ temperature: z.number().positive().default(4) })
        .prefault({})
        .describe('Hinton 2015: answers at a temperature.'),
      explanation: term
        .extend({ pixels: z.enum(['sum', 'mean']).default('sum'), of: explained('label') })
        .prefault({})
        .describe('Grad-CAM++, section 5: squared distance of the maps. Paper: weight 0.01.'),
      similarity: term
        .extend({ of: explained('teacher') })
        .prefault({})
        .describe('e2KD: one minus the cosine of the maps.'),
      attentionL1: term
        .extend({ of: explained('label') })
        .prefault({})
        .describe('Learning without Memorizing: L1 between maps as unit vectors.'),
      attentionTransfer: term
        .extend({
          form: z.enum(['norm', 'mean-square']).default('norm'),
          layers: z
            .array(z.strictObject({ student: z.string(), teacher: z.string() }))
            .default([])
            .describe('Pairs of layers; none: those of the maps.'),
        })
        .prefault({})
        .describe('Zagoruyko 2017: where the activations are.'),
      classAttention: term
        .extend({ cells: positiveInt.default(2) })
        .prefault({})
        .describe(
          'CAT-KD: class activation maps of all classes, pooled. Both heads: pooling and one dense layer.',
        ),
    })
    .prefault({}),
});

const optimizer = z.strictObject({
  name: z.enum(['sgd', 'adam', 'adamw']).default('adam'),
  learningRate: nonNegative.default(0.001),
  momentum: z.number().min(0).lt(1).default(0.9).describe('Of sgd.'),
  nesterov: z.boolean().default(false).describe('Of sgd.'),
  beta1: z.number().min(0).lt(1).default(0.9).describe('Of adam and adamw.'),
  beta2: z.number().min(0).lt(1).default(0.999).describe('Of adam and adamw.'),
  epsilon: z.number().positive().default(1e-8).describe('Of adam and adamw.'),
  weightDecay: nonNegative
    .default(0)
    .describe('On kernels only: added to the gradient by sgd and adam, decoupled by adamw.'),
});

const schedule = z.strictObject({
  name: z.enum(['constant', 'step', 'cosine']).default('constant'),
  warmupEpochs: nonNegative.default(0).describe('Epochs over which the learning rate grows linearly from 0.'),
  milestones: z
    .array(nonNegative)
    .default([])
    .describe('Of step: epochs at which the rate is multiplied by gamma.'),
  gamma: z.number().positive().default(0.1).describe('Of step.'),
  minimum: nonNegative.default(0).describe('Of cosine: share of the learning rate that is left at the end.'),
});

const training = z.strictObject({
  epochs: positiveInt.default(10),
  optimizer: optimizer.prefault({}),
  schedule: schedule.prefault({}),
  clipNorm: z.number().positive().nullable().default(null).describe('Largest global norm of the gradient.'),
  accumulate: positiveInt.default(1).describe('Batches per update.'),
  evaluateEvery: positiveInt.default(1).describe('Epochs between two evaluations on the validation split.'),
  checkpointEvery: positiveInt.default(200).describe('Steps between two checkpoints within an epoch.'),
  selectBy: z
    .enum(['loss', 'mAP', 'accuracy', 'exactMatch', 'energyInMask'])
    .default('mAP')
    .describe('Validation metric of the best checkpoint and of early stopping.'),
  earlyStopping: z
    .strictObject({ patience: positiveInt.describe('Evaluations without progress before training stops.') })
    .nullable()
    .default(null),
});

const evaluation = z.strictObject({
  focusClass: z
    .string()
    .nullable()
    .default(null)
    .describe('Class whose own accuracy and map are reported beside the totals.'),
  checkpoint: z
    .enum(['last', 'best'])
    .default('last')
    .describe(
      'Weights that the test splits are measured with. best, by selectBy, may be from before guidance.',
    ),
  batchSize: positiveInt.default(64),
});

const log = z.strictObject({
  scalarsEvery: positiveInt.default(10).describe('Steps between two points of the TensorBoard curves.'),
  histogramsEvery: z
    .int()
    .min(0)
    .default(1)
    .describe('Epochs between two histograms of weights and gradients; 0: none.'),
  images: z.int().min(0).default(8).describe('Images in the heatmap grid of each evaluation; 0: no grid.'),
  imagesFrom: z
    .string()
    .nullable()
    .default(null)
    .describe('Split of those images, the first with the focus class; null: the validation split.'),
});

export const configSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[\w.-]+$/, 'expected letters, digits, dots, dashes or underscores')
      .describe('The run goes to runs/<name>.'),
    seed: z.int().min(0).default(1).describe('Of everything random: weights, order, augmentation, dropout.'),
    engine: engine.prefault({}),
    data: data.prefault({}),
    model: model.prefault({}),
    gain: gain.prefault({}),
    guidance: guidance
      .prefault({})
      .describe('Guided losses of the literature beside those of GAIN, on the images of data.masks.'),
    distillation: distillation
      .nullable()
      .default(null)
      .describe('A teacher whose answers and explanation maps join the loss; null: none.'),
    training: training.prefault({}),
    evaluation: evaluation.prefault({}),
    log: log.prefault({}),
  })
  .superRefine(({ data, gain, guidance, distillation, training }, context) => {
    // A loss whose warm-up outlasts the training never acts, without a word: seen in public implementations.
    const { mining, supervision } = gain.losses;
    for (const [path, losses] of [
      ['gain', { mining, supervision }],
      ['guidance', guidance.losses],
      ['distillation', distillation?.losses ?? {}],
    ] as const) {
      for (const [name, { weight, startEpoch }] of Object.entries(losses)) {
        if (weight === 0 || startEpoch < training.epochs) continue;
        context.addIssue({
          code: 'custom',
          path: [path, 'losses', name, 'startEpoch'],
          input: startEpoch,
          message: `expected < training.epochs (${training.epochs}), or weight 0: this loss would never start`,
        });
      }
    }
    if (data.masks.mark === 'must-not-matter' && training.selectBy === 'energyInMask') {
      context.addIssue({
        code: 'custom',
        path: ['training', 'selectBy'],
        input: training.selectBy,
        message:
          'expected another metric: with data.masks.mark must-not-matter it is best where the map is worst',
      });
    }
    if (distillation && Object.values(distillation.losses).every(({ weight }) => weight === 0)) {
      context.addIssue({
        code: 'custom',
        path: ['distillation', 'losses'],
        input: distillation.losses,
        message: 'expected a weight above 0 for at least one of them: this teacher would teach nothing',
      });
    }
  });

/** A complete experiment: every default filled in. */
export type Config = z.output<typeof configSchema>;

/** The JSON Schema of an experiment file, for editors; draft 7 is what the YAML server of most of them knows. */
export function configJsonSchema(): object {
  return z.toJSONSchema(configSchema, { io: 'input', target: 'draft-7' });
}
