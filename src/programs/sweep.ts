import { availableParallelism, hostname } from 'node:os';
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
    launcher: {
      choices: ['local', 'slurm'] as const,
      default: 'local' as const,
      describe: 'Where the runs go: processes of this machine, or jobs of the cluster',
    },
    slurm: {
      type: 'string',
      array: true,
      requiresArg: true,
      default: [] as string[],
      describe: 'What the jobs ask for, over the sweep file: partition=gpu, time=4:00:00, memory=8G …',
    },
    submit: {
      type: 'boolean',
      default: false,
      describe: 'With --launcher slurm: submit the jobs, and do not wait for them',
    },
    poll: {
      type: 'number',
      requiresArg: true,
      default: 30,
      describe: 'With --launcher slurm: seconds between two looks at the queue',
    },
    status: {
      type: 'boolean',
      default: false,
      describe: 'Show what runs where, what failed, and the time left',
    },
    cancel: {
      type: 'boolean',
      default: false,
      describe: 'Cancel the jobs of the sweep, or end its launcher',
    },
    evaluate: {
      type: 'boolean',
      default: false,
      describe: 'Evaluate the finished runs, train nothing; the table takes the numbers',
    },
    'break-lock': {
      type: 'boolean',
      default: false,
      describe: 'Take the sweep away from a launcher of another machine that is no more',
    },
    only: {
      type: 'string',
      requiresArg: true,
      hidden: true,
      describe: 'Perform the run of a directory, in a job',
    },
    epochs: { type: 'number', requiresArg: true, hidden: true, describe: 'With --only: its length' },
    table: { type: 'boolean', default: false, describe: 'Make the table of what is done, and run nothing' },
    json: { type: 'boolean', default: false, describe: 'Print the table as JSON instead of Markdown' },
  },
  check: ({ jobs, threads, poll, epochs }) => {
    for (const [option, value] of Object.entries({ jobs, threads, poll, epochs })) {
      if (value === undefined || (Number.isInteger(value) && value >= 1)) continue;
      throw new UsageError(`--${option}: expected a whole number of at least 1, found ${value}`);
    }
  },
  examples: [
    ['--config configs/sweeps/gain.yaml --jobs 2', 'two runs at a time; again: goes on'],
    ['--config gain.yaml --table', 'how it stands'],
    ['--config gain.yaml --launcher slurm --slurm time=2:00:00', 'the same on a cluster'],
    ['--config gain.yaml --status', 'what runs where'],
  ],
  exitCodes:
    '2 usage, config or another launcher, 130 interrupted, else that of the first run that failed (4 diverged)',
  async run(args) {
    // Loaded late, so that --help is answered at once.
    const sweeping = await import('../sweep/index.ts');
    const { drawBuiltInData } = await import('../experiment/index.ts');
    const { DirectoryLock, holdsRun, lockHolder } = await import('../run/index.ts');
    const { writeLine } = await import('../progress/index.ts');

    const named = await sweeping.loadSweep(args.config, args.out);
    if (holdsRun(named.out)) {
      throw new RunError(`${named.out}: holds a run; --out DIR puts the sweep elsewhere`);
    }
    const sweep = args.evaluate ? sweeping.evaluationOf(named) : named;

    // ---- one run, in a job of a cluster: the sweep's lock is the launcher's
    if (args.only !== undefined) {
      const run = sweep.runs.find(({ directory }) => directory === args.only);
      const job = sweeping.thisJob();
      if (!run) throw new UsageError(`--only: ${args.only} is not a run directory of ${sweep.file}`);
      if (!job) throw new UsageError('--only: is for a Slurm job, and this process is in none');
      const launcher = new sweeping.LocalLauncher({ start: commandOf });
      const signal = interruption('interrupted before the run began', { atOnce: () => launcher.interrupt() });
      const length = args.epochs ?? run.config.training.epochs;
      const only = sweeping.atLength({ ...sweep, runs: [run] }, length);
      const outcome = await sweeping.performInJob(
        args.epochs === undefined ? sweep : only,
        args.epochs === undefined ? run : only.runs[0]!,
        job,
        {
          launcher,
          signal,
          log: writeLine,
        },
      );
      exitWith([outcome], signal.aborted);
      return;
    }

    if (args.status) {
      const statuses = await sweeping.sweepStatus(sweep);
      process.stdout.write(
        args.json ? `${JSON.stringify(statuses, null, 2)}\n` : sweeping.statusTable(statuses),
      );
      return;
    }
    if (args.cancel) {
      const holder = lockHolder(sweep.out);
      const count = await sweeping.cancelSweep(sweep);
      writeLine(`slurm    ${count} jobs cancelled; --status shows how the runs stand, a new start goes on`);
      if (holder?.host === hostname()) process.kill(holder.pid, 'SIGINT');
      else if (holder)
        writeLine(`the launcher, process ${holder.pid} on ${holder.host}, is to be ended there`);
      return;
    }

    const atWork = args.table ? lockHolder(sweep.out) : undefined;
    if (!args.dryRun && !atWork) {
      // Released when the process ends.
      await DirectoryLock.acquire(sweep.out, args.breakLock ? { onBreak: writeLine } : {});
    }
    const { jobs, threads = Math.max(1, Math.floor(availableParallelism() / jobs)) } = args;
    const states = await Promise.all(sweep.runs.map(sweeping.runState));
    const count = (state: (typeof states)[number]) => states.filter((other) => other === state).length;

    if (args.dryRun) {
      const inCheckout = extname(fileURLToPath(import.meta.url)) === '.ts';
      const start = (program: string) =>
        inCheckout ? `npm run --silent ${program} --` : `npx tfjs-gain ${program}`;
      for (const [i, run] of sweep.runs.entries()) {
        const commands = await sweeping.commandsLeft(sweep, run, states[i]!, args.threads);
        if (commands.length === 0) continue;
        process.stdout.write(
          `${commands.map((command) => sweeping.commandLine(command, start)).join(' && ')}\n`,
        );
      }
      return;
    }

    let outcomes = await sweeping.standingOutcomes(sweep, states);
    let interrupted = false;
    if (!args.table) {
      const launcher = new sweeping.LocalLauncher({ start: commandOf });
      const onCluster = args.launcher === 'slurm';
      const signal = interruption('interrupted before the first run began', {
        notice: onCluster
          ? 'no longer waiting: the jobs go on; --status shows them, --cancel ends them'
          : 'interrupted: waiting for the runs to write a checkpoint (once more to quit at once)',
        atOnce: () => launcher.interrupt(),
      });
      const where = onCluster
        ? 'each a Slurm job'
        : `${jobs} at a time, ${threads} ${threads === 1 ? 'thread' : 'threads'} each`;
      writeLine(
        `sweep    ${sweep.name}: ${sweep.runs.length} runs, ${count('finished')} of them finished, ` +
          `${count('unfinished')} to go on with; ${where}`,
      );
      const perform = onCluster ? onSlurm(signal) : locally(launcher, signal);
      outcomes = sweep.halving
        ? await sweeping.performHalving(sweep, sweep.halving, perform, writeLine)
        : await perform(sweep);
      interrupted = signal.aborted;
      if (interrupted) {
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
    exitWith(outcomes, false);

    function locally(launcher: InstanceType<typeof sweeping.LocalLauncher>, signal: AbortSignal) {
      return async (part: typeof sweep) => {
        const stand = await Promise.all(part.runs.map(sweeping.runState));
        // Two runs that draw the same built-in data set at once would pull it from under each other.
        for (const [i, { config }] of part.runs.entries()) {
          if (stand[i] !== 'finished') await drawBuiltInData(config, signal);
        }
        const display = await sweeping.GridProgress.start(
          part,
          part.runs.filter((_, i) => stand[i] === 'finished' || stand[i] === 'diverged'),
        );
        try {
          return await sweeping.performSweep(part, {
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
      };
    }

    function onSlurm(signal: AbortSignal) {
      const slurm = sweeping.slurmOptions(sweep.slurm, args.slurm);
      return (part: typeof sweep) => {
        const [{ config } = { config: undefined }] = part.runs;
        const length = sweep.halving && config ? ['--epochs', String(config.training.epochs)] : [];
        const evaluating = args.evaluate ? ['--evaluate'] : [];
        return sweeping.slurmSweep(part, {
          slurm,
          command: [
            ...commandOf('sweep'),
            '--config',
            sweep.file,
            '--out',
            sweep.out,
            ...evaluating,
            ...length,
          ],
          submitOnly: args.submit,
          pollEvery: args.poll * 1000,
          signal,
          log: writeLine,
          onEnd: (run, outcome) =>
            writeLine(`${run.name}: ${'reason' in outcome ? outcome.reason : outcome.status}`),
        });
      };
    }

    /** That of the first run that failed, or of one that diverged. */
    function exitWith(ended: readonly import('../sweep/index.ts').Outcome[], stopped: boolean): void {
      const failed = ended.find(({ status }) => status === 'failed');
      if (failed?.status === 'failed') process.exitCode = failed.code;
      else if (ended.some(({ status }) => status === 'diverged')) process.exitCode = 4;
      else if (stopped) process.exitCode = 130;
    }

    /** The sibling program, run as this one is. */
    function commandOf(program: string): string[] {
      const here = fileURLToPath(import.meta.url);
      const cli = fileURLToPath(new URL(`../cli${extname(here)}`, import.meta.url));
      return [process.execPath, ...process.execArgv, cli, program];
    }
  },
});
