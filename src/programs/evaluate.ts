import { join } from 'node:path';
import { UsageError } from '../errors/index.ts';
import type { MeasureName, ThresholdSource } from '../evaluation/index.ts';
import {
  checkCounts,
  checkNetwork,
  factOptions,
  networkAsked,
  networkOptions,
  renamedOptions,
} from './network-options.ts';
import { atLeast, command, interruption, listOf } from './program.ts';

export const evaluateNetwork = command({
  name: 'evaluate',
  describe: 'Measure where a trained network looks',
  usage: ['--run DIR', 'Measures where a trained network looks: boxes and maps against the true ones.'],
  options: {
    ...networkOptions,
    data: { type: 'string', requiresArg: true, describe: 'Data set [default: that of the run]' },
    split: {
      type: 'string',
      array: true,
      requiresArg: true,
      describe: 'Splits to evaluate [default: the test splits of the run, else test]',
    },
    method: {
      type: 'string',
      array: true,
      requiresArg: true,
      describe: 'Methods of explain, side by side [default: that of the run, else grad-cam]',
    },
    'target-layer': {
      type: 'string',
      requiresArg: true,
      describe: 'Layer that is explained [default: that of the run, else auto]',
    },
    measures: {
      type: 'string',
      array: true,
      requiresArg: true,
      describe:
        'localization, faithfulness, sanity, wrong-reasons [default: localization, where there are boxes or masks]',
    },
    teacher: {
      type: 'string',
      requiresArg: true,
      describe: 'Run or network to compare with [default: the teacher of a distilled run]',
    },
    'teacher-layer': {
      type: 'string',
      requiresArg: true,
      describe: 'Layer of the teacher that is explained [default: that of the run, else auto]',
    },
    'teacher-input-scaling': {
      type: 'string',
      requiresArg: true,
      describe: 'What a teacher that is no run expects of pixels, as --input-scaling',
    },
    'threshold-from': {
      type: 'string',
      requiresArg: true,
      describe:
        'Split on which the threshold is chosen [default: train-fullsup, else that of data.masks of the run]',
    },
    threshold: { type: 'number', requiresArg: true, describe: 'Or the threshold: a share of the maximum' },
    tolerance: { type: 'number', default: 15, describe: 'Margin of the pointing game, in pixels' },
    limit: { type: 'number', requiresArg: true, describe: 'Evaluate the first images only' },
    'faithfulness-limit': { type: 'number', default: 100, describe: 'Images of the faithfulness measures' },
    'sanity-limit': { type: 'number', default: 32, describe: 'Images of the sanity check' },
    samples: {
      type: 'number',
      requiresArg: true,
      describe: 'Changed copies of each image, for rise and lime [default: 4000 and 1000]',
    },
    bootstrap: { type: 'number', default: 1000, describe: 'Replicates of the 95 % intervals' },
    seed: { type: 'number', default: 1, describe: 'Of the bootstrap, of the noise, of the sanity check' },
    'batch-size': { type: 'number', requiresArg: true, describe: 'Images at a time [default: 32]' },
    'image-size': factOptions['image-size'],
    frames: { type: 'number', requiresArg: true, describe: 'Of a network of clips that takes any number' },
    'input-scaling': factOptions['input-scaling'],
    'write-maps': {
      type: 'string',
      requiresArg: true,
      describe: 'Folder for the maps and for predicted boxes in COCO format',
    },
    'map-format': {
      choices: ['png', 'npy'] as const,
      default: 'png' as const,
      describe: 'Of --write-maps',
    },
    out: { type: 'string', requiresArg: true, describe: 'Folder of the results [default: RUN/evaluation]' },
    engine: {
      type: 'string',
      requiresArg: true,
      describe: 'Compute engine [default: that of the run, else auto]',
    },
    json: { type: 'boolean', default: false, describe: 'Print the results as JSON instead of tables' },
  },
  renamed: { methods: renamedOptions.methods },
  check: ({ run, model, data, threshold, thresholdFrom, frames }) => {
    checkNetwork({ run, model });
    checkCounts({ frames });
    if (model !== undefined && data === undefined) throw new UsageError('--model needs --data DIR');
    if (threshold !== undefined && thresholdFrom !== undefined) {
      throw new UsageError('--threshold and --threshold-from exclude each other');
    }
  },
  examples: [
    ['--run runs/gain --method cam,grad-cam,grad-cam++,layer-cam', 'methods side by side'],
    ['--run runs/cards --split test --threshold-from train', 'on a split of your choice'],
    ['--run runs/gain --measures faithfulness,sanity', 'is it the network that the maps show?'],
    ['--run runs/small --teacher runs/large', 'how alike are their answers and their maps?'],
    ['--run runs/rrr --measures wrong-reasons', 'how much of the confounders lights up'],
  ],
  exitCodes: '2 usage, run or model, 3 data, 130 interrupted',
  async run(args) {
    // Loaded late, so that --help is answered at once.
    const { evaluate, evaluationTable, eventScalars, ResultWriter } = await import('../evaluation/index.ts');
    const { parseInputScaling } = await import('../models/index.ts');
    const { RunDirectory } = await import('../run/index.ts');
    const { EventWriter } = await import('../tensorboard/index.ts');

    const threshold: ThresholdSource | undefined =
      args.threshold !== undefined
        ? { value: args.threshold }
        : args.thresholdFrom !== undefined
          ? { split: args.thresholdFrom }
          : undefined;
    const out = args.out ?? (args.run && join(args.run, 'evaluation'));

    const signal = interruption('interrupted: nothing was written of the split that was under way');

    // A run that is still being trained, or evaluated by another process, is refused.
    const directory = args.run && !args.out ? await RunDirectory.open(args.run, 'resume') : undefined;
    try {
      const results = await evaluate({
        source: await networkAsked({ ...args, targetLayer: undefined }),
        data: args.data,
        splits: listOf(args.split),
        options: {
          methods: listOf(args.method),
          targetLayer: args.targetLayer,
          measures: args.measures && measuresOf(listOf(args.measures)),
          teacher: args.teacher,
          teacherLayer: args.teacherLayer,
          teacherScaling:
            args.teacherInputScaling === undefined
              ? undefined
              : parseInputScaling(args.teacherInputScaling, '--teacher-input-scaling'),
          threshold,
          tolerance: atLeast('tolerance', args.tolerance, 0),
          replicates: atLeast('bootstrap', args.bootstrap, 0),
          seed: args.seed,
          limit: args.limit === undefined ? undefined : atLeast('limit', args.limit, 1),
          faithfulnessLimit: atLeast('faithfulness-limit', args.faithfulnessLimit, 1),
          samples: args.samples === undefined ? undefined : atLeast('samples', args.samples, 1),
          sanityLimit: atLeast('sanity-limit', args.sanityLimit, 1),
          batchSize: args.batchSize === undefined ? undefined : atLeast('batch-size', args.batchSize, 1),
        },
        engine: args.engine,
        writerFor: out ? (split) => new ResultWriter(out, split) : undefined,
        maps: args.writeMaps ? { dir: args.writeMaps, format: args.mapFormat } : undefined,
        signal,
      });
      if (directory) {
        const events = await EventWriter.create(directory.path, { suffix: '.evaluation' });
        for (const { step, result } of results) events.scalars(step, eventScalars(result));
        await events.close();
      }
      const shown = results.map(({ result }) => result);
      process.stdout.write(
        args.json
          ? `${JSON.stringify(shown.length === 1 ? shown[0] : shown, null, 2)}\n`
          : shown.map((result) => evaluationTable(result, process.stdout.columns)).join(''),
      );
      if (out) {
        const { writeReport } = await import('../report/index.ts');
        const report = await writeReport(args.run ?? out, {
          evaluations: out,
          out: directory ? undefined : join(out, 'report.html'),
          data: args.data,
        });
        for (const note of report.notes) process.stderr.write(`${note}\n`);
        const files = shown.map(({ split }) => `${split}.json`).join(', ');
        if (!args.json) process.stdout.write(`\nin ${out}: ${files}\nreport: ${report.path}\n`);
      }
    } finally {
      directory?.release();
    }

    function measuresOf(names: readonly string[]): MeasureName[] {
      const known = ['localization', 'faithfulness', 'sanity', 'wrong-reasons'] as const;
      const unknown = names.find((name) => !(known as readonly string[]).includes(name));
      if (unknown !== undefined) {
        throw new UsageError(`--measures: expected some of ${known.join(', ')}, found "${unknown}"`);
      }
      return [...new Set(names)] as MeasureName[];
    }
  },
});
