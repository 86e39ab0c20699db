import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { nearest, UsageError } from '../src/errors/index.ts';
import { runProgram } from '../src/program.ts';
import { type Measurement, measure } from './measure.ts';
import { table } from './table.ts';
import { type PeerName, peerNames, type Workload } from './workload.ts';
import { workloads } from './workloads/index.ts';

const names = workloads.map(({ name }) => name);
const longest = Math.max(...names.map(({ length }) => length));

await runProgram(async () => {
  const args = await yargs(hideBin(process.argv))
    .scriptName('npm run bench --')
    .usage(
      '$0\n\nMeasures the embedded engine beside PyTorch eager and the other backends of TensorFlow.js: same ' +
        'network, batch, weights and threads, float32, one process per side, taking turns.',
    )
    .options({
      only: {
        type: 'string',
        array: true,
        requiresArg: true,
        describe: 'Measure this workload; repeatable [default: all]',
      },
      json: { type: 'string', requiresArg: true, describe: 'Write the measurements to this file' },
      threads: {
        type: 'number',
        requiresArg: true,
        default: availableParallelism(),
        defaultDescription: 'all cores',
        describe: 'Threads of each side',
      },
      repetitions: {
        type: 'number',
        requiresArg: true,
        default: 10,
        describe: 'Measured repetitions of each side, of which the median counts',
      },
      peers: {
        type: 'string',
        requiresArg: true,
        default: peerNames.join(),
        describe: 'Whom to compare with, separated by commas; "none" for nobody',
      },
    })
    .epilogue(
      `Workloads:\n${workloads.map(({ name, about }) => `  ${name.padEnd(longest)}  ${about}`).join('\n')}\n\n` +
        'PyTorch is looked for in the Python that the environment variable BENCH_PYTHON names. A peer that is ' +
        'not there is left out, with a line that says so.',
    )
    .example('$0 --only gain-step --json gain-step.json', 'one workload')
    .example('$0 --peers pytorch --threads 1', 'PyTorch alone, on one thread')
    .strict()
    .wrap(Math.min(110, process.stdout.columns ?? 80))
    .fail((message, error) => {
      throw error ?? new UsageError(`${message} (--help shows the options)`);
    })
    .parseAsync();

  const chosen = chooseWorkloads(args.only);
  const peers = choosePeers(args.peers);
  const threads = positive('threads', args.threads);
  const repetitions = positive('repetitions', args.repetitions);
  if (args.json !== undefined) await requireWritable(args.json);

  const log = (line: string) => process.stderr.write(`${line}\n`);
  const rows: Measurement[] = [];
  for (const workload of chosen) {
    rows.push(...(await measure(workload, { peers, threads, repetitions, log })));
    // After each workload, so that an interruption loses one and not all.
    if (args.json !== undefined) await writeFile(args.json, `${JSON.stringify(rows, null, 2)}\n`);
  }
  process.stdout.write(table(rows));
});

function chooseWorkloads(only: readonly string[] | undefined): readonly Workload[] {
  if (only === undefined) return workloads.filter(({ onlyByName }) => !onlyByName);
  return only.map((name) => {
    const found = workloads.find((workload) => workload.name === name);
    if (found) return found;
    const [guess] = nearest(name, names);
    throw new UsageError(
      `--only: there is no workload "${name}"${guess ? `; did you mean ${guess}?` : ''} There are ${names.join(', ')}`,
    );
  });
}

function choosePeers(list: string): PeerName[] {
  if (list === 'none') return [];
  return list.split(',').map((name) => {
    if ((peerNames as readonly string[]).includes(name)) return name as PeerName;
    throw new UsageError(`--peers: expected some of ${peerNames.join(', ')}, or none, received "${name}"`);
  });
}

function positive(option: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value;
  throw new UsageError(`--${option}: expected a whole number above 0, received ${value}`);
}

/** A file that cannot be written is better known before the measurements than after. */
async function requireWritable(file: string): Promise<void> {
  try {
    await writeFile(file, '', { flag: 'a' });
    if ((await readFile(file)).length === 0) await writeFile(file, '[]\n');
  } catch (cause) {
    throw new UsageError(`--json: ${(cause as Error).message}`, { cause });
  }
}
