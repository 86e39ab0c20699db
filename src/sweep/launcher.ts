/** A program of this package with its options, or a line for the shell. */
export type Command =
  | { readonly program: 'train' | 'evaluate'; readonly args: readonly string[] }
  | { readonly line: string };

/** One process of a sweep. What it does, it does in its run directory; nothing else is handed to it or back. */
export interface Job {
  readonly command: Command;
  /** File to which what it says is added. */
  readonly log: string;
  /** File that takes its standard output. @default the log */
  readonly output?: string;
}

/**
 * Where the processes of a sweep run: this machine ({@link LocalLauncher}), or the queue of a cluster, whose
 * launcher would submit the line of {@link commandLine} and wait until the job has left the queue.
 */
export interface Launcher {
  /** @returns the exit code when the process has ended; null when it was killed */
  launch(job: Job): Promise<number | null>;
  /** Asks all that is running to end: with a checkpoint the first time, at once the second. */
  interrupt(): void;
}

/**
 * A command as a line for a shell in the working folder.
 *
 * @param start what starts a program, e.g. `npx tfjs-gain`
 */
export function commandLine(command: Command, start: (program: string) => string): string {
  if ('line' in command) return command.line;
  return [start(command.program), ...command.args.map(quoted)].join(' ');
}

/** A word that a POSIX shell takes as it is. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
