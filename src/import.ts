import { basename } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import {
  findFolders,
  findIdx,
  findVoc,
  generateBiasedBoats,
  type ImportSource,
  type ImportSummary,
  importExamples,
} from './data/index.ts';
import { UsageError } from './errors/index.ts';
import { runProgram } from './program.ts';
import { startProgress } from './progress/index.ts';

const out = {
  type: 'string',
  demandOption: true,
  describe: 'Folder that the data set is written to',
} as const;
const dir = { type: 'string', demandOption: true, describe: 'Folder that is imported' } as const;
const classes = { type: 'string', describe: 'Names of the classes in order, separated by commas' } as const;
const resize = { type: 'number', describe: 'Shrink larger images to this longest side, in pixels' } as const;
const common = {
  out,
  name: { type: 'string', describe: 'Name of the data set [default: the last part of --out]' },
  fractions: { type: 'string', describe: 'Split anew, e.g. train=0.8,val=0.1,test=0.1' },
  'split-seed': { type: 'number', default: 1, describe: 'Seed of the order in which --fractions deals out' },
  limit: { type: 'number', describe: 'Import at most this many images of each split' },
  'skip-bad': { type: 'boolean', default: false, describe: 'Leave out what is broken, and count it' },
} as const;

interface CommonArguments {
  out: string;
  name: string | undefined;
  fractions: string | undefined;
  splitSeed: number;
  limit: number | undefined;
  skipBad: boolean;
}

await runProgram(async () => {
  await yargs(hideBin(process.argv))
    .scriptName('npm run import --')
    .usage('$0 FORMAT … --out DIR\n\nWrites a data set as TFRecords, for training and evaluation.')
    .command(
      'idx',
      'The MNIST family: IDX files, compressed or not',
      (command) =>
        command
          .options({ ...common, dir, classes })
          .example(
            '$0 idx --dir downloads/mnist --out data/mnist',
            'digits; train and t10k become train and test',
          )
          .example(
            '$0 idx --dir downloads/fashion --classes shirt,trouser,… --out data/fashion',
            'with names',
          ),
      async (args) => run(await findIdx(args.dir, list(args.classes)), args),
    )
    .command(
      'voc',
      'Pascal VOC: the development kit, or an XML file beside each image',
      (command) =>
        command
          .options({
            ...common,
            dir,
            classes,
            resize,
            'drop-difficult': {
              type: 'boolean',
              default: false,
              describe: 'Leave out objects marked difficult',
            },
          })
          .example(
            '$0 voc --dir VOCdevkit/VOC2012 --out data/voc',
            'Annotations, JPEGImages, ImageSets, masks',
          )
          .example('$0 voc --dir photos --out data/photos', 'photos/train/1.jpg, photos/train/1.xml, …'),
      async (args) =>
        run(
          await findVoc(args.dir, {
            ...sized(args.resize),
            ...named(args.classes),
            dropDifficult: args.dropDifficult,
          }),
          args,
        ),
    )
    .command(
      'folder',
      'A folder for each class, or for each split and class',
      (command) =>
        command
          .options({
            ...common,
            dir,
            resize,
            masks: { type: 'string', describe: 'Folder laid out like --dir with a PNG mask for some images' },
          })
          .example(
            '$0 folder --dir pets --fractions train=0.8,test=0.2 --out data/pets',
            'pets/cat/1.jpg, …',
          ),
      async (args) =>
        run(
          await findFolders(args.dir, { ...sized(args.resize), ...(args.masks && { masks: args.masks }) }),
          args,
        ),
    )
    .command(
      'biased-boats',
      'The built-in set, drawn with a seed',
      (command) =>
        command
          .options({
            out,
            seed: { type: 'number', default: 1 },
            size: { type: 'number', default: 64, describe: 'Width and height of the images' },
            train: { type: 'number', default: 2000, describe: 'Images of the split' },
            'train-fullsup': {
              type: 'number',
              default: 100,
              describe: 'Images like those of train, with masks',
            },
            val: { type: 'number', default: 300 },
            test: { type: 'number', default: 500 },
            unbiased: { type: 'number', default: 300, describe: 'Images of each of the two unbiased splits' },
          })
          .example('$0 biased-boats --out data/biased-boats', 'what configs/gain.yaml trains on'),
      async ({ out, seed, size, train, trainFullsup, val, test, unbiased }) => {
        const { info, generated } = await withProgress('drawing', (onProgress) =>
          generateBiasedBoats(out, { seed, size, train, trainFullsup, val, test, unbiased }, onProgress),
        );
        const splits = Object.entries(info.splits).map(([split, { examples }]) => `${split} ${examples}`);
        process.stdout.write(`${out}: ${generated ? '' : 'was there already: '}${splits.join(', ')}\n`);
      },
    )
    .demandCommand(1, 1, 'a format is needed: idx, voc, folder or biased-boats')
    .strict()
    .epilogue('Exit codes: 0 done, 1 unexpected, 2 usage, 3 data.')
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .fail((message, error) => {
      throw error ?? new UsageError(`${message} (--help shows the options)`);
    })
    .parseAsync();
});

async function run(source: ImportSource, args: CommonArguments): Promise<void> {
  const summary = await withProgress(`importing ${source.format}`, (onProgress) =>
    importExamples(source, args.out, {
      name: args.name ?? basename(args.out),
      splitSeed: args.splitSeed,
      skipBad: args.skipBad,
      onProgress,
      ...(args.fractions && { fractions: fractionsOf(args.fractions) }),
      ...(args.limit !== undefined && { limit: args.limit }),
    }),
  );
  process.stdout.write(describe(summary, args.out));
}

/** Starts the bar with the first image, when the total is known. */
async function withProgress<T>(
  label: string,
  work: (onProgress: (done: number, total: number) => void) => Promise<T>,
): Promise<T> {
  let progress: ReturnType<typeof startProgress> | undefined;
  try {
    return await work((done, total) => {
      progress ??= startProgress(label, total);
      progress.update(done);
    });
  } finally {
    progress?.stop();
  }
}

function describe({ info, perClass, boxes, masks, skipped }: ImportSummary, path: string): string {
  const lines = [
    `${path}: ${info.name}, ${info.multiLabel ? 'several labels' : 'one label'} per image, ${boxes} boxes, ${masks} masks`,
    ...Object.entries(info.splits).map(
      ([split, { examples, shards }]) => `  ${split}: ${examples} images in ${shards.length} shards`,
    ),
    ...info.classes.map((name, i) => `  class ${i} ${name}: ${perClass[i]} images`),
  ];
  if (skipped.length > 0) {
    const shown = skipped.slice(0, 10).map((message) => `  ${message}`);
    const more = skipped.length > shown.length ? [`  … and ${skipped.length - shown.length} more`] : [];
    lines.push(`left out, because broken: ${skipped.length}`, ...shown, ...more);
  }
  return `${lines.join('\n')}\n`;
}

function fractionsOf(text: string): Record<string, number> {
  const pairs = text.split(',').map((part) => {
    const [split, share] = part.split('=');
    if (!split?.trim() || !(Number(share) > 0)) {
      throw new UsageError(`--fractions: expected split=share, found "${part}"`);
    }
    return [split.trim(), Number(share)] as const;
  });
  return Object.fromEntries(pairs);
}

function list(text: string | undefined): string[] | undefined {
  return text?.split(',').map((part) => part.trim());
}

function named(text: string | undefined): { classes?: string[] } {
  return text ? { classes: list(text)! } : {};
}

function sized(size: number | undefined): { resize?: number } {
  return size === undefined ? {} : { resize: size };
}
