import type { Options } from 'yargs';
import { UsageError } from '../errors/index.ts';

// The options that the formats of `npm run import` share, and how their values are read.

export const out = {
  type: 'string',
  demandOption: true,
  describe: 'Folder that the data set is written to',
} as const;
export const dir = { type: 'string', demandOption: true, describe: 'Folder that is imported' } as const;
export const classes = {
  type: 'string',
  describe: 'Names of the classes in order, separated by commas',
} as const;
export const resize = {
  type: 'number',
  describe: 'Shrink larger images to this longest side, in pixels',
} as const;

export const common = {
  out,
  name: { type: 'string', describe: 'Name of the data set [default: the last part of --out]' },
  fractions: {
    type: 'string',
    describe: 'Split anew, e.g. train-weaksup=0.7,train-fullsup=0.1,test=0.2; every class gets its share',
  },
  'fractions-of': {
    type: 'string',
    describe: 'Deal out only this split, e.g. train; the others stay as they are',
  },
  'split-seed': { type: 'number', default: 1, describe: 'Seed of --fractions and --per-class' },
  'per-class': {
    type: 'number',
    describe: 'Keep this many images of each class in the training splits, drawn by --split-seed',
  },
  'single-label': { type: 'boolean', default: false, describe: 'Keep only images with exactly one class' },
  limit: { type: 'number', describe: 'Import at most this many images of each split' },
  shards: { type: 'number', describe: 'Number of shards of each split [default: by --shard-size]' },
  'shard-size': { type: 'number', default: 64, describe: 'Begin a new shard at this size, in MiB' },
  'dry-run': {
    type: 'boolean',
    default: false,
    describe: 'Read everything, show what would come, write nothing',
  },
  'skip-bad': { type: 'boolean', default: false, describe: 'Leave out what is broken, and count it' },
} as const satisfies Record<string, Options>;

export interface CommonArguments {
  out: string;
  name: string | undefined;
  fractions: string | undefined;
  fractionsOf: string | undefined;
  splitSeed: number;
  perClass: number | undefined;
  singleLabel: boolean;
  limit: number | undefined;
  shards: number | undefined;
  shardSize: number;
  skipBad: boolean;
  dryRun: boolean;
}

/** `train=0.8,test=0.2` */
export function fractionsOf(text: string): Record<string, number> {
  const shares = pairs('fractions', text).map(([split, share]) => {
    if (!(Number(share) > 0)) {
      throw new UsageError(`--fractions: expected split=share, found "${split}=${share}"`);
    }
    return [split, Number(share)] as const;
  });
  return Object.fromEntries(shares);
}

/** `file=photo,label=breed` */
export function pairs(option: string, text: string): [string, string][] {
  return text.split(',').map((part) => {
    const [key = '', value = ''] = part.split('=').map((side) => side.trim());
    if (!key || !value) throw new UsageError(`--${option}: expected name=value, found "${part}"`);
    return [key, value];
  });
}

/** The names in an option, for spreading into a function's options. */
export function named(text: string | undefined): { classes?: string[] } {
  return text ? { classes: text.split(',').map((part) => part.trim()) } : {};
}

/** What is not undefined, for spreading into a function's options. */
export function given<T extends object>(options: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: NonNullable<T[K]> };
}
