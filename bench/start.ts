// How long `npm run train` takes to its first step: the main job from the call to the first step in its log, in a new
// process each time, with data that is drawn already. The ways to start it take turns.
//
//     node --import=./.ci/typescript.mjs bench/start.ts [--rounds 5] [--way tsx source compiled] [--config FILE] [--set K=V]
//
// `source` is `npm run train`, `tsx` the same through tsx, `compiled` the programs of the package (after `npm run build`).
// Prints the medians of wall time and of processor time (all threads, and the processes that started it).

import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { UsageError } from '../src/errors/index.ts';
import { runProgram } from '../src/programs/program.ts';
import { median } from './statistics.ts';

const { execPath } = process;
const ways: Readonly<Record<string, readonly string[]>> = {
  tsx: [execPath, 'node_modules/tsx/dist/cli.mjs', 'src/train.ts'],
  source: [execPath, '--import=./.ci/typescript.mjs', 'src/train.ts'],
  compiled: [execPath, 'dist/cli.js', 'train'],
};

interface Start {
  readonly wall: number;
  readonly processor: number;
}

await runProgram(async () => {
  const { rounds, way, config, set } = await yargs(hideBin(process.argv))
    .usage('$0 [options]\n\nTime from the call of a training to its first step.')
    .options({
      rounds: { type: 'number', default: 5, describe: 'Starts of each way' },
      way: {
        type: 'string',
        array: true,
        choices: Object.keys(ways),
        default: ['tsx', 'source', 'compiled'],
        describe: 'How it is started',
      },
      config: { type: 'string', default: 'configs/gain.yaml', describe: 'What is trained' },
      set: { type: 'string', array: true, default: [] as string[], describe: 'Overrides of the config' },
    })
    .strict()
    .parse();
  if (way.includes('compiled') && !existsSync('dist/cli.js')) {
    throw new UsageError('--way compiled: there is no dist/cli.js; npm run build makes it');
  }
  const folder = await mkdtemp(join(tmpdir(), 'bench-start-'));
  try {
    const starts = new Map<string, Start[]>(way.map((name) => [name, []]));
    for (let round = -1; round < rounds; round++) {
      for (const name of way) {
        const start = await firstStep(ways[name]!, config, set, folder);
        // The first round draws the data and fills the caches.
        if (round >= 0) starts.get(name)!.push(start);
      }
    }
    const first = starts.get(way[0]!)!;
    process.stdout.write(`${rounds} starts each, medians, and their ratio to ${way[0]}\n`);
    for (const [name, times] of starts) {
      const cell = (what: keyof Start) => {
        const value = median(times.map((time) => time[what]));
        return `${what} ${value.toFixed(2)} s (${(value / median(first.map((time) => time[what]))).toFixed(2)})`;
      };
      process.stdout.write(`${name.padEnd(10)} ${cell('wall')}, ${cell('processor')}\n`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

/** Starts a training, waits for its first step, and ends it. */
async function firstStep(
  command: readonly string[],
  config: string,
  set: readonly string[],
  folder: string,
): Promise<Start> {
  const run = join(folder, 'run');
  await rm(run, { recursive: true, force: true });
  const settings = [`data.dir=${join(folder, 'data')}`, 'log.scalarsEvery=1', ...set];
  const args = ['--config', config, '--run', run, ...settings.flatMap((setting) => ['--set', setting])];
  const began = performance.now();
  const child = spawn(command[0]!, [...command.slice(1), ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
  });
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  for (;;) {
    if (stepsIn(run)) break;
    if (child.exitCode !== null) throw new Error(`ended before its first step: ${said}`);
    await sleep(5);
  }
  const wall = (performance.now() - began) / 1000;
  const processes = familyOf(child.pid!);
  const processor = processes.reduce((sum, pid) => sum + processorSeconds(pid), 0);
  for (const pid of processes) process.kill(pid, 'SIGKILL');
  await ended;
  return { wall, processor };
}

function stepsIn(run: string): boolean {
  // The log lies in the run directory, or in that of its first stage.
  for (const file of [run, ...foldersIn(run), ...foldersIn(join(run, 'stages'))]) {
    const log = join(file, 'log.ndjson');
    if (existsSync(log) && readFileSync(log, 'utf8').includes('"event":"step"')) return true;
  }
  return false;
}

function foldersIn(path: string): string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(path, entry.name));
}

/** A process and those that it started, as Linux lists them. */
function familyOf(pid: number): number[] {
  const children = `/proc/${pid}/task/${pid}/children`;
  if (!existsSync(children)) return [pid];
  return [
    pid,
    ...readFileSync(children, 'utf8')
      .split(' ')
      .filter(Boolean)
      .flatMap((child) => familyOf(Number(child))),
  ];
}

/** User and system time of a process, in seconds; NaN where there is no /proc. */
function processorSeconds(pid: number): number {
  const file = `/proc/${pid}/stat`;
  if (!existsSync(file)) return Number.NaN;
  const fields = readFileSync(file, 'utf8').split(') ').at(-1)!.split(' ');
  // Clock ticks of a hundredth of a second, as every Linux has them.
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
