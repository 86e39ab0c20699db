import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parseConfig } from '../config/index.ts';
import { DataError, UsageError } from '../errors/index.ts';
import { writeWhole } from '../files/index.ts';
import { type DataGuess, guessFormat } from './guess-format.ts';
import { command } from './program.ts';

export const init = command({
  name: 'init',
  describe: 'Write a config for the data at hand',
  usage: [
    '[DATA]',
    'Looks at a folder or file of data, writes a commented config for it, and says how to import and train. ' +
      'Without DATA it is the built-in set.',
  ],
  positional: 'data',
  options: {
    data: { type: 'string', describe: 'Folder of images, of annotations, of records; a CSV or COCO file' },
    name: { type: 'string', describe: 'Name of the run and of the config [default: that of the data]' },
  },
  examples: [
    ['', 'the built-in set'],
    ['pets', 'pets/cat/1.jpg, …: class folders, VOC, COCO, CSV, TFRecord, MNIST and CIFAR are told apart'],
  ],
  exitCodes: '2 usage, 3 data',
  async run({ data, name: wanted }, $0) {
    const called = (program: string) =>
      $0.startsWith('npm run') ? `npm run ${program} --` : `npx tfjs-gain ${program}`;
    if (data !== undefined && !existsSync(data)) {
      throw new DataError(`${data}: no such file or folder`);
    }
    const guess = data === undefined ? builtIn : await guessFormat(data);
    if (!guess) {
      throw new DataError(
        `${data}: neither folders of images nor annotations that are known; ${called('import')} --help lists the formats`,
      );
    }
    const name = wanted ?? nameOf(data);
    const file = `${name}.yaml`;
    if (existsSync(file)) throw new UsageError(`${file}: is there already; --name gives another one`);
    const dir = guess.format === 'ready' ? data! : join('data', name);
    const text = configFor(name, dir, guess, called);
    parseConfig(text, file);
    await writeWhole(file, text, { as: UsageError });

    const lines = [
      `${data ?? 'no data named'}: ${guess.seen}`,
      `${file}: written; every setting has its reason`,
    ];
    if (guess.importWords.length > 0) {
      lines.push('', 'next:', `  ${called('import')} ${importLine(guess, dir)}`);
    } else lines.push('', 'next:');
    lines.push(`  ${called('train')} --config ${file}`);
    process.stdout.write(`${lines.join('\n')}\n`);
  },
});

const builtIn: DataGuess = {
  format: 'built-in',
  seen: 'the built-in set, drawn at the first run',
  importWords: [],
  ownSplits: true,
};

function nameOf(data: string | undefined): string {
  if (data === undefined) return 'boats';
  return (
    basename(resolve(data))
      .replace(/\.\w+$/, '')
      .replace(/[^\w.-]+/g, '-')
      .replace(/^[.-]+/, '') || 'mine'
  );
}

function importLine({ importWords, ownSplits }: DataGuess, dir: string): string {
  const words = importWords.map((word) =>
    /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`,
  );
  const fractions = ownSplits ? [] : ['--fractions', 'train=0.7,val=0.15,test=0.15'];
  return [...words, ...fractions, '--out', dir].join(' ');
}

function configFor(name: string, dir: string, guess: DataGuess, called: (program: string) => string): string {
  const own = guess.format === 'built-in';
  const imported =
    guess.importWords.length > 0 ? [`# Data     ${called('import')} ${importLine(guess, dir)}`] : [];
  return `${[
    `# ${name}: ${guess.seen}.`,
    '#',
    ...imported,
    `# Command  ${called('train')} --config ${name}.yaml`,
    `name: ${JSON.stringify(name)}`,
    'seed: 1',
    'data:',
    `  source: ${own ? 'biased-boats' : 'tfrecord'}`,
    `  dir: ${JSON.stringify(dir)}`,
    ...(own
      ? ['  splits: { train: [train, train-fullsup], validation: val, test: [test, boat-without-water] }']
      : [
          `  imageSize: [96, 96]  # larger is better and slower`,
          `  # ${called('data')} ${dir} shows what is there: its splits have these names where it had none of its own.`,
          '  splits: { train: [train], validation: val, test: [test] }',
          '  augment: { flip: true }  # off where left and right matter',
        ]),
    '  batchSize: 16',
    ...(own
      ? [
          '  masks: { split: train-fullsup, count: 78, perBatch: 2 }  # images that may show where their objects are',
        ]
      : [
          '  # masks: { split: train, count: all }  # where images have masks or boxes: they say where to look',
        ]),
    'model:',
    '  backbone: small-cnn',
    '  options: { widths: [16, 32, 64, 64] }',
    'gain:',
    '  method: grad-cam',
    '  losses:',
    '    # What the score of a class must lose when what the map shows is removed. 0: a plain classifier.',
    '    mining: { weight: 0.2, startEpoch: 2, rampEpochs: 2 }',
    '    # How far maps may be from masks; acts on images with masks alone.',
    `    supervision: { weight: ${own ? 10 : 1} }`,
    'training:',
    '  epochs: 10',
    '  optimizer: { name: adam, learningRate: 0.001 }',
  ].join('\n')}\n`;
}
