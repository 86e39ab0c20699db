import { UsageError } from '../errors/index.ts';
import type { NetworkSource, WhichWeights } from '../run/index.ts';

// What the programs that look into a trained network ask for alike, as options of yargs.

/** Which network. */
export const networkOptions = {
  run: { type: 'string', requiresArg: true, describe: 'A finished run' },
  model: { type: 'string', requiresArg: true, describe: 'Or the folder of a tfjs layers-model' },
  checkpoint: {
    choices: ['model', 'last', 'best'] as const,
    default: 'model' as const,
    describe: 'Weights of the run: as it ended, or of a checkpoint',
  },
} as const;

/** What its folder may not say. */
export const factOptions = {
  classes: {
    type: 'string',
    requiresArg: true,
    describe:
      'Names of the classes, a,b,…, or @FILE with one per line or a dataset.json [default: of the run]',
  },
  'input-scaling': {
    choices: ['zero-one', 'minus-one-one', 'imagenet'] as const,
    default: 'zero-one' as const,
    describe: 'What --model expects of pixels',
  },
  'image-size': { type: 'number', requiresArg: true, describe: 'Of a model that takes any size' },
} as const;

/** How it is run. */
export const engineOptions = {
  'batch-size': { type: 'number', requiresArg: true, default: 16, describe: 'Images at a time' },
  engine: { type: 'string', requiresArg: true, default: 'auto', describe: 'Compute engine' },
} as const;

/** Options that were called otherwise before. */
export const renamedOptions = { batch: 'batch-size', layer: 'target-layer', methods: 'method' } as const;

interface NetworkArguments {
  readonly run?: string | undefined;
  readonly model?: string | undefined;
  readonly checkpoint?: WhichWeights | undefined;
}

/** @throws {UsageError} unless there is one of the two */
export function checkNetwork({ run, model }: NetworkArguments): void {
  if ((run === undefined) === (model === undefined)) {
    throw new UsageError('--run DIR or --model DIR is needed');
  }
}

/** The network that was asked for. */
export function networkOf({ run, model, checkpoint }: NetworkArguments): NetworkSource {
  return run === undefined ? { model: model! } : { run, checkpoint };
}

/** `--image-size 224` as [H,W]. */
export function squareOf(size: number | undefined): readonly [number, number] | undefined {
  return size === undefined ? undefined : [size, size];
}

/** @throws {UsageError} for what is given and not a whole number from 1 on */
export function checkCounts(counts: Readonly<Record<string, number | undefined>>): void {
  for (const [option, value = 1] of Object.entries(counts)) {
    if (!(Number.isInteger(value) && value > 0)) {
      throw new UsageError(`--${option}: expected a whole number from 1 on, found ${value}`);
    }
  }
}

/** @throws {UsageError} for what is not a whole number */
export function checkSeed(seed: number): void {
  if (!Number.isInteger(seed)) throw new UsageError(`--seed: expected a whole number, found ${seed}`);
}
