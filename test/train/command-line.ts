import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestFn } from 'ava';
import { generateBiasedBoats } from '../../src/data/index.ts';
import { programCommand } from '../program-command.ts';
import { callProgramIn } from '../programs/call-program.ts';

/** How a program ended, and what it said. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CallOptions {
  /** Given the means to end the program. */
  readonly onStart?: (kill: (signal: NodeJS.Signals) => void) => void;
  /** Told what has come on stderr so far, each time that something comes. */
  readonly onStderr?: (stderr: string, kill: (signal: NodeJS.Signals) => void) => void;
  /** Milliseconds after which the program is killed (SIGKILL). */
  readonly killAfter?: number;
  /** Largest file that the program may write, in KiB: what a full disk looks like. */
  readonly largestFile?: number;
}

/** A tiny experiment on the built-in data, two epochs of nine steps. */
const experiment = `name: tiny
data:
  dir: data
  options: { train: 64, trainFullsup: 8, val: 16, test: 16, unbiased: 8 }
  splits: { train: [train, train-fullsup], validation: val, test: [test, boat-without-water] }
  batchSize: 8
  augment: { crop: {} }
model:
  options: { widths: [4, 8], dropout: 0.25 }
  freeze: [conv1_1]
gain:
  classesToMine: random
training: { epochs: 2, checkpointEvery: 2 }
evaluation: { focusClass: boat, batchSize: 16 }
log: { scalarsEvery: 1, images: 2 }
engine: { name: ${process.env.GAIN_TEST_ENGINE || 'onnx'} }
`;

type ProgramName = 'train' | 'sweep' | 'audit' | 'segment' | 'refit' | 'report';

/** A working folder with the tiny experiment and its data, in which programs are called. */
export class Workplace {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<Workplace> {
    const place = new Workplace(await mkdtemp(join(tmpdir(), 'gain-train-')));
    await writeFile(place.path('tiny.yaml'), experiment);
    const options = { train: 64, trainFullsup: 8, val: 16, test: 16, unbiased: 8 };
    await generateBiasedBoats(place.path('data'), options);
    return place;
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  read(...parts: string[]): Promise<string> {
    return readFile(this.path(...parts), 'utf8');
  }

  /** A copy of the data, to be damaged. */
  async copyData(name: string): Promise<string> {
    await cp(this.path('data'), this.path(name), { recursive: true });
    return this.path(name);
  }

  /**
   * Calls a program in the folder and in this process, which is ready: for what is not about processes, whose start is
   * most of what a short call takes. One at a time.
   */
  async callHere(program: ProgramName, args: readonly string[]): Promise<Ended> {
    return { ...(await callProgramIn(this.folder, program, ...args)), signal: null };
  }

  /** Calls `train` in the folder. */
  train(args: readonly string[], options: CallOptions = {}): Promise<Ended> {
    return this.call('train', args, options);
  }

  /** Calls a program in the folder, in a process of its own, as a user does. */
  call(
    program: ProgramName,
    args: readonly string[],
    { onStart, onStderr, killAfter, largestFile }: CallOptions = {},
  ): Promise<Ended> {
    const command = [...programCommand, program, ...args];
    const limited = ['bash', '-c', `ulimit -f ${largestFile}; exec "$@"`, 'bash', ...command];
    const [file, ...rest] = largestFile === undefined ? command : limited;
    return new Promise((resolve, reject) => {
      const child = spawn(file!, rest, { cwd: this.folder, stdio: ['ignore', 'pipe', 'pipe'] });
      const said = { stdout: '', stderr: '' };
      onStart?.((signal) => child.kill(signal));
      const timer = killAfter === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfter);
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said.stdout += text;
      });
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said.stderr += text;
        onStderr?.(said.stderr, (signal) => child.kill(signal));
      });
      child.on('error', reject);
      child.on('close', (code, signal) => {
        clearTimeout(timer);
        resolve({ code, signal, ...said });
      });
    });
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true });
  }
}

/** Makes a workplace for the tests of a file. */
export function workplaceFor(test: TestFn): () => Workplace {
  let place: Workplace | undefined;
  test.before(async (t) => {
    t.timeout(60_000);
    place = await Workplace.create();
  });
  test.after.always(() => place?.remove());
  return () => place!;
}
