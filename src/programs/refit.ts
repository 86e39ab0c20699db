import { join } from 'node:path';
import { UsageError } from '../errors/index.ts';
import { command, interruption, listOf } from './program.ts';

export const refitNetwork = command({
  name: 'refit',
  describe: 'Fit the last layer of a finished run anew',
  usage: [
    '--run DIR --out DIR',
    'Fits the last layer of a finished run anew, its features as they are: on composites, in which ground and object ' +
      'are independent, or on images that have groups. Writes a model folder, and the answers on the test splits of ' +
      'the run before and after.',
  ],
  options: {
    run: { type: 'string', requiresArg: true, demandOption: true, describe: 'A finished run' },
    out: { type: 'string', requiresArg: true, demandOption: true, describe: 'Folder of the refitted model' },
    on: {
      choices: ['composites', 'groups'] as const,
      default: 'composites' as const,
      describe: 'What the layer is fitted to',
    },
    class: {
      type: 'string',
      array: true,
      requiresArg: true,
      describe: 'Classes whose rows are replaced [default: those of data.composites of the run]',
    },
    samples: { type: 'number', default: 1500, describe: 'Composites of each class' },
    lambda: { type: 'number', default: 0.001, describe: 'Penalty on the squared weights' },
    subsets: { type: 'number', default: 5, describe: 'Random halves whose fits are averaged' },
    split: {
      type: 'string',
      array: true,
      requiresArg: true,
      describe: 'Splits that the layer is fitted on [default: those of the training]',
    },
    predicted: {
      type: 'string',
      requiresArg: true,
      describe: 'File of predicted masks (npm run segment) to cut along [default: as the run]',
    },
    'mask-count': {
      type: 'number',
      requiresArg: true,
      describe: 'Images with masks that may be used [default: as the run]',
    },
    engine: { type: 'string', requiresArg: true, describe: 'Compute engine [default: that of the run]' },
  },
  check: ({ samples, subsets, lambda }) => {
    for (const [option, value] of Object.entries({ samples, subsets })) {
      if (!(Number.isInteger(value) && value >= 1)) {
        throw new UsageError(`--${option}: expected a whole number of at least 1, found ${value}`);
      }
    }
    if (!(lambda >= 0)) throw new UsageError(`--lambda: expected a number of at least 0, found ${lambda}`);
  },
  examples: [
    ['--run runs/mine --class boat --out models/refitted', 'the row of boat, on composites'],
    ['--run runs/mine --on groups --out models/refitted', 'on the groups of the training set (DFR)'],
    [
      '--run runs/tanks --on groups --split counterexamples --class tank --out models/refitted',
      'on a few images in which object and cue come apart',
    ],
  ],
  exitCodes: '2 usage, run or model, 3 data, 130 interrupted',
  async run(args) {
    const { loadConfig } = await import('../config/index.ts');
    const { beforeAfterTable, refitRun } = await import('../experiment/index.ts');
    const classes = listOf(args.class);
    const splits = listOf(args.split);
    const set = (key: string, value: unknown, from: string) =>
      value === undefined ? [] : [{ key, value, from }];
    const config = await loadConfig(join(args.run, 'config.yaml'), [
      ...set('engine.name', args.engine, '--engine'),
      ...set('data.splits.train', splits, '--split'),
      ...set('data.masks.count', args.maskCount, '--mask-count'),
      ...set('data.masks.predicted', args.predicted && { file: args.predicted }, '--predicted'),
    ]);
    const { line, splits: measured } = await refitRun(config, join(args.run, 'model'), args.out, {
      on: args.on,
      classes: classes ?? 'suspects',
      samples: args.samples,
      lambda: args.lambda,
      subsets: args.subsets,
      signal: interruption('interrupted: nothing was written'),
    });
    const table = Object.keys(measured).length === 0 ? '' : `${beforeAfterTable(measured)}\n`;
    process.stdout.write(`${table}${line}\nin ${args.out}\n`);
  },
});
