import { join } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { loadConfig } from './config/index.ts';
import { InterruptedError, UsageError } from './errors/index.ts';
import { runProgram } from './program.ts';

await runProgram(async () => {
  const args = await yargs(hideBin(process.argv))
    .scriptName('npm run train --')
    .usage('$0 --config FILE\n\nTrains a classifier with its own attention in the loss (GAIN).')
    .options({
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
      resume: { type: 'boolean', default: false, describe: 'Go on from the last checkpoint of the run' },
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
    })
    .check(({ config, run, resume, overwrite }) => {
      if (resume && overwrite) throw new UsageError('--resume and --overwrite exclude each other');
      if (!config && !(resume && run))
        throw new UsageError('--config FILE is needed (or --resume --run DIR)');
      return true;
    })
    .example('$0 --config configs/gain.yaml', 'the main job')
    .example('$0 --config gain.yaml --run runs/short --set training.epochs=2', 'a variation of it')
    .example('$0 --resume --run runs/gain', 'go on after an interruption')
    .epilogue('Exit codes: 0 done, 1 unexpected, 2 usage or config, 3 data, 4 diverged, 130 interrupted.')
    .strict()
    .wrap(Math.min(110, process.stdout.columns ?? 80))
    .fail((message, error) => {
      throw error ?? new UsageError(`${message} (--help shows the options)`);
    })
    .parseAsync();

  // Loaded late, so that --help and a mistyped config are answered at once.
  const { RunDirectory, requireRun, requireSameExperiment } = await import('./run/index.ts');
  const { resultsTable, runExperiment } = await import('./experiment/index.ts');

  const overrides = [...args.set, ...(args.engine ? [`engine.name=${args.engine}`] : [])];
  if (args.resume && args.run) requireRun(args.run);
  const config = await loadConfig(args.config ?? join(args.run!, 'config.yaml'), overrides);
  const path = args.run ?? join('runs', config.name);
  if (args.resume) {
    requireRun(path);
    const saved = join(path, 'config.yaml');
    requireSameExperiment(await loadConfig(saved), config, saved);
  }

  const directory = await RunDirectory.open(
    path,
    args.resume ? 'resume' : args.overwrite ? 'overwrite' : 'new',
  );
  const interrupt = new AbortController();
  const onSignal = () => {
    if (interrupt.signal.aborted) {
      directory.release();
      process.exit(130);
    }
    process.stderr.write('\ninterrupted: ending with a checkpoint (once more to quit at once)\n');
    interrupt.abort(new InterruptedError('interrupted before the training began'));
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    const summary = await runExperiment(config, directory, { resume: args.resume, signal: interrupt.signal });
    process.stdout.write(
      args.json
        ? `${JSON.stringify(summary, null, 2)}\n`
        : resultsTable(summary, path, process.stdout.columns),
    );
  } finally {
    directory.release();
  }
});
