import { lockHolder } from '../run/index.ts';
import { epochsDone } from './grid-progress.ts';
import { runState } from './run-state.ts';
import { JobBook, type Standing, standings } from './slurm/index.ts';
import type { Sweep } from './sweep.ts';

/** How a run stands, for people. */
export interface RunStatus {
  readonly name: string;
  /** finished, running, waiting, interrupted, failed, diverged, not begun */
  readonly state: string;
  /** Epochs done, of how many. */
  readonly epochs: string;
  /** Its job or process, and where it is or what it waits for. */
  readonly where: string;
  /** Of its time limit. */
  readonly left: string;
  /** Why it failed. */
  readonly reason: string;
}

/** What runs where, what failed and why, and the time left: by the run directories, their locks, and the queue. */
export async function sweepStatus(sweep: Sweep): Promise<RunStatus[]> {
  // A sweep that has never been on Slurm needs no Slurm.
  const submitted = (await new JobBook(sweep).jobs()).size > 0;
  const known: readonly (Standing | undefined)[] = submitted ? await standings(sweep) : [];
  return Promise.all(
    sweep.runs.map(async (run, i): Promise<RunStatus> => {
      const { job, outcome } = known[i] ?? {};
      const [holder, state] = [lockHolder(run.directory), await runState(run)];
      const done = state === 'finished' ? run.config.training.epochs : await epochsDone(run);
      const failed = outcome?.status === 'failed' ? outcome.reason : '';
      const idle = {
        absent: 'not begun',
        unfinished: 'interrupted',
        finished: 'finished',
        diverged: 'diverged',
      }[state];
      return {
        name: run.name,
        state: job ? job.state.toLowerCase() : holder ? 'running' : failed ? 'failed' : idle,
        epochs: `${Math.floor(done)}/${run.config.training.epochs}`,
        where: job ? `job ${job.id} ${job.where}` : holder ? `process ${holder.pid} on ${holder.host}` : '',
        left: job?.left ?? '',
        reason: job ? '' : failed,
      };
    }),
  );
}

/** As columns, with a line for the sums and one for every failure. */
export function statusTable(statuses: readonly RunStatus[]): string {
  const columns = ['name', 'state', 'epochs', 'where', 'left'] as const;
  const rows = [
    { name: 'run', state: 'state', epochs: 'epochs', where: 'where', left: 'time left' },
    ...statuses,
  ];
  const width = (column: (typeof columns)[number]) => Math.max(...rows.map((row) => row[column].length));
  const widths = columns.map(width);
  const lines = rows.map((row) =>
    columns
      .map((column, c) => row[column].padEnd(widths[c]!))
      .join('  ')
      .trimEnd(),
  );
  const states = [...new Set(statuses.map(({ state }) => state))];
  const sums = states.map((state) => `${statuses.filter((one) => one.state === state).length} ${state}`);
  const failures = statuses.flatMap(({ name, reason }) => (reason ? [`${name}: ${reason}`] : []));
  return [...lines, '', `${statuses.length} runs: ${sums.join(', ')}`, ...failures, ''].join('\n');
}
