import { join } from 'node:path';
import { loadConfig } from '../config/index.ts';
import { UsageError } from '../errors/index.ts';
import { command, interruption } from './program.ts';

/** What `--resume` says: undefined, to go on with a run that must be there, or to begin one where there is none. */
function resumption(said: string | undefined): 'always' | 'auto' | undefined {
  if (said === undefined) return undefined;
  if (said === '' || said === 'true') return 'always';
  if (said === 'auto') return 'auto';
  if (said === 'false') return undefined;
  throw new UsageError(`--resume: expected nothing or auto, found ${said}`);
}

export const train = command({
  name: 'train',
  describe: 'Train a classifier with its own attention in the loss',
  usage: ['[--config] FILE', 'Trains a classifier with its own attention in the loss (GAIN).'],
  positional: 'config',
  options: {
    config: {
      type: 'string',
      alias: 'c',
      requiresArg: true,
      describe: 'Experiment file; looked for in the working folder, then in configs/',
    },
    run: {
      type: 'string',
      requiresArg: true,
      describe: 'Run directory [default: runs/<name of the config>]',
    },
    resume: {
      type: 'string',
      describe: 'Go on from the last checkpoint of the run; --resume=auto: begin it where there is none',
    },
    'break-lock': {
      type: 'boolean',
      default: false,
      describe: 'Take the run directory away from a process of another machine that is no more',
    },
    overwrite: {
      type: 'boolean',
      default: false,
      describe: 'Delete what the run directory holds and start anew',
    },
    set: {
      type: 'string',
      array: true,
      requiresArg: true,
      default: [] as string[],
      describe: 'Override a config value: key.path=value, repeatable',
    },
    engine: {
      type: 'string',
      requiresArg: true,
      describe: 'Compute engine: auto, onnx, tensorflow, webgpu, cpu (npm run engines lists them)',
    },
    json: { type: 'boolean', default: false, describe: 'Print the summary as JSON instead of a table' },
  },
  check: ({ config, run, resume: said, overwrite }) => {
    const resume = resumption(said);
    if (resume && overwrite) throw new UsageError('--resume and --overwrite exclude each other');
    if (!config && !(resume && run)) throw new UsageError('--config FILE is needed (or --resume --run DIR)');
  },
  examples: [
    ['--config configs/gain.yaml', 'the main job'],
    ['--config gain.yaml --run runs/short --set training.epochs=2', 'a variation of it'],
    ['--resume --run runs/gain', 'go on after an interruption'],
    ['--config gain.yaml --resume=auto', 'the same line for the start and after every interruption'],
  ],
  exitCodes: '2 usage or config, 3 data, 4 diverged, 130 interrupted',
  async run(args) {
    // Loaded late, so that --help and a mistyped config are answered at once.
    const { holdsRun, RunDirectory, requireRun, requireSameExperiment } = await import('../run/index.ts');
    const { resultsTable, runStages } = await import('../experiment/index.ts');

    const { writeLine } = await import('../progress/index.ts');
    const overrides = [
      ...args.set,
      ...(args.engine ? [{ key: 'engine.name', value: args.engine, from: `--engine ${args.engine}:` }] : []),
    ];
    const wanted = resumption(args.resume);
    if (wanted === 'always' && args.run) requireRun(args.run);
    const config = await loadConfig(args.config ?? join(args.run!, 'config.yaml'), overrides);
    const path = args.run ?? join('runs', config.name);
    const resume = wanted === 'always' || (wanted === 'auto' && holdsRun(path));
    if (resume) {
      requireRun(path);
      const saved = join(path, 'config.yaml');
      requireSameExperiment(await loadConfig(saved), config, saved);
    }

    const directory = await RunDirectory.open(
      path,
      resume ? 'resume' : args.overwrite ? 'overwrite' : 'new',
      args.breakLock ? { onBreak: writeLine } : {},
    );
    const signal = interruption('interrupted before the training began', {
      notice: 'interrupted: ending with a checkpoint (once more to quit at once)',
      atOnce: () => directory.release(),
    });
    try {
      const { summary } = await runStages(config, directory, {
        resume,
        signal,
      });
      process.stdout.write(
        args.json
          ? `${JSON.stringify(summary, null, 2)}\n`
          : resultsTable(summary, path, process.stdout.columns),
      );
    } finally {
      directory.release();
    }
  },
});
