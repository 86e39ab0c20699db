import * as z from 'zod';
import { slurmSchema } from './slurm/index.ts';

/**
 * The sweep file, from which the error messages and the JSON Schema for editors are both made. Its `set` and `grid`
 * hold keys of an experiment file, checked against that file's own schema when the sweep is laid out.
 */

const value = z.unknown();

const values = z.record(z.string(), value).default({});

const variant = z.strictObject({
  name: z
    .string()
    .regex(/^[^/\\|]+$/, 'expected a name without slashes and bars')
    .describe('Names a row of the table, and the directories of its runs.'),
  set: values.describe(
    'Dotted config keys and their values, e.g. { gain.losses.mining.weight: 0 }; none: the base.',
  ),
});

const oneOrMore = z.union([z.string(), z.array(z.string()).min(1)]).transform((names) => [names].flat());
const positiveInt = z.int().min(1);

const metric = z.union([
  z.string().transform((key): { key: string; title?: string; percent?: boolean } => ({ key })),
  z.strictObject({
    key: z
      .string()
      .describe(
        'SPLIT.KEY of the metrics in summary.json; evaluation.SPLIT.KEY of an evaluation; COMMAND.KEY of what a ' +
          'command printed; summary.KEY of anything else in summary.json.',
      ),
    title: z.string().optional().describe('Head of the column [default: the key].'),
    percent: z
      .boolean()
      .optional()
      .describe('Shown times 100 [default: metrics of splits and evaluations, but for losses].'),
  }),
]);

const evaluate = z.strictObject({
  split: oneOrMore.optional(),
  methods: oneOrMore.optional(),
  measures: oneOrMore.optional(),
  targetLayer: z.string().optional(),
  checkpoint: z.enum(['model', 'last', 'best']).optional(),
  thresholdFrom: z.string().optional(),
  threshold: z.number().optional(),
  tolerance: z.int().min(0).optional(),
  limit: positiveInt.optional(),
  faithfulnessLimit: positiveInt.optional(),
  sanityLimit: positiveInt.optional(),
  bootstrap: z.int().min(0).optional(),
  batchSize: positiveInt.optional(),
  seed: z.int().min(0).optional(),
});

const command = z.strictObject({
  name: z
    .string()
    .regex(/^[\w-]{1,120}$/, 'expected letters, digits, dashes or underscores, 120 at most')
    .describe('Its output goes to commands/NAME.json of the run; metrics name it first.'),
  run: z
    .string()
    .describe('A line for the shell, in the working folder; {run} is the run directory, {seed} the seed.'),
});

const names = z.array(variant).min(1);

const range = z.union([
  z.array(value).min(1).describe('One of these.'),
  z
    .strictObject({
      min: z.number(),
      max: z.number(),
      scale: z.enum(['linear', 'log']).default('linear'),
      integer: z.boolean().default(false),
    })
    .refine(({ min, max }) => min < max, 'expected min below max')
    .refine(({ min, scale }) => scale === 'linear' || min > 0, 'expected min above 0 on a scale of log'),
]);

const points = z.strictObject({
  random: positiveInt.describe('How many; more of them later leave the first as they are.'),
  seed: z.int().min(0).default(1).describe('Of the points, not of their runs.'),
  from: z
    .record(z.string(), range)
    .refine((from) => Object.keys(from).length > 0, 'expected at least one config key')
    .describe('Config keys, each with a list of values or a range.'),
});

const halving = z.strictObject({
  metric: z
    .string()
    .default('summary.best.value')
    .describe('What rows are chosen by: of the validation split, never of a test split.'),
  lower: z.boolean().optional().describe('Whether less is better [default: of losses].'),
  factor: z.number().min(1.5).default(3).describe('Of the rows 1/factor go on, for factor times the epochs.'),
  epochs: positiveInt.default(1).describe('Of the first rung; the last one has those of the experiment.'),
});

export const sweepSchema = z.strictObject({
  name: z
    .string()
    .regex(
      /^[\w-][\w.-]{0,119}$/,
      'expected letters, digits, dots, dashes or underscores, 120 at most, no dot first',
    )
    .optional()
    .describe('The sweep goes to runs/sweeps/<name> [default: the name of the file].'),
  base: z.string().describe('Experiment file that is varied; relative to this file.'),
  set: values.describe(
    'Dotted config keys and values of all runs, where the sweep is another than the base.',
  ),
  seeds: z.array(z.int().min(0)).min(1).describe('Every setting is run with each of them.'),
  settings: names.optional().describe('What is compared: the rows of the table.'),
  grid: z
    .record(z.string(), z.array(value).min(1))
    .default({})
    .describe(
      'Values of config keys, of which the product is taken: rows, or parts of the table beside settings.',
    ),
  points: points
    .optional()
    .describe('Random points beside or in place of a grid; rows, or parts of the table beside settings.'),
  halving: halving
    .optional()
    .describe('Successive halving: all rows for a few epochs, the best of them for more, and so on.'),
  slurm: slurmSchema.optional().describe('What the jobs ask for, with `--launcher slurm`.'),
  blocks: names
    .optional()
    .describe('Under what the comparison is made, each a part of the table: data sets, for example.'),
  baseline: oneOrMore.default([]).describe('Rows that all other rows are compared with, seed by seed.'),
  compare: z
    .array(z.tuple([z.string(), z.string()]))
    .default([])
    .describe('Pairs of rows: how much more the first has than the second.'),
  metrics: z.array(metric).min(1).optional().describe('Columns [default: accuracy of each test split].'),
  evaluate: evaluate
    .optional()
    .describe('Options of `npm run evaluate`, which every finished run then goes through.'),
  commands: z.array(command).default([]).describe('More commands for every finished run; they print JSON.'),
});

/** A sweep file as it was read. */
export type SweepFile = z.output<typeof sweepSchema>;

/** The JSON Schema of a sweep file, for editors. */
export function sweepJsonSchema(): object {
  return z.toJSONSchema(sweepSchema, { io: 'input', target: 'draft-7' });
}
