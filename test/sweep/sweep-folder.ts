import { appendFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestFn } from 'ava';
import { loadConfig, stringifyConfig } from '../../src/config/index.ts';
import { type Job, type Launcher, loadSweep, type Sweep } from '../../src/sweep/index.ts';

const base = `name: tiny
data: { dir: data, splits: { test: [test] } }
training: { epochs: 2 }
`;

/** A folder with an experiment `tiny.yaml` and a sweep file, whose sweep goes to a folder beside them. */
export interface SweepFolder {
  readonly path: (...parts: string[]) => string;
  readonly load: (sweepFile: string) => Promise<Sweep>;
}

/** Makes such folders for the tests of a file. */
export function sweepFolders(test: TestFn): () => Promise<SweepFolder> {
  const made: string[] = [];
  test.after.always(() => Promise.all(made.map((folder) => rm(folder, { recursive: true }))));
  return async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gain-sweep-'));
    made.push(folder);
    const path = (...parts: string[]) => join(folder, ...parts);
    await writeFile(path('tiny.yaml'), base);
    return {
      path,
      async load(sweepFile) {
        await writeFile(path('sweep.yaml'), sweepFile);
        return loadSweep(path('sweep.yaml'), path('out'));
      },
    };
  };
}

/** What a pretended training does. */
export type Course =
  | { readonly accuracy: number }
  /** Ends with this exit code, having said this. */
  | { readonly code: number; readonly says: string }
  /** Stops dead with its directory half-written, as a kill leaves it. */
  | 'killed';

/** Pretends to train: writes what `npm run train` would into the run directory, and notes every call. */
export class PretendedTraining implements Launcher {
  /** RUN, or `RUN resumed`, or the line of a shell command. */
  readonly calls: string[] = [];
  /** Runs at this moment, and the most at once. */
  running = 0;
  most = 0;
  interrupted = 0;
  readonly #course: (setting: string, seed: number) => Course;

  constructor(course: (setting: string, seed: number) => Course) {
    this.#course = course;
  }

  async launch({ command, log, output }: Job): Promise<number | null> {
    if ('line' in command) {
      this.calls.push(command.line);
      await mkdir(join(output!, '..'), { recursive: true });
      await writeFile(output!, '{"share": 0.5}');
      return 0;
    }
    const { args } = command;
    const after = (option: string) => args[args.indexOf(option) + 1]!;
    const sets = args.flatMap((arg, i) => (args[i - 1] === '--set' ? [arg] : []));
    const run = after('--run');
    const [setting, seed] = /([^/]+)\/seed-(\d+)$/.exec(run)!.slice(1) as [string, string];
    this.calls.push(`${setting} ${seed}${args.includes('--resume') ? ' resumed' : ''}`);
    this.most = Math.max(this.most, ++this.running);
    await new Promise((resolve) => setTimeout(resolve, 2));
    this.running--;

    const course = this.#course(setting, Number(seed));
    const event = (fields: object) => appendFileSync(join(run, 'log.ndjson'), `${JSON.stringify(fields)}\n`);
    await mkdir(run, { recursive: true });
    await writeFile(join(run, 'config.yaml'), stringifyConfig(await loadConfig(after('--config'), sets)));
    event({ event: 'start' });
    event({ event: 'step', step: 1 });
    if (course === 'killed') throw new Error('killed');
    if ('code' in course) {
      await writeFile(log, `${course.says}\n`);
      event({ event: 'stop', error: course.says.split(':')[0] });
      return course.code;
    }
    const metrics = { test: { accuracy: course.accuracy, loss: 1, energyInMask: null } };
    await writeFile(join(run, 'summary.json'), JSON.stringify({ steps: 7, best: null, metrics }));
    event({ event: 'finish' });
    return 0;
  }

  interrupt(): void {
    this.interrupted++;
  }
}
