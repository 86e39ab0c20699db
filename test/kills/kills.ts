import { writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { UsageError } from '../../src/errors/index.ts';
import { runProgram } from '../../src/programs/program.ts';
import { writeLine } from '../../src/progress/index.ts';
import { type KillReport, killProgram, measureProgram } from './kill-program.ts';
import { killedPrograms } from './programs.ts';
import { Workplace } from './workplace.ts';

// npm run test:kills -- [program…] --kills N --seed S --jobs J

await runProgram(async () => {
  const names = killedPrograms.map(({ name }) => name);
  const { _, ...options } = await yargs(hideBin(process.argv))
    .scriptName('npm run test:kills --')
    .usage(
      '$0 [program…]\n\nKills small jobs of the programs (SIGKILL) at random moments, starts them again, and compares ' +
        'what they made with that of an uninterrupted one, bit by bit.',
    )
    .options({
      kills: { type: 'number', default: 20, describe: 'Kills that strike, of all programs together' },
      seed: { type: 'number', default: 1, describe: 'Of the moments' },
      jobs: { type: 'number', default: 1, describe: 'Jobs at a time' },
      keep: { type: 'boolean', default: false, describe: 'Keep the folders of jobs that went wrong' },
      out: { type: 'string', describe: 'Also write the report to this file, as JSON' },
    })
    .epilogue(`Programs: ${names.join(', ')}\n\nExit codes: 0 all right, 1 not, 2 usage.`)
    .strictOptions()
    .parseAsync();
  const unknown = _.map(String).filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new UsageError(`no program ${unknown}: there are ${names.join(', ')}`);
  const chosen = killedPrograms.filter(({ name }) => _.length === 0 || _.includes(name));
  const { kills, seed, jobs } = options;

  const started = performance.now();
  const place = await Workplace.create();
  const reports: KillReport[] = [];
  try {
    const queue = chosen.map((program, i) => ({
      program,
      kills: Math.floor(kills / chosen.length) + Number(i < kills % chosen.length),
    }));
    // How long each takes, with as many beside it as later: the kills are to strike anywhere in it.
    const measured = new Map(
      await inParallel(queue, jobs, async ({ program }) => [
        program.name,
        await measureProgram(place, program),
      ]),
    );
    const tasks = queue.flatMap(({ program, kills }) =>
      Array.from({ length: kills }, (_, number) => ({ program, number })),
    );
    // The programs take turns, so that short and long ones are mixed.
    tasks.sort((a, b) => a.number - b.number);
    await inParallel(tasks, jobs, async ({ program, number }) => {
      const report = await killProgram(place, program, measured.get(program.name)!, seed, number);
      reports.push(report);
      if (report.fault) writeLine(`${program.name} ${number}: ${report.fault}`);
      if (!report.fault || !options.keep) {
        await rm(join(place.folder, report.job), { recursive: true, force: true });
      }
    });
  } finally {
    if (!options.keep) await place.remove();
  }

  const rows = chosen.map(({ name }) => {
    const own = reports.filter(({ program }) => program === name);
    const bad = own.filter(({ fault }) => fault !== undefined).length;
    return {
      program: name,
      kills: own.reduce((sum, { struck }) => sum + struck, 0),
      tried: own.length,
      right: own.length - bad,
      bad,
    };
  });
  const seconds = (performance.now() - started) / 1000;
  const report = { seed, seconds: Math.round(seconds), programs: rows, jobs: reports };
  if (options.out) writeFileSync(options.out, `${JSON.stringify(report, null, 2)}\n`);
  process.stdout.write(describe(rows, seconds));
  process.exitCode = rows.some(({ bad }) => bad > 0) ? 1 : 0;
});

async function inParallel<Item, Value>(
  items: readonly Item[],
  jobs: number,
  work: (item: Item) => Promise<Value>,
): Promise<Value[]> {
  const results: Value[] = [];
  let next = 0;
  const worker = async () => {
    while (next < items.length) {
      const at = next++;
      results[at] = await work(items[at]!);
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, items.length) }, worker));
  return results;
}

function describe(rows: readonly Record<string, string | number>[], seconds: number): string {
  const titles = ['program', 'tried', 'kills', 'right', 'bad'];
  const sums = Object.fromEntries(
    titles.slice(1).map((title) => [title, rows.reduce((sum, row) => sum + Number(row[title]), 0)]),
  );
  const lines = [...rows, { program: 'all', ...sums }].map((row) =>
    titles.map((title) => String((row as Record<string, string | number>)[title])),
  );
  const text = [titles, ...lines].map(([first, ...cells]) =>
    [first!.padEnd(10), ...cells.map((cell) => cell.padStart(6))].join(''),
  );
  return `${text.join('\n')}\nin ${seconds.toFixed(0)} s\n`;
}
