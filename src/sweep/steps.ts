import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DataError } from '../errors/index.ts';
import { readJson, writeJson } from '../files/index.ts';
import { type Command, commandLine, quoted } from './launcher.ts';
import type { RunState } from './run-state.ts';
import type { Sweep, SweepRun } from './sweep.ts';

/** What a finished run goes through: its evaluation, the sweep's own commands. */
export interface Step {
  readonly name: string;
  readonly command: Command;
  /** File that takes what the command prints. */
  readonly output?: string;
}

/** The training of a run as a command. */
export function trainCommand(
  sweep: Sweep,
  { directory, set }: SweepRun,
  { threads, resume }: { threads: number | undefined; resume: boolean },
): Command {
  // Without a number the engine takes what the machine has on which the line is run.
  const given = threads === undefined || set.some(([key]) => key === 'engine.threads');
  const values = given ? set : [['engine.threads', threads] as const, ...set];
  return {
    program: 'train',
    args: [
      '--config',
      sweep.base,
      '--run',
      directory,
      ...(resume ? ['--resume'] : []),
      // JSON is YAML.
      ...values.flatMap(([key, value]) => ['--set', `${key}=${JSON.stringify(value)}`]),
    ],
  };
}

/** What follows the training of a run, in order. */
export function stepsOf(sweep: Sweep, run: SweepRun): Step[] {
  const { directory, seed } = run;
  const filled = (line: string) =>
    line.replaceAll('{run}', quoted(directory)).replaceAll('{seed}', String(seed));
  return [
    ...(sweep.evaluate ? [{ name: 'evaluate', command: evaluateCommand(directory, sweep.evaluate) }] : []),
    ...sweep.commands.map(({ name, run: line }) => ({
      name,
      command: { line: filled(line) },
      output: outputOf(directory, name),
    })),
  ];
}

/** The file that holds what a command printed for a run. */
export function outputOf(directory: string, name: string): string {
  return join(directory, 'commands', `${name}.json`);
}

/** The commands that a run still needs, in order. */
export async function commandsLeft(
  sweep: Sweep,
  run: SweepRun,
  state: RunState,
  threads: number | undefined,
): Promise<Command[]> {
  if (state === 'diverged') return [];
  const steps = stepsOf(sweep, run);
  const shown = ({ command, output }: Step): Command =>
    output === undefined || !('line' in command)
      ? command
      : { line: `mkdir -p ${quoted(dirname(output))} && ${command.line} > ${quoted(output)}` };
  if (state !== 'finished') {
    return [trainCommand(sweep, run, { threads, resume: state === 'unfinished' }), ...steps.map(shown)];
  }
  const done = await DoneSteps.of(run.directory);
  return steps.filter((step) => !done.has(step)).map(shown);
}

function evaluateCommand(directory: string, options: NonNullable<Sweep['evaluate']>): Command {
  const args = Object.entries(options).flatMap(([name, value]) => [
    `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    [value].flat().join(','),
  ]);
  return { program: 'evaluate', args: ['--run', directory, ...args] };
}

/**
 * Which steps of a run are done, by a file in its directory. A step is done again when its command has changed, or
 * the training has ended anew.
 */
export class DoneSteps {
  readonly #path: string;
  readonly #summary: string;
  readonly #done: Record<string, string>;

  private constructor(path: string, summary: string, done: Record<string, string>) {
    this.#path = path;
    this.#summary = summary;
    this.#done = done;
  }

  static async of(directory: string): Promise<DoneSteps> {
    const path = join(directory, 'steps.json');
    const summaryPath = join(directory, 'summary.json');
    const summary = await readFile(summaryPath).catch((cause: Error) => {
      throw new DataError(`${summaryPath}: cannot be read: ${cause.message}`, { cause });
    });
    const done = (await readJson(path, DataError, '; without it the steps are done again')) ?? {};
    if (typeof done !== 'object' || done === null || Array.isArray(done)) {
      throw new DataError(`${path}: expected the names of steps; without it they are done again`);
    }
    const hash = createHash('sha256').update(summary).digest('hex').slice(0, 16);
    return new DoneSteps(path, hash, { ...done } as Record<string, string>);
  }

  has(step: Step): boolean {
    return this.#done[step.name] === this.#mark(step);
  }

  async add(step: Step): Promise<void> {
    this.#done[step.name] = this.#mark(step);
    await writeJson(this.#path, this.#done);
  }

  #mark({ command }: Step): string {
    return `${this.#summary} ${commandLine(command, (program) => program)}`;
  }
}
