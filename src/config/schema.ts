import * as z from 'zod';
import { data } from './sections/data.ts';
import { distillation } from './sections/distillation.ts';
import { gain } from './sections/gain.ts';
import { guidance } from './sections/guidance.ts';
import { model } from './sections/model.ts';
import { engine, evaluation, log } from './sections/run.ts';
import { training } from './sections/training.ts';

/** A training before the one that the file describes. */
const stage = z.strictObject({
  name: z
    .string()
    .regex(/^[\w-]{1,120}$/, 'expected letters, digits, dashes or underscores, 120 at most')
    .describe('It goes to stages/<name> of the run.'),
  set: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('What it does otherwise: key.path: value, as after --set.'),
});

/**
 * The experiment file, from which `config.yaml` of a run, the error messages and the JSON Schema for editors
 * are all made. Every field has a default but `name`, so that the smallest config is one line and the resolved
 * one is complete.
 */
export const configSchema = z
  .strictObject({
    name: z
      .string()
      .regex(
        /^[\w-][\w.-]{0,119}$/,
        'expected letters, digits, dots, dashes or underscores, 120 at most, no dot first',
      )
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
    stages: z
      .array(stage)
      .default([])
      .describe('Trainings before this one, in turn; each begins with the network of the one before.'),
    training: training.prefault({}),
    evaluation: evaluation.prefault({}),
    log: log.prefault({}),
  })
  .superRefine(({ data, gain, guidance, distillation, training }, context) => {
    // A loss whose warm-up outlasts the training never acts, without a word: seen in public implementations.
    const { classification, mining, supervision } = gain.losses;
    for (const [path, losses] of [
      ['gain', { classification, mining, supervision }],
      ['guidance', guidance.losses],
      ['distillation', distillation?.losses ?? {}],
    ] as const) {
      for (const [name, { weight, startEpoch, endEpoch }] of Object.entries(losses)) {
        if (weight > 0 && endEpoch !== null && endEpoch <= startEpoch) {
          context.addIssue({
            code: 'custom',
            path: [path, 'losses', name, 'endEpoch'],
            input: endEpoch,
            message: `expected > startEpoch (${startEpoch}): this loss would end before it starts`,
          });
        }
        if (weight === 0 || startEpoch < training.epochs) continue;
        context.addIssue({
          code: 'custom',
          path: [path, 'losses', name, 'startEpoch'],
          input: startEpoch,
          message: `expected < training.epochs (${training.epochs}), or weight 0: this loss would never start`,
        });
      }
    }
    if (training.refit?.on === 'composites' && !data.composites) {
      context.addIssue({
        code: 'custom',
        path: ['training', 'refit', 'on'],
        input: training.refit.on,
        message: 'expected data.composites beside it: there are none to fit on',
      });
    }
    if (data.composites?.suspects === 'auto' && data.splits.validation === null) {
      context.addIssue({
        code: 'custom',
        path: ['data', 'composites', 'suspects'],
        input: data.composites.suspects,
        message: 'expected names of classes, or a validation split to audit the network on',
      });
    }
    if (data.composites && data.composites.perBatch > data.batchSize) {
      context.addIssue({
        code: 'custom',
        path: ['data', 'composites', 'perBatch'],
        input: data.composites.perBatch,
        message: `expected at most data.batchSize (${data.batchSize})`,
      });
    }
    if (data.composites && distillation?.teacher.maps === 'precomputed') {
      context.addIssue({
        code: 'custom',
        path: ['data', 'composites'],
        input: data.composites,
        message: 'expected null: a teacher whose answers were stored has none to composites; use live',
      });
    }
    if (data.frames !== null) {
      const needs = [
        [['data', 'composites'], data.composites !== null, 'null: composites are made of images alone'],
        [
          ['data', 'masks', 'predicted'],
          data.masks.predicted !== null,
          'null: masks are predicted for images alone',
        ],
        [['distillation'], distillation !== null, 'null: teachers of clips are not there yet'],
        [
          ['training', 'refit'],
          training.refit !== null,
          'null: the last layer is fitted anew on images alone',
        ],
        ...Object.entries(guidance.losses).map(
          ([name, { weight }]) =>
            [
              ['guidance', 'losses', name, 'weight'],
              weight > 0,
              '0: of clips, gain.losses.mining and supervision guide',
            ] as const,
        ),
      ] as const;
      for (const [path, broken, what] of needs) {
        if (!broken) continue;
        context.addIssue({
          code: 'custom',
          path: [...path],
          input: data.frames,
          message: `with data.frames, expected ${what}`,
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
    if (training.selectBy.startsWith('composites') && (!data.composites || data.splits.validation === null)) {
      context.addIssue({
        code: 'custom',
        path: ['training', 'selectBy'],
        input: training.selectBy,
        message: 'expected another metric, or data.composites and a validation split to make composites of',
      });
    }
    if (distillation?.teacher.sees === 'object' && distillation.teacher.maps === 'precomputed') {
      context.addIssue({
        code: 'custom',
        path: ['distillation', 'teacher', 'maps'],
        input: distillation.teacher.maps,
        message: 'expected live: with `sees: object` the teacher answers to images that depend on the masks',
      });
    }
    if (distillation?.teacher.sees === 'object' && data.masks.count === 0) {
      context.addIssue({
        code: 'custom',
        path: ['distillation', 'teacher', 'sees'],
        input: distillation.teacher.sees,
        message: 'expected image, or data.masks.count above 0: without masks this teacher sees nothing',
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
