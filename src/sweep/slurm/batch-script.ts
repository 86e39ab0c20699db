import { quoted } from '../launcher.ts';
import type { SlurmOptions } from './options.ts';

export interface BatchScript {
  /** Of the job, as `squeue` shows it. */
  readonly name: string;
  /** The working folder. */
  readonly folder: string;
  /** File that takes what the job itself says, `%a` in it for the task of an array. */
  readonly output: string;
  /** The words that perform a run, the run directory left out. */
  readonly command: readonly string[];
  /** The run directory; of an array, the file that lists them, a line for each task. */
  readonly runs: { readonly directory: string } | { readonly list: string; readonly count: number };
  /** Jobs that must have ended before this one begins. */
  readonly after?: readonly string[];
}

/**
 * The batch script of a job.
 *
 * Node takes the place of the shell (`exec`), so that the job's signals and exit code are the run's. `--signal=B:…`
 * reaches the shell's process alone, which is node by then.
 */
export function batchScript(
  { name, folder, output, command, runs, after = [] }: BatchScript,
  options: SlurmOptions,
): string {
  const { partition, account, qos, time, cpusPerTask, memory, gres, constraint, grace, array, extra, setup } =
    options;
  const asked: Record<string, string | number | undefined> = {
    'job-name': name,
    chdir: folder,
    output,
    'open-mode': 'append',
    partition,
    account,
    qos,
    time,
    'cpus-per-task': cpusPerTask,
    mem: memory,
    gres,
    constraint,
    signal: `B:TERM@${grace}`,
    dependency: after.length > 0 ? `afterany:${after.join(':')}` : undefined,
    array: 'list' in runs ? `0-${runs.count - 1}${typeof array === 'number' ? `%${array}` : ''}` : undefined,
  };
  const lines = Object.entries(asked).flatMap(([option, value]) =>
    value === undefined ? [] : [`#SBATCH --${option}=${quoted(String(value))}`],
  );
  const directory =
    'list' in runs
      ? `"$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" ${quoted(runs.list)})"`
      : quoted(runs.directory);
  return [
    '#!/bin/bash',
    ...lines,
    '#SBATCH --requeue',
    ...extra.map((line) => `#SBATCH ${line}`),
    '',
    ...setup,
    `exec ${command.map(quoted).join(' ')} --only ${directory}`,
    '',
  ].join('\n');
}
