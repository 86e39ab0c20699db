import { dirname } from 'node:path';
import {
  type DatasetSurvey,
  openDataset,
  SURVEY_SIDE,
  type SurveySample,
  surveyDataset,
} from '../data/index.ts';
import { UsageError } from '../errors/index.ts';
import { makeFolder, writeWhole } from '../files/index.ts';
import { imageGrid, overlayMap, rgbImage, type Tile } from '../pictures/index.ts';
import { startProgress } from '../progress/index.ts';
import { describeSurvey, surveyJson } from './data-survey.ts';
import { command } from './program.ts';

export const showData = command({
  name: 'data',
  describe: 'Show what is in a data set',
  usage: [
    'DIR',
    'Shows what is in a data set: classes, splits, sizes, masks, groups, and images that lie in two splits.',
  ],
  positional: 'dir',
  options: {
    dir: { type: 'string', demandOption: true, describe: 'Folder of the data set' },
    split: { type: 'string', array: true, describe: 'Only these splits [default: all]' },
    sheet: { type: 'string', describe: 'Write a contact sheet to this file (PNG)' },
    samples: { type: 'number', default: 4, describe: 'Images of each class of each split on the sheet' },
    leaks: { type: 'number', default: 10, describe: 'Pairs of images in two splits that are shown' },
    workers: { type: 'number', default: 1, describe: 'Threads that decode images' },
    json: { type: 'boolean', default: false, describe: 'Print JSON' },
  },
  examples: [['data/pets --sheet pets.png', 'and a picture of each class']],
  exitCodes: '2 usage, 3 data',
  async run(args) {
    const dataset = await openDataset(args.dir);
    try {
      const progress = startProgress(
        'looking at images',
        Math.max(1, total(dataset.info.splits, args.split)),
      );
      const survey = await surveyDataset(dataset, {
        ...(args.split && { splits: args.split }),
        samples: args.samples,
        workers: args.workers,
        onProgress: (done) => progress.update(done),
      }).finally(() => progress.stop());
      if (args.sheet) {
        await makeFolder(dirname(args.sheet));
        await writeWhole(args.sheet, await contactSheet(survey, dataset.classes, args.samples));
      }
      const { info } = dataset;
      process.stdout.write(
        args.json
          ? `${JSON.stringify(surveyJson(info, survey), undefined, 2)}\n`
          : describeSurvey(info, survey, args.leaks),
      );
      if (args.sheet && !args.json) process.stdout.write(`contact sheet: ${args.sheet}\n`);
    } finally {
      await dataset.close();
    }
  },
});

function total(splits: Record<string, { examples: number }>, wanted: readonly string[] | undefined): number {
  return Object.entries(splits)
    .filter(([split]) => !wanted || wanted.includes(split))
    .reduce((sum, [, { examples }]) => sum + examples, 0);
}

/** A row for each class of each split; masks are laid over the images. */
async function contactSheet(
  { samples }: DatasetSurvey,
  classes: readonly string[],
  columns: number,
): Promise<Buffer> {
  const rows = new Map<string, Tile[]>();
  for (const sample of samples) {
    for (const label of sample.labels.length > 0 ? sample.labels : [-1]) {
      const key = `${sample.split}: ${classes[label] ?? 'no class'}`;
      const row = rows.get(key) ?? [];
      if (row.length >= columns) continue;
      row.push({ image: picture(sample), caption: row.length === 0 ? key : '' });
      rows.set(key, row);
    }
  }
  if (rows.size === 0) throw new UsageError('there is no image to show');
  const even = [...rows.values()].map((row) => [
    ...row,
    ...Array.from({ length: columns - row.length }, (): Tile => ({ image: null })),
  ]);
  return imageGrid(even, { tileSize: 128, across: Math.max(1, Math.floor(8 / columns)) });
}

function picture({ image, masks }: SurveySample) {
  const rgb = rgbImage(image, SURVEY_SIDE, SURVEY_SIDE);
  if (masks.length === 0) return rgb;
  const union = Float32Array.from(image.subarray(0, SURVEY_SIDE ** 2), (_, i) =>
    masks.some(({ mask }) => mask[i]) ? 1 : 0,
  );
  return overlayMap(rgb, { data: union, width: SURVEY_SIDE, height: SURVEY_SIDE }, { alpha: 0.35 });
}
