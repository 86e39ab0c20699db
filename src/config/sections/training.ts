import * as z from 'zod';
import { nonNegative, positiveInt } from './values.ts';

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

/** The loop: epochs, optimizer, what is measured on the way. */
export const training = z.strictObject({
  epochs: positiveInt.default(10),
  optimizer: optimizer.prefault({}),
  schedule: schedule.prefault({}),
  clipNorm: z.number().positive().nullable().default(null).describe('Largest global norm of the gradient.'),
  accumulate: positiveInt.default(1).describe('Batches per update.'),
  evaluateEvery: positiveInt.default(1).describe('Epochs between two evaluations on the validation split.'),
  keepEvery: positiveInt
    .nullable()
    .default(null)
    .describe(
      'Epochs between two networks that are kept in epochs/, the untrained one too: how features come about (npm run units -- --over-epochs); null: none.',
    ),
  checkpointEvery: positiveInt.default(200).describe('Steps between two checkpoints within an epoch.'),
  selectBy: z
    .enum([
      'loss',
      'mAP',
      'accuracy',
      'exactMatch',
      'balancedAccuracy',
      'auc',
      'worstGroup',
      'groupMean',
      'energyInMask',
      'compositesApart',
      'compositesWorst',
      'compositesAuc',
    ])
    .default('mAP')
    .describe(
      'Validation metric of the best checkpoint and of early stopping. worstGroup and groupMean: of the focus class, if any. composites…: answers to composites of the validation split, with data.composites.',
    ),
  refit: z
    .strictObject({
      on: z
        .enum(['composites', 'groups'])
        .default('composites')
        .describe('Composites of the training splits, or their images, each group weighing the same.'),
      classes: z
        .union([z.enum(['suspects', 'all']), z.array(z.string()).min(1)])
        .default('suspects')
        .describe('Whose rows of the last layer are fitted anew; with softmax all are.'),
      samples: positiveInt.default(1500).describe('Composites of each class.'),
      lambda: nonNegative.default(0.001).describe('Penalty on the squared weights of standardised features.'),
      subsets: positiveInt.default(5).describe('Random halves whose fits are averaged (DFR).'),
    })
    .nullable()
    .default(null)
    .describe('Fits the last layer anew at the end of the training, its features as they are.'),
  module: z
    .strictObject({
      file: z.string().describe('Path of the module, JavaScript or TypeScript.'),
      options: z.record(z.string(), z.unknown()).default({}).describe('Given to what it exports.'),
    })
    .nullable()
    .default(null)
    .describe('A module of your own: terms of the loss (terms) and changes of batches (transformBatch).'),
  earlyStopping: z
    .strictObject({ patience: positiveInt.describe('Evaluations without progress before training stops.') })
    .nullable()
    .default(null),
});
