import { writeReport } from '../report/index.ts';
import { command } from './program.ts';

export const report = command({
  name: 'report',
  describe: 'Make the report of a run',
  usage: ['--run DIR', 'Makes the report of a run from its files: one HTML page that loads nothing.'],
  options: {
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
  },
  examples: [['--run runs/gain', 'writes runs/gain/report.html']],
  exitCodes: '2 usage, 3 a broken file',
  async run(args) {
    const { path, bytes, splits, gallery, notes } = await writeReport(args.run, args);
    for (const note of notes) process.stderr.write(`${note}\n`);
    const evaluated =
      splits.length > 0 ? `${splits.join(', ')}, ${gallery} pairs in the gallery` : 'not evaluated yet';
    process.stdout.write(`${path}: ${(bytes / 2 ** 20).toFixed(1)} MiB; ${evaluated}\n`);
  },
});
