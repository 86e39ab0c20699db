import { UsageError } from '../errors/index.ts';
import type { NetworkOverrides, NetworkSource, WhichWeights } from '../run/index.ts';
import { classNamesOf } from './program.ts';

// What the programs that look into a trained network ask for alike, as options of yargs.

/** Which network. */
export const networkOptions = {
  run: { type: 'string', requiresArg: true, describe: 'A finished run' },
  model: {
    type: 'string',
    requiresArg: true,
    describe: 'Or a network: folder, .keras, .h5, .safetensors, .pth, .onnx',
  },
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
      'Names of the classes, a,b,…, or @FILE with one per line or a dataset.json [default: of the data, else of files ' +
      'beside the network]',
  },
  'input-scaling': {
    type: 'string',
    requiresArg: true,
    describe:
      'What --model expects of pixels: zero-one, minus-one-one, imagenet, zero-255, caffe, or "{ mean: […], std: […] }" ' +
      '[default: what its files say, else zero-one]',
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
    throw new UsageError(
      run === undefined ? '--run DIR or --model PATH is needed' : '--run and --model exclude each other',
    );
  }
}

/** The network that was asked for, without what is known of it. */
export function networkOf({ run, model, checkpoint }: NetworkArguments): NetworkSource {
  return run === undefined ? { model: model! } : { run, checkpoint };
}

interface FactArguments {
  readonly classes?: string | undefined;
  readonly inputScaling?: string | undefined;
  readonly imageSize?: number | undefined;
  readonly frames?: number | undefined;
  readonly link?: 'softmax' | 'sigmoid' | undefined;
  readonly output?: string | undefined;
  readonly targetLayer?: string | undefined;
  readonly target?: string | undefined;
}

/**
 * The network that was asked for, with what the command line knows of it.
 *
 * @throws {UsageError} for a scaling that there is not, or one for a run
 * @throws {DataError} when a file of class names cannot be read
 */
export async function networkAsked(args: NetworkArguments & FactArguments): Promise<NetworkSource> {
  const { parseInputScaling } = await import('../models/index.ts');
  if (args.run !== undefined && args.inputScaling !== undefined) {
    throw new UsageError('--input-scaling: a run holds its own; it is for --model');
  }
  const known: NetworkOverrides = {
    classes: await classNamesOf(args.classes),
    inputScaling: args.inputScaling === undefined ? undefined : parseInputScaling(args.inputScaling),
    imageSize: squareOf(args.imageSize),
    frames: args.frames,
    link: args.link,
    output: args.output,
    target: targetOf(args.target),
    targetLayer: args.targetLayer,
  };
  return { ...networkOf(args), known };
}

/** @throws {UsageError} for what is neither a word nor four numbers */
function targetOf(text: string | undefined): NetworkOverrides['target'] {
  if (text === undefined || text === 'predicted' || text === 'all' || text === 'value') return text;
  const sides = text.split(',').map((side) => (side.trim() === '' ? Number.NaN : Number(side)));
  if (sides.length !== 4 || sides.some(Number.isNaN)) {
    throw new UsageError(
      `--target: expected predicted, all, value, detections, or xmin,ymin,xmax,ymax from 0 to 1, found "${text}"`,
    );
  }
  const [xmin, ymin, xmax, ymax] = sides as [number, number, number, number];
  return { xmin, ymin, xmax, ymax };
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
