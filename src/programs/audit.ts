import { join } from 'node:path';
import { UsageError } from '../errors/index.ts';
import { type Progress, startProgress, writeLine } from '../progress/index.ts';
import { checkNetwork, factOptions, networkAsked, networkOptions } from './network-options.ts';
import { atLeast, command, interruption, listOf } from './program.ts';

export const audit = command({
  name: 'audit',
  describe: 'Tell whether answers follow the object or its surroundings',
  usage: [
    '--run DIR [--split NAME]',
    'Takes object and surroundings apart in made pictures, and says whose lead the answers follow: how much of the ' +
      'evidence lies off the object, what is answered without it, and which feature of the surroundings tells the answer.',
  ],
  options: {
    ...networkOptions,
    ...factOptions,
    data: { type: 'string', requiresArg: true, describe: 'Data set [default: that of the run]' },
    split: {
      type: 'string',
      requiresArg: true,
      describe: 'Split [default: the validation split of the run]',
    },
    class: { type: 'string', array: true, requiresArg: true, describe: 'Classes [default: all]' },
    masks: {
      choices: ['true', 'predicted', 'boxes', 'none'] as const,
      describe: 'What objects are known by [default: the best there is]',
    },
    predicted: { type: 'string', requiresArg: true, describe: 'File of predicted masks (npm run segment)' },
    'mask-count': {
      type: 'number',
      requiresArg: true,
      describe: 'Images with masks that may teach to predict the others [default: those of the run]',
    },
    'per-cell': { type: 'number', default: 100, describe: 'Composites of each of the four kinds' },
    limit: { type: 'number', default: 500, describe: 'Images of the split, the first' },
    bootstrap: { type: 'number', default: 1000, describe: 'Replicates of the 95 % intervals' },
    seed: { type: 'number', default: 1, describe: 'Of the composites and the intervals' },
    out: {
      type: 'string',
      requiresArg: true,
      describe: 'Folder of audit.json and the pictures [default: RUN/audit]',
    },
    engine: { type: 'string', requiresArg: true, describe: 'Compute engine [default: that of the run]' },
    threads: { type: 'number', requiresArg: true, describe: 'Of the engine [default: as the run]' },
    json: { type: 'boolean', default: false, describe: 'Print the audit as JSON instead of a table' },
  },
  check: ({ run, model, out }) => {
    checkNetwork({ run, model });
    if (model !== undefined && out === undefined) throw new UsageError('--model needs --out DIR');
  },
  examples: [
    ['--run runs/mine', 'does it lean on the background?'],
    ['--run runs/mine --class boat --per-cell 400', 'one class, with a narrower interval'],
  ],
  exitCodes: '2 usage, run or model, 3 data, 130 interrupted',
  async run(args) {
    const { auditNetwork, auditTable, writeAudit } = await import('../audit/index.ts');
    let bar: { what: string; progress: Progress } | undefined;
    try {
      const result = await auditNetwork({
        source: await networkAsked(args),
        data: args.data,
        split: args.split,
        classes: listOf(args.class),
        masks: args.masks,
        predictedFrom: args.predicted,
        maskCount: args.maskCount,
        perCell: atLeast('per-cell', args.perCell, 1),
        limit: atLeast('limit', args.limit, 1),
        replicates: atLeast('bootstrap', args.bootstrap, 1),
        seed: args.seed,
        engine: args.engine,
        threads: args.threads,
        signal: interruption('interrupted: nothing was written'),
        onProgress(what, done, total) {
          if (bar?.what !== what) {
            bar?.progress.stop();
            bar = { what, progress: startProgress(what, total) };
          }
          bar.progress.update(done);
        },
      });
      bar?.progress.stop();
      for (const note of result.network.notes) writeLine(note);
      const files = await writeAudit(args.out ?? join(args.run!, 'audit'), result);
      process.stdout.write(args.json ? `${JSON.stringify(result.audit, null, 2)}\n` : auditTable(result));
      if (!args.json) process.stdout.write(`in ${files.join(', ')}\n`);
    } finally {
      bar?.progress.stop();
    }
  },
});
