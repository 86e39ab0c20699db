import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { commandLine, type Job, type Launcher } from './launcher.ts';

export interface LocalLauncherOptions {
  /** The words that start a program: the executable and its first arguments. */
  readonly start: (program: string) => readonly string[];
  /** @default that of this process */
  readonly folder?: string;
}

/** Runs the processes of a sweep on this machine. */
export class LocalLauncher implements Launcher {
  readonly #options: LocalLauncherOptions;
  /** And whether it is a shell, which does not pass signals on. */
  readonly #running = new Map<ChildProcess, boolean>();

  constructor(options: LocalLauncherOptions) {
    this.#options = options;
  }

  async launch({ command, log, output }: Job): Promise<number | null> {
    const { start, folder = process.cwd() } = this.#options;
    await mkdir(dirname(log), { recursive: true });
    if (output !== undefined) await mkdir(dirname(output), { recursive: true });
    // Files and not pipes: a process whose launcher is killed goes on, and what it says is not lost.
    const said = await open(log, 'a');
    const result = output === undefined ? undefined : await open(output, 'w');
    try {
      await said.write(`$ ${commandLine(command, (program) => program)}\n`);
      const options = {
        cwd: folder,
        stdio: ['ignore', result?.fd ?? said.fd, said.fd] as ['ignore', number, number],
        // A process group of its own: Ctrl-C reaches the launcher alone, which passes it on once.
        detached: true,
      };
      const [file, ...first] = 'line' in command ? [command.line] : start(command.program);
      const child =
        'line' in command
          ? spawn(file!, { ...options, shell: true })
          : spawn(file!, [...first, ...command.args], options);
      this.#running.set(child, 'line' in command);
      try {
        return await new Promise((resolve, reject) => {
          child.on('error', reject).on('exit', resolve);
        });
      } finally {
        this.#running.delete(child);
      }
    } finally {
      await said.close();
      await result?.close();
    }
  }

  interrupt(): void {
    for (const [child, inShell] of this.#running) {
      if (!inShell) child.kill('SIGINT');
      else if (child.pid !== undefined) killGroup(child.pid);
    }
  }
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGINT');
  } catch {
    // It has just ended.
  }
}
