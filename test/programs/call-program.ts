import { main } from '../../src/programs/cli.ts';

/** How a program ended, and what it said. */
export interface Called {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Calls a program in this process, as `tfjs-gain NAME …` does. One at a time. */
export async function callProgram(...argv: readonly string[]): Promise<Called> {
  const said = { stdout: '', stderr: '' };
  const before = {
    stdout: process.stdout.write,
    stderr: process.stderr.write,
    code: process.exitCode,
  };
  for (const name of ['stdout', 'stderr'] as const) {
    process[name].write = ((text: string) => {
      said[name] += text;
      return true;
    }) as typeof process.stdout.write;
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const listeners = signals.map((signal) => process.listeners(signal));
  const streams = [process.stdout, process.stderr];
  const hearers = streams.map((stream) => stream.listeners('error'));
  process.exitCode = 0;
  try {
    await main(argv);
    return { code: Number(process.exitCode), ...said };
  } finally {
    process.stdout.write = before.stdout;
    process.stderr.write = before.stderr;
    process.exitCode = before.code;
    for (const [i, stream] of streams.entries()) {
      for (const one of stream.listeners('error')) {
        if (!hearers[i]!.includes(one)) stream.removeListener('error', one as () => void);
      }
    }
    for (const [i, signal] of signals.entries()) {
      for (const one of process.listeners(signal)) {
        if (!listeners[i]!.includes(one)) process.removeListener(signal, one as () => void);
      }
    }
  }
}

/** The same with another working folder. */
export async function callProgramIn(folder: string, ...argv: readonly string[]): Promise<Called> {
  const before = process.cwd();
  process.chdir(folder);
  try {
    return await callProgram(...argv);
  } finally {
    process.chdir(before);
  }
}
