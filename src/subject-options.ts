import { UsageError } from './errors/index.ts';

// What the programs that look into a trained network ask for alike, as options of yargs.

/** The network. */
export const subjectOptions = {
  model: { type: 'string', requiresArg: true, describe: 'Folder of a tfjs layers-model' },
  run: { type: 'string', requiresArg: true, describe: 'Or a finished run' },
} as const;

/** How it is read and run. */
export const readingOptions = {
  classes: {
    type: 'string',
    requiresArg: true,
    describe: 'File with the names of the classes: one per line, or a dataset.json [default: of the run]',
  },
  'input-scaling': {
    choices: ['zero-one', 'minus-one-one', 'imagenet'] as const,
    default: 'zero-one' as const,
    describe: 'What --model expects of pixels',
  },
  'image-size': { type: 'number', requiresArg: true, describe: 'Of a model that takes any size' },
  batch: { type: 'number', requiresArg: true, default: 16, describe: 'Images at a time' },
  engine: { type: 'string', requiresArg: true, default: 'auto', describe: 'Compute engine' },
} as const;

/** @throws UsageError unless there is one of the two */
export function checkSubject(run: string | undefined, model: string | undefined): void {
  if ((run === undefined) === (model === undefined)) {
    throw new UsageError('--model DIR or --run DIR is needed');
  }
}

/** @throws UsageError for what is given and not a whole number from 1 on */
export function checkCounts(counts: Readonly<Record<string, number | undefined>>): void {
  for (const [option, value = 1] of Object.entries(counts)) {
    if (!(Number.isInteger(value) && value > 0)) {
      throw new UsageError(`--${option}: expected a whole number from 1 on, found ${value}`);
    }
  }
}

/** @throws UsageError for what is not a whole number */
export function checkSeed(seed: number): void {
  if (!Number.isInteger(seed)) throw new UsageError(`--seed: expected a whole number, found ${seed}`);
}
