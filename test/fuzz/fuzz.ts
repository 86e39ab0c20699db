import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { UsageError } from '../../src/errors/index.ts';
import { runProgram } from '../../src/programs/program.ts';
import { startProgress } from '../../src/progress/index.ts';
import { type FuzzResult, runTarget } from './run-target.ts';
import { fuzzTargets } from './targets.ts';

// npm run fuzz -- [target…] --minutes N --seed S

await runProgram(async () => {
  const names = fuzzTargets.map(({ name }) => name);
  const { _, ...options } = await yargs(hideBin(process.argv))
    .scriptName('npm run fuzz --')
    .usage('$0 [target…]\n\nThrows random inputs at parts of the project, all of them unless some are named.')
    .options({
      minutes: { type: 'number', default: 1, describe: 'Time for each target' },
      inputs: { type: 'number', describe: 'Inputs for each target, in place of a time' },
      seed: { type: 'number', default: 1, describe: 'The same seed makes the same inputs' },
      input: { type: 'number', describe: 'Only this input, as a fault names it' },
      json: { type: 'boolean', default: false, describe: 'Print JSON instead of a table' },
    })
    .epilogue(
      `Targets:\n${fuzzTargets.map(({ name, describe }) => `  ${name}: ${describe}`).join('\n')}\n\nExit codes: 0 no faults, 1 faults, 2 usage.`,
    )
    .strictOptions()
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .fail((message, error) => {
      throw error ?? new UsageError(`${message} (--help shows the options)`);
    })
    .parseAsync();
  const unknown = _.map(String).filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new UsageError(`no target ${unknown}: there are ${names.join(', ')}`);
  const chosen = fuzzTargets.filter(({ name }) => _.length === 0 || _.includes(name));

  const results: FuzzResult[] = [];
  for (const target of chosen) {
    const { seed, minutes, inputs, input } = options;
    const total = inputs ?? minutes * 60;
    const progress = startProgress(target.name, total);
    const started = Date.now();
    const limit = inputs === undefined ? { minutes } : { inputs };
    results.push(
      await runTarget(target, {
        seed,
        ...limit,
        ...(input === undefined ? {} : { only: input }),
        onProgress: ({ tried, bad }) =>
          progress.update(
            Math.min(total, inputs ? tried : (Date.now() - started) / 1000),
            `${tried} tried, ${bad} bad`,
          ),
      }),
    );
    progress.stop();
  }
  process.stdout.write(options.json ? `${JSON.stringify(results, null, 2)}\n` : describe(results));
  process.exitCode = results.some(({ bad }) => bad > 0) ? 1 : 0;
});

function describe(results: readonly FuzzResult[]): string {
  const titles = ['target', 'tried', 'typed', 'right', 'bad', 'seconds'];
  const rows = results.map((result) => [
    result.target,
    ...[result.tried, result.typed, result.right, result.bad, result.seconds.toFixed(0)].map(String),
  ]);
  const widths = titles.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  ');
  const faults = results.flatMap(({ target, seed, faults }) =>
    faults.map(
      ({ input, message, simplest }) =>
        `${target} --seed ${seed} --input ${input}\n  ${message}${simplest === message ? '' : `\n  simplest: ${simplest}`}`,
    ),
  );
  return `${['', ...[titles, ...rows].map(line), ...(faults.length > 0 ? ['', ...faults] : [])].join('\n')}\n`;
}
