import { basename } from 'node:path';
import type { Argv } from 'yargs';
import {
  type DrawnSetName,
  generateDrawn,
  type ImportSource,
  type ImportSummary,
  importExamples,
} from '../data/index.ts';
import { startProgress } from '../progress/index.ts';
import { addAnnotationFormats } from './import-annotation-formats.ts';
import { addFormats } from './import-formats.ts';
import { type CommonArguments, fractionsOf, given, out } from './import-options.ts';
import { command } from './program.ts';

type OnProgress = (done: number, total: number) => void;

export const importData = command({
  name: 'import',
  describe: 'Write a data set as TFRecords',
  usage: ['FORMAT … --out DIR', 'Writes a data set as TFRecords, for training and evaluation.'],
  options: {},
  examples: [],
  exitCodes: '2 usage, 3 data',
  commands: (program, $0) => {
    addAnnotationFormats(addFormats(program, $0, importFrom), $0, importFrom);
    for (const [name, { describe, example }] of Object.entries(drawn)) {
      addDrawn(program, $0, name as keyof typeof drawn, describe, example);
    }
    addMovingShapes(program, $0);
    return program.demandCommand(
      1,
      1,
      `a format is needed: voc, coco, yolo, labelme, cvat, via, label-studio, open-images, hugging-face, webdataset, cub, folder, csv, clips, tfrecord, idx, decoy, cifar, ${Object.keys(drawn).join(', ')} or moving-shapes`,
    );
  },
});

/** The built-in sets. In their training data an object and a cue always come together. */
const drawn: Record<
  Exclude<DrawnSetName, 'moving-shapes'>,
  { readonly describe: string; readonly example: string }
> = {
  'biased-boats': {
    describe: 'Drawn: boats stand on water, and nothing else does',
    example: 'what configs/gain.yaml trains on',
  },
  tanks: {
    describe: 'Drawn: tanks on cloudy days, everything else in the sun',
    example: 'what configs/tanks.yaml trains on',
  },
  letterbox: {
    describe: 'Drawn: cars between black bars, everything else without',
    example: 'what configs/letterbox.yaml trains on',
  },
};

function addDrawn(
  program: Argv,
  $0: string,
  name: keyof typeof drawn,
  describe: string,
  example: string,
): void {
  program.command(
    name,
    describe,
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
          unbiased: {
            type: 'number',
            default: 300,
            describe: 'Images of each of the two splits in which object and cue come apart',
          },
          shortcut: {
            type: 'boolean',
            default: true,
            describe: 'Whether object and cue go together; --no-shortcut is a control',
          },
          ...(name !== 'biased-boats' && {
            counterexamples: {
              type: 'number',
              default: 80,
              describe: 'Images of a split with both, either and neither in equal parts, as groups',
            } as const,
          }),
        })
        .example(`${$0} ${name} --out data/${name}`, example),
    async ({ out, seed, size, train, trainFullsup, val, test, unbiased, shortcut, counterexamples }) => {
      const options = {
        ...{ seed, size, train, trainFullsup, val, test, unbiased },
        ...(!shortcut && { shortcut }),
        ...(typeof counterexamples === 'number' && { counterexamples }),
      };
      await drawInto(name, out, options);
    },
  );
}

function addMovingShapes(program: Argv, $0: string): void {
  program.command(
    'moving-shapes',
    'Drawn clips: a shape moves, grows or shrinks beside one that stays where it is',
    (command) =>
      command
        .options({
          out,
          seed: { type: 'number', default: 1 },
          size: { type: 'number', default: 32, describe: 'Width and height of the frames' },
          frames: { type: 'number', default: 8, describe: 'Of each clip' },
          train: { type: 'number', default: 1200, describe: 'Clips of the split' },
          'train-fullsup': {
            type: 'number',
            default: 200,
            describe: 'Clips like those of train, with masks',
          },
          val: { type: 'number', default: 200 },
          test: { type: 'number', default: 300 },
          distractor: { type: 'boolean', default: true, describe: 'Whether a second shape is there' },
        })
        .example(`${$0} moving-shapes --out data/moving-shapes`, 'what configs/clips.yaml trains on'),
    ({ out, seed, size, frames, train, trainFullsup, val, test, distractor }) =>
      drawInto('moving-shapes', out, { seed, size, frames, train, trainFullsup, val, test, distractor }),
  );
}

async function drawInto(
  name: DrawnSetName,
  out: string,
  options: Parameters<typeof generateDrawn>[2],
): Promise<void> {
  const { info, generated } = await withProgress('drawing', (onProgress) =>
    generateDrawn(name, out, options, onProgress),
  );
  const splits = Object.entries(info.splits).map(([split, { examples }]) => `${split} ${examples}`);
  process.stdout.write(`${out}: ${generated ? '' : 'was there already: '}${splits.join(', ')}\n`);
}

async function importFrom(
  find: (onProgress: OnProgress) => Promise<ImportSource>,
  args: CommonArguments,
): Promise<void> {
  const source = await withProgress('reading annotations', find);
  const { fractions, fractionsOf: dealt, perClass, limit, shards } = args;
  const summary = await withProgress(`importing ${source.format}`, (onProgress) =>
    importExamples(source, args.out, {
      ...given({ fractionsOf: dealt, perClass, limit, shards }),
      ...(fractions && { fractions: fractionsOf(fractions) }),
      name: args.name ?? basename(args.out),
      splitSeed: args.splitSeed,
      singleLabel: args.singleLabel,
      shardBytes: args.shardSize * 2 ** 20,
      skipBad: args.skipBad,
      dryRun: args.dryRun,
      onProgress,
    }),
  );
  process.stdout.write(describe(summary, args.out, args.dryRun));
}

/** Starts the bar with the first step, when the total is known. */
async function withProgress<T>(label: string, work: (onProgress: OnProgress) => Promise<T>): Promise<T> {
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

function describe(
  { info, perClass, perGroup, boxes, masks, confounders, notes, skipped }: ImportSummary,
  path: string,
  dryRun: boolean,
): string {
  const examples = info.clips ? 'clips' : 'images';
  const one = info.clips ? 'clip' : 'image';
  const lines = [
    `${dryRun ? 'dry run, nothing is written: ' : ''}${path}: ${info.name}, ${info.multiLabel ? 'several labels' : 'one label'} per ${one}, ${boxes} boxes, ${masks} masks${confounders > 0 ? `, ${confounders} confounders` : ''}`,
    ...Object.entries(info.splits).map(
      ([split, { examples: count, shards }]) =>
        `  ${split}: ${count} ${examples}${dryRun ? '' : ` in ${shards.length} shards`}`,
    ),
    ...info.classes.map((name, i) => `  class ${i} ${name}: ${perClass[i]} ${examples}`),
  ];
  for (const [group, count] of Object.entries(perGroup)) lines.push(`  group ${group}: ${count} ${examples}`);
  for (const { what, count, where } of notes) lines.push(...places(what, count, where));
  if (skipped.length > 0) {
    lines.push(...places('left out, because broken', skipped.length, skipped.slice(0, 10)));
  }
  return `${lines.join('\n')}\n`;
}

function places(what: string, count: number, shown: readonly string[]): string[] {
  const more = shown.length > 0 && count > shown.length ? [`  … and ${count - shown.length} more`] : [];
  return [`${what}: ${count}`, ...shown.map((place) => `  ${place}`), ...more];
}
