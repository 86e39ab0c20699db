import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { UsageError } from './errors/index.ts';
import { runProgram } from './program.ts';
import { writeReport } from './report/index.ts';

await runProgram(async () => {
  const args = await yargs(hideBin(process.argv))
    .scriptName('npm run report --')
    .usage('$0 --run DIR\n\nMakes the report of a run from its files: one HTML page that loads nothing.')
    .options({
      run: { type: 'string', demandOption: true, describe: 'Run directory' },
      evaluations: {
        type: 'string',
        describe: 'Folder of the evaluations [default: evaluation/ in the run]',
      },
      out: { type: 'string', describe: 'File that is written [default: report.html in the run]' },
      data: {
        type: 'string',
        describe: 'Data set that the images are read from [default: where it was when it was evaluated]',
      },
      gallery: {
        type: 'number',
        describe: 'Pairs of image and class in the gallery of each split, at most [default: 48]',
      },
    })
    .example('$0 --run runs/gain', 'writes runs/gain/report.html')
    .strict()
    .epilogue('Exit codes: 0 done, 1 unexpected, 2 usage, 3 a broken file.')
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .fail((message, error) => {
      throw error ?? new UsageError(`${message} (--help shows the options)`);
    })
    .parseAsync();

  const { path, bytes, splits, gallery, notes } = await writeReport(args.run, args);
  for (const note of notes) process.stderr.write(`${note}\n`);
  const evaluated =
    splits.length > 0 ? `${splits.join(', ')}, ${gallery} pairs in the gallery` : 'not evaluated yet';
  process.stdout.write(`${path}: ${(bytes / 2 ** 20).toFixed(1)} MiB; ${evaluated}\n`);
});
