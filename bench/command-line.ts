import { availableParallelism } from 'node:os';
import yargs from 'yargs';
import { type OnnxProvider, onnxProviders } from '../src/engine/index.ts';
import { nearest, UsageError } from '../src/errors/index.ts';
import { type PeerName, peerNames, pytorchVariants, type Workload } from './workload.ts';
import { workloads } from './workloads/index.ts';

/** What is to be measured, and how. */
export interface Plan {
  readonly workloads: readonly Workload[];
  readonly peers: readonly PeerName[];
  readonly threads: number;
  readonly repetitions: number;
  /** What our engine computes with. */
  readonly provider: OnnxProvider;
  /** Where PyTorch computes. */
  readonly device: string;
  /** The file that the measurements are written to. */
  readonly json: string | undefined;
}

const names = workloads.map(({ name }) => name);
const longest = Math.max(...names.map(({ length }) => length));

/**
 * Reads the arguments of `npm run bench`.
 *
 * @throws UsageError when an option or a name does not exist, or a number is none
 */
export async function parsePlan(args: readonly string[]): Promise<Plan> {
  const parsed = await commandLine(args).parseAsync();
  return {
    workloads: chooseWorkloads(parsed.only),
    peers: choosePeers(parsed.peers),
    threads: positive('threads', parsed.threads),
    repetitions: positive('repetitions', parsed.repetitions),
    provider: parsed.provider,
    device: parsed.device,
    json: parsed.json,
  };
}

/** The text of `--help`. */
export function help(): Promise<string> {
  return commandLine([]).getHelp();
}

function commandLine(args: readonly string[]) {
  return yargs(args)
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
      provider: {
        choices: onnxProviders,
        default: 'cpu' as const,
        describe: 'What our engine computes with (docs/engine.md)',
      },
      device: {
        choices: ['cpu', 'cuda', 'mps'],
        default: 'cpu',
        describe: 'Where PyTorch computes',
      },
      peers: {
        type: 'string',
        requiresArg: true,
        default: peerNames.join(),
        describe: `Whom to compare with, separated by commas, also ${pytorchVariants.join(', ')}; "none" for nobody`,
      },
    })
    .epilogue(
      `Workloads:\n${workloads.map(({ name, about }) => `  ${name.padEnd(longest)}  ${about}`).join('\n')}\n\n` +
        'PyTorch is looked for in the Python that the environment variable BENCH_PYTHON names. A peer that is ' +
        'not there is left out, with a line that says so.',
    )
    .example('$0 --only gain-step --json gain-step.json', 'one workload')
    .example('$0 --peers pytorch --threads 1', 'PyTorch alone, on one thread')
    .example('$0 --peers pytorch --provider webgpu --device cuda', 'both on the GPU')
    .strict()
    .wrap(Math.min(110, process.stdout.columns ?? 80))
    .fail((message, error) => {
      throw error ?? new UsageError(`${message} (--help shows the options)`);
    });
}

function chooseWorkloads(only: readonly string[] | undefined): readonly Workload[] {
  if (only === undefined) return workloads.filter(({ onlyByName }) => !onlyByName);
  return only.map((name) => {
    const found = workloads.find((workload) => workload.name === name);
    if (found) return found;
    const [guess] = nearest(name, names);
    const suggestion = guess ? `did you mean ${guess}? ` : '';
    throw new UsageError(
      `--only: there is no workload "${name}"; ${suggestion}There are ${names.join(', ')}`,
    );
  });
}

function choosePeers(list: string): PeerName[] {
  if (list === 'none') return [];
  return list.split(',').map((name) => {
    const known: readonly string[] = [...peerNames, ...pytorchVariants];
    if (known.includes(name)) return name as PeerName;
    throw new UsageError(`--peers: expected some of ${known.join(', ')}, or none, received "${name}"`);
  });
}

function positive(option: string, value: number): number {
  if (Number.isInteger(value) && value > 0) return value;
  throw new UsageError(`--${option}: expected a whole number above 0, received ${value}`);
}
