import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { loadConfig } from '../../src/config/index.ts';
import { engineNames, onnxProviders } from '../../src/engine/index.ts';
import { runProgram } from '../../src/programs/program.ts';

// npm run test:losses: the first losses of the main job on every engine that is here, side by side.

/** An engine by name; what ONNX Runtime computes with may follow, as in `onnx:webgpu`. */
const columnNames = [...engineNames, ...onnxProviders.map((provider) => `onnx:${provider}`)];
/** What the losses may differ by, relative to the first engine's. */
const tolerance = 1e-3;

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The main job, guided from its first step on, so that every loss has gone through a gradient of a gradient. */
const guided = [
  'gain.losses.mining.startEpoch=0',
  'gain.losses.mining.rampEpochs=0',
  'gain.losses.supervision.startEpoch=0',
  'gain.losses.supervision.rampEpochs=0',
  'training.epochs=1',
  'training.evaluateEvery=1',
  'log.scalarsEvery=1',
  'log.images=0',
];

const small = [
  'data.batchSize=4',
  'data.masks.perBatch=1',
  'data.imageSize=[32,32]',
  'model.options.widths=[8,8,16,16]',
];

/** Data for an epoch of just these steps. */
function dataFor(batchSize: number, steps: number, folder: string): string[] {
  const withMasks = 2 * steps;
  const counts = {
    train: steps * batchSize - withMasks,
    trainFullsup: withMasks,
    val: 8,
    test: 8,
    unbiased: 8,
  };
  return [
    `data.dir=${join(folder, `data-${batchSize}`)}`,
    `data.options=${JSON.stringify(counts)}`,
    `data.masks.count=${withMasks}`,
  ];
}

interface Losses {
  readonly engine: string;
  readonly totals: number[];
}

/** Trains on one engine; what went wrong instead of losses is a line. */
function train(column: string, overrides: readonly string[], folder: string): Losses | string {
  const [engine, provider = 'cpu'] = column.split(':') as [string, string?];
  const run = join(folder, `${engine}-${provider}`);
  const set = overrides.flatMap((override) => ['--set', override]);
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      '--import=./.ci/typescript.mjs',
      'src/train.ts',
      '--config',
      'configs/gain-ext.yaml',
      '--run',
      run,
      '--overwrite',
      '--engine',
      engine,
      '--set',
      `engine.onnx.provider=${provider}`,
      ...set,
    ],
    { cwd: root, encoding: 'utf8' },
  );
  if (status !== 0) return stderr.trim().split('\n').at(-1) ?? `ended with ${status}`;
  const records = readFileSync(join(run, 'log.ndjson'), 'utf8').trim().split('\n');
  const totals = records
    .map((line) => JSON.parse(line) as { event: string; losses?: { total: number } })
    .flatMap(({ event, losses }) => (event === 'step' ? [losses!.total] : []));
  return { engine: column, totals };
}

/** A Markdown table of the losses, and the largest relative difference from the first engine's. */
function compare(columns: readonly Losses[]): { table: string; largest: number } {
  const [reference, ...others] = columns;
  const differences = others.map(({ totals }) =>
    Math.max(...totals.map((value, step) => Math.abs(value / reference!.totals[step]! - 1))),
  );
  const rows = reference!.totals.map((_, step) => [
    String(step + 1),
    ...columns.map(({ totals }) => totals[step]!.toFixed(5)),
  ]);
  const titles = ['step', ...columns.map(({ engine }) => engine)];
  const last = ['largest difference', '–', ...differences.map((value) => value.toExponential(1))];
  const table = [titles, titles.map(() => '---'), ...rows, last].map((cells) => `| ${cells.join(' | ')} |`);
  return { table: table.join('\n'), largest: Math.max(0, ...differences) };
}

await runProgram(async () => {
  const { size, steps, engines } = await yargs(hideBin(process.argv))
    .scriptName('npm run test:losses --')
    .usage(`$0\n\nThe first losses of the main job on every engine, side by side.`)
    .options({
      size: {
        choices: ['small', 'full'] as const,
        default: 'small' as const,
        describe: 'Of network and images',
      },
      steps: { type: 'number', default: 20, describe: 'How many' },
      engines: {
        type: 'string',
        array: true,
        choices: columnNames,
        default: ['cpu', 'onnx', 'tensorflow', 'webgpu'],
        describe: 'The first one is what the others are compared with',
      },
    })
    .strict()
    .parseAsync();

  const folder = mkdtempSync(join(tmpdir(), 'first-losses-'));
  try {
    const config = await loadConfig('configs/gain-ext.yaml', size === 'small' ? small : []);
    const overrides = [
      ...guided,
      ...(size === 'small' ? small : []),
      ...dataFor(config.data.batchSize, steps, folder),
    ];
    const columns: Losses[] = [];
    for (const engine of engines) {
      process.stderr.write(`${engine} …\n`);
      const losses = train(engine, overrides, folder);
      if (typeof losses === 'string') process.stderr.write(`${engine} is left out: ${losses}\n`);
      else columns.push(losses);
    }
    const { table, largest } = compare(columns);
    process.stdout.write(`${table}\n`);
    if (largest > tolerance || Number.isNaN(largest) || columns.length < 2) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
});
