import { join } from 'node:path';
import { UsageError } from '../errors/index.ts';
import { type Progress, startProgress, writeLine } from '../progress/index.ts';
import { checkNetwork, factOptions, networkAsked, networkOptions } from './network-options.ts';
import { command, interruption, listOf } from './program.ts';

export const segment = command({
  name: 'segment',
  describe: 'Predict the masks of a data set from a few of them',
  usage: [
    '--run DIR [--mask-count N]',
    'Learns from a few masks or boxes, on the features of a trained network, where the objects of a labelled data set ' +
      'are, and writes predicted masks beside it, with an estimate of how good they are.',
  ],
  options: {
    ...networkOptions,
    ...factOptions,
    data: { type: 'string', requiresArg: true, describe: 'Data set [default: that of the run]' },
    split: {
      type: 'string',
      array: true,
      requiresArg: true,
      describe: 'Splits to segment [default: those of the training]',
    },
    'mask-split': {
      type: 'string',
      requiresArg: true,
      describe: 'Split with masks or boxes [default: that of the run]',
    },
    'mask-count': {
      type: 'number',
      requiresArg: true,
      describe: 'How many of its images may be used [default: all]',
    },
    steps: { type: 'number', default: 500, describe: 'Updates of the pixel classifier' },
    folds: { type: 'number', default: 3, describe: 'Parts of the cross-validation; 0: no estimate' },
    seed: { type: 'number', default: 1, describe: 'Of the choice of masks and of everything random' },
    out: {
      type: 'string',
      requiresArg: true,
      describe: 'Folder for a PNG per image, a COCO file and a picture of the first masks [default: none]',
    },
    corrected: {
      type: 'string',
      requiresArg: true,
      describe: 'Folder of PNGs of --out that were corrected: they replace what was predicted',
    },
    engine: { type: 'string', requiresArg: true, default: 'auto', describe: 'Compute engine' },
  },
  check: ({ run, model, data, maskSplit }) => {
    checkNetwork({ run, model });
    if (model !== undefined && (data === undefined || maskSplit === undefined)) {
      throw new UsageError('--model needs --data DIR and --mask-split NAME');
    }
  },
  examples: [
    ['--run runs/plain --mask-count 23 --out masks', 'and look at them'],
    ['--run runs/plain --mask-count 23 --corrected masks', 'take over what was corrected by hand'],
  ],
  exitCodes: '2 usage, run or model, 3 data, 130 interrupted',
  async run(args) {
    const { openDataset } = await import('../data/index.ts');
    const { startEngine } = await import('../engine/index.ts');
    const { findNetwork, loadNetwork } = await import('../run/index.ts');
    const { exportMasks, segmentDataset, takeCorrections } = await import('../segmentation/index.ts');
    await startEngine({ engine: args.engine as 'auto' });
    const network = await loadNetwork(await findNetwork(await networkAsked(args), args.data));
    for (const note of network.notes) writeLine(note);
    if (network.dataDir === null) throw new UsageError('--data DIR is needed');
    const dataset = await openDataset(network.dataDir);
    let bar: { what: string; progress: Progress } | undefined;
    try {
      const predicted = await segmentDataset(network.model, dataset, {
        imageSize: network.imageSize,
        fit: network.fit,
        masks: {
          split: args.maskSplit ?? network.config?.data.masks.split ?? 'train-fullsup',
          count: args.maskCount ?? 'all',
        },
        splits: listOf(args.split) ?? network.config?.data.splits.train ?? Object.keys(dataset.info.splits),
        steps: args.steps,
        folds: args.folds,
        seed: args.seed,
        batch: [8, 0],
        pasted: 0.3,
        signal: interruption('interrupted: nothing was written'),
        onProgress(what, done, total) {
          if (bar?.what !== what) {
            bar?.progress.stop();
            bar = { what, progress: startProgress(what, total) };
          }
          bar.progress.update(done);
        },
      });
      bar?.progress.stop();
      dataset.classes.forEach((name, c) => {
        const iou = predicted.info.iou[c];
        const estimate =
          iou === null || iou === undefined ? 'not estimated' : `estimated IoU ${iou.toFixed(2)}`;
        process.stdout.write(`${name}: ${estimate}\n`);
      });
      process.stdout.write(`${predicted.masks.size} predicted masks in ${predicted.path}\n`);
      if (args.corrected) {
        const taken = await takeCorrections(predicted, args.corrected);
        process.stdout.write(`${taken} corrected masks taken over\n`);
      }
      if (args.out) {
        const files = await exportMasks(predicted, dataset, args.out);
        process.stdout.write(
          `${files.masks} PNGs, ${join(args.out, 'predicted.coco.json')}, ${join(args.out, 'grid.png')}\n`,
        );
      }
    } finally {
      bar?.progress.stop();
      await dataset.close();
    }
  },
});
