import { rm } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { publishFile } from '../files/index.ts';
import { lockHolder } from '../run/index.ts';
import type { Launcher } from './launcher.ts';
import { runState, tail } from './run-state.ts';
import { DoneSteps, stepsOf, trainCommand } from './steps.ts';
import type { Sweep, SweepRun } from './sweep.ts';

/** How a run of the sweep stands. */
export type Outcome =
  | { readonly status: 'finished' | 'diverged' | 'missing' }
  /** Left behind by successive halving. */
  | { readonly status: 'dropped'; readonly reason: string }
  | {
      readonly status: 'failed';
      /** Of the process that failed. */
      readonly code: number;
      readonly reason: string;
      /** Whether the training is done, and what follows it failed. */
      readonly trained: boolean;
    };

export interface PerformOptions {
  readonly launcher: Launcher;
  /** Runs at a time. */
  readonly jobs: number;
  /** Threads of the engine, per run. */
  readonly threads: number;
  /** Ends the sweep: nothing more is started, and what is running is interrupted. */
  readonly signal?: AbortSignal | undefined;
  readonly onStart?: (run: SweepRun) => void;
  readonly onEnd?: (run: SweepRun, outcome: Outcome) => void;
  /** Milliseconds between two looks at a run that another process is at. @default 1000 */
  readonly pollEvery?: number;
}

/**
 * Performs all runs of a sweep that their directories do not show as done, a number of them at a time.
 *
 * A run that fails or diverges does not keep the others from theirs. A run at which another process is, left over
 * by a launcher that was killed, is waited for.
 *
 * @returns how each run stands, in the order of `sweep.runs`; after an interruption some are `missing`
 */
export async function performSweep(sweep: Sweep, options: PerformOptions): Promise<Outcome[]> {
  const { launcher, jobs, signal, onStart, onEnd } = options;
  const outcomes = sweep.runs.map((): Outcome => ({ status: 'missing' }));
  const interrupt = () => launcher.interrupt();
  signal?.addEventListener('abort', interrupt, { once: true });
  let next = 0;
  const worker = async () => {
    while (next < sweep.runs.length && !signal?.aborted) {
      const at = next++;
      const run = sweep.runs[at]!;
      outcomes[at] = await perform(sweep, run, options, () => onStart?.(run));
      if (!signal?.aborted || outcomes[at].status === 'finished') onEnd?.(run, outcomes[at]);
    }
  };
  try {
    await Promise.all(Array.from({ length: jobs }, worker));
  } finally {
    signal?.removeEventListener('abort', interrupt);
  }
  return outcomes;
}

async function perform(
  sweep: Sweep,
  run: SweepRun,
  { launcher, threads, signal, pollEvery = 1000 }: PerformOptions,
  onStart: () => void,
): Promise<Outcome> {
  const { directory } = run;
  const log = logOf(run);
  let begun = false;
  const begin = () => {
    if (!begun) onStart();
    begun = true;
  };
  for (let code: number | null | undefined; ; ) {
    while (lockHolder(directory)) {
      if (signal?.aborted) return { status: 'missing' };
      begin();
      await wait(pollEvery);
      // Whatever our own attempt said, it said because of the other process.
      code = undefined;
    }
    const state = await runState(run);
    if (state === 'finished') break;
    if (state === 'diverged') return { status: 'diverged' };
    if (sweep.trains === false) return { status: 'missing' };
    if (code !== undefined) return code === 4 ? { status: 'diverged' } : failure(log, undefined, code);
    if (signal?.aborted) return { status: 'missing' };
    begin();
    if (state === 'absent') await rm(log, { force: true });
    const command = trainCommand(sweep, run, { threads, resume: state === 'unfinished' });
    code = await launcher.launch({ command, log });
    if (signal?.aborted && code !== 0) return { status: 'missing' };
  }

  const done = await DoneSteps.of(directory);
  for (const step of stepsOf(sweep, run)) {
    if (done.has(step)) continue;
    if (signal?.aborted) return { status: 'missing' };
    begin();
    const fresh = step.output && `${step.output}.tmp`;
    const code = await launcher.launch({ command: step.command, log, ...(fresh && { output: fresh }) });
    if (signal?.aborted && code !== 0) return { status: 'missing' };
    if (code !== 0) {
      if (fresh) await rm(fresh, { force: true });
      return failure(log, step.name, code);
    }
    if (fresh) await publishFile(fresh, step.output!);
    await done.add(step);
  }
  return { status: 'finished' };
}

/** What the processes of a run say, beside its directory. */
export function logOf({ directory }: SweepRun): string {
  return `${directory}.log`;
}

async function failure(log: string, step: string | undefined, code: number | null): Promise<Outcome> {
  const lines = (await tail(log, 1 << 14)).trimEnd().split('\n');
  const said = lines.findLast((line) => /^\w*(Error|error): /.test(line)) ?? lines.at(-1)!;
  const ended = code === null ? 'was killed' : `ended with exit code ${code}`;
  return {
    status: 'failed',
    code: code || 1,
    reason: `${step ?? 'training'} ${ended}: ${said}`,
    trained: step !== undefined,
  };
}
