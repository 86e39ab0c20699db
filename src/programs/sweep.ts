import { availableParallelism } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InterruptedError, RunError, UsageError } from '../errors/index.ts';
import { writeWhole } from '../files/index.ts';
import { command, interruption } from './program.ts';

export const sweepRuns = command({
  name: 'sweep',
  describe: 'Run a grid of settings and seeds',
  usage: ['--config FILE', 'Runs a grid of settings and seeds, and compares them in one table.'],
  options: {
    config: {
      type: 'string',
      alias: 'c',
      demandOption: true,
      requiresArg: true,
      describe: 'Sweep file; looked for in the working folder, then in configs/sweeps/',
    },
    jobs: {
      type: 'number',
      alias: 'j',
      requiresArg: true,
      default: 1,
      describe: 'Runs at a time, each a process',
    },
    threads: {
      type: 'number',
      requiresArg: true,
      describe: 'Threads of each run [default: cores / jobs]',
    },
    out: {
      type: 'string',
      requiresArg: true,
      describe: 'Folder of the sweep [default: runs/sweeps/<name>]',
    },
    'dry-run': {
      type: 'boolean',
      default: false,
      describe: 'Print the command lines of what is left to do, a line per run, and do nothing',
    },
    table: { type: 'boolean', default: false, describe: 'Make the table of what is done, and run nothing' },
    json: { type: 'boolean', default: false, describe: 'Print the table as JSON instead of Markdown' },
  },
  check: ({ jobs, threads }) => {
    for (const [option, value] of Object.entries({ jobs, threads })) {
      if (value === undefined || (Number.isInteger(value) && value >= 1)) continue;
      throw new UsageError(`--${option}: expected a whole number of at least 1, found ${value}`);
    }
  },
  examples: [
    ['--config configs/sweeps/gain.yaml --jobs 2', 'two runs at a time; again: goes on'],
    ['--config gain.yaml --table', 'how it stands'],
  ],
  exitCodes:
    '2 usage, config or another launcher, 130 interrupted, else that of the first run that failed (4 diverged)',
  async run(args, $0) {
    // Loaded late, so that --help is answered at once.
    const sweeping = await import('../sweep/index.ts');
    const { drawBuiltInData } = await import('../experiment/index.ts');
    const { DirectoryLock, holdsRun, lockHolder } = await import('../run/index.ts');
    const { writeLine } = await import('../progress/index.ts');

    const sweep = await sweeping.loadSweep(args.config, args.out);
    if (holdsRun(sweep.out)) {
      throw new RunError(`${sweep.out}: holds a run; --out DIR puts the sweep elsewhere`);
    }
    const atWork = args.table ? lockHolder(sweep.out) : undefined;
    if (!args.dryRun && !atWork) {
      const lock = await DirectoryLock.acquire(sweep.out);
      process.on('exit', () => lock.release());
    }
    const { jobs, threads = Math.max(1, Math.floor(availableParallelism() / jobs)) } = args;
    const states = await Promise.all(sweep.runs.map(sweeping.runState));
    const count = (state: (typeof states)[number]) => states.filter((other) => other === state).length;

    if (args.dryRun) {
      const start = (program: string) => $0.replace('sweep', program).replace('npm run', 'npm run --silent');
      for (const [i, run] of sweep.runs.entries()) {
        const commands = await sweeping.commandsLeft(sweep, run, states[i]!, threads);
        if (commands.length === 0) continue;
        process.stdout.write(
          `${commands.map((command) => sweeping.commandLine(command, start)).join(' && ')}\n`,
        );
      }
      return;
    }

    let outcomes = states.map((state): import('../sweep/index.ts').Outcome => ({
      status: state === 'finished' || state === 'diverged' ? state : 'missing',
    }));
    if (!args.table) {
      const launcher = new sweeping.LocalLauncher({ start: commandOf });
      const signal = interruption('interrupted before the first run began', {
        notice: 'interrupted: waiting for the runs to write a checkpoint (once more to quit at once)',
        atOnce: () => launcher.interrupt(),
      });
      writeLine(
        `sweep    ${sweep.name}: ${sweep.runs.length} runs, ${count('finished')} of them finished, ` +
          `${count('unfinished')} to go on with; ${jobs} at a time, ${threads} ${threads === 1 ? 'thread' : 'threads'} each`,
      );

      // Two runs that draw the same built-in data set at once would pull it from under each other.
      for (const [i, { config }] of sweep.runs.entries()) {
        if (states[i] !== 'finished') await drawBuiltInData(config, signal);
      }
      const display = await sweeping.GridProgress.start(
        sweep,
        sweep.runs.filter((_, i) => states[i] === 'finished' || states[i] === 'diverged'),
      );
      try {
        outcomes = await sweeping.performSweep(sweep, {
          launcher,
          jobs,
          threads,
          signal,
          onStart: (run) => display.begin(run),
          onEnd: (run, outcome) => display.end(run, outcome),
        });
      } finally {
        display.stop();
      }
      if (signal.aborted) {
        const finished = outcomes.filter(({ status }) => status === 'finished').length;
        throw new InterruptedError(
          `interrupted: ${finished} of ${outcomes.length} runs are finished; the same command goes on`,
        );
      }
    }

    const table = await sweeping.sweepTable(sweep, outcomes);
    const json = `${JSON.stringify(table, null, 2)}\n`;
    if (!atWork) {
      await writeWhole(join(sweep.out, 'table.json'), json);
      await writeWhole(join(sweep.out, 'table.md'), sweeping.sweepMarkdown(table));
      await sweeping.writeHparams(sweep, table, join(sweep.out, 'hparams'));
    }
    process.stdout.write(args.json ? json : sweeping.sweepMarkdown(table, process.stdout.columns));
    if (atWork) {
      writeLine(
        `${sweep.out}: process ${atWork.pid} on ${atWork.host} is at work and writes the table at its end`,
      );
    } else if (!args.json) {
      process.stdout.write(
        `\nin ${sweep.out}: table.md, table.json, runs/\ncompare: tensorboard --logdir ${join(sweep.out, 'hparams')}\n`,
      );
    }
    const failed = outcomes.find(({ status }) => status === 'failed');
    if (failed?.status === 'failed') process.exitCode = failed.code;
    else if (outcomes.some(({ status }) => status === 'diverged')) process.exitCode = 4;

    /** The sibling program, run as this one is. */
    function commandOf(program: string): string[] {
      const here = fileURLToPath(import.meta.url);
      const cli = fileURLToPath(new URL(`../cli${extname(here)}`, import.meta.url));
      return [process.execPath, ...process.execArgv, cli, program];
    }
  },
});
