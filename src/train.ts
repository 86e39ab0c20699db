import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { type Config, loadConfig } from './config/index.ts';
import { ConfigError, RunError, UsageError } from './errors/index.ts';
import { RunDirectory, resultsTable, runExperiment } from './gain/index.ts';
import { runProgram } from './program.ts';

await runProgram(async () => {
  const args = await yargs(hideBin(process.argv))
    .scriptName('npm run train --')
    .usage('$0 --config FILE\n\nTrains a classifier with its own attention in the loss (GAIN).')
    .options({
      config: {
        type: 'string',
        alias: 'c',
        describe: 'Experiment file; looked for in the working folder, then in configs/',
      },
      run: { type: 'string', describe: 'Run directory [default: runs/<name of the config>]' },
      resume: { type: 'boolean', default: false, describe: 'Go on from the last checkpoint of the run' },
      overwrite: {
        type: 'boolean',
        default: false,
        describe: 'Delete what the run directory holds and start anew',
      },
      set: {
        type: 'string',
        array: true,
        default: [] as string[],
        describe: 'Override a config value: key.path=value, repeatable',
      },
      engine: { type: 'string', describe: 'Compute engine: auto, onnx, tensorflow, cpu' },
      json: { type: 'boolean', default: false, describe: 'Print the summary as JSON instead of a table' },
    })
    .check((parsed) => {
      if (parsed.resume && parsed.overwrite) throw new Error('--resume and --overwrite exclude each other');
      if (!parsed.config && !(parsed.resume && parsed.run))
        throw new Error('--config FILE is needed (or --resume --run DIR)');
      return true;
    })
    .example('$0 --config configs/gain.yaml', 'the main job')
    .example('$0 --config gain.yaml --run runs/short --set training.epochs=2', 'a variation of it')
    .example('$0 --resume --run runs/gain', 'go on after an interruption')
    .epilogue('Exit codes: 0 done, 1 unexpected, 2 usage or config, 3 data, 4 diverged, 130 interrupted.')
    .strict()
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .fail((message, error) => {
      throw error ?? new UsageError(`${message} (--help shows the options)`);
    })
    .parseAsync();

  const overrides = [...args.set, ...(args.engine ? [`engine.name=${args.engine}`] : [])];
  const config = await loadConfig(args.config ?? join(args.run!, 'config.yaml'), overrides);
  const path = args.run ?? join('runs', config.name);
  if (args.resume) await requireSameExperiment(config, path);

  const directory = await RunDirectory.open(
    path,
    args.resume ? 'resume' : args.overwrite ? 'overwrite' : 'new',
  );
  const interrupt = new AbortController();
  const onSignal = () => {
    if (interrupt.signal.aborted) process.exit(130);
    process.stderr.write('\ninterrupted: writing a checkpoint (once more to quit without)\n');
    interrupt.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  try {
    const summary = await runExperiment(config, directory, { resume: args.resume, signal: interrupt.signal });
    process.stdout.write(args.json ? `${JSON.stringify(summary, null, 2)}\n` : resultsTable(summary, path));
  } finally {
    directory.release();
  }
});

/** What may differ between a run and its continuation: how long, on what, and what is written. */
const changeable = new Set([
  'engine',
  'log',
  'evaluation',
  'training.epochs',
  'training.checkpointEvery',
  'data.workers',
]);

async function requireSameExperiment(config: Config, path: string): Promise<void> {
  const saved = join(path, 'config.yaml');
  if (!existsSync(saved)) throw new RunError(`${path}: nothing to resume: it holds no run`);
  const differing = differences(await loadConfig(saved), config);
  const key = differing.find(
    (at) => ![...changeable].some((allowed) => at === allowed || at.startsWith(`${allowed}.`)),
  );
  if (key) throw new ConfigError(`${key}: differs from ${saved}; a resumed run goes on as it was begun`);
}

function differences(a: unknown, b: unknown, path = ''): string[] {
  if (isDeepStrictEqual(a, b)) return [];
  const bothRecords = [a, b].every(
    (value) => value !== null && typeof value === 'object' && !Array.isArray(value),
  );
  if (!bothRecords) return [path];
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].flatMap((key) => differences(left[key], right[key], path ? `${path}.${key}` : key));
}
