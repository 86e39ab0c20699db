import { join } from 'node:path';
import type { EngineName } from '../engine/index.ts';
import { UsageError } from '../errors/index.ts';
import { startProgress, writeLine } from '../progress/index.ts';
import {
  checkCounts,
  checkNetwork,
  checkSeed,
  engineOptions,
  factOptions,
  networkAsked,
  networkOptions,
  renamedOptions,
} from './network-options.ts';
import { command, interruption } from './program.ts';

export const units = command({
  name: 'units',
  describe: 'Show what the units of a layer have learned',
  usage: [
    '--model DIR --target-layer NAME',
    'Shows what the units of a layer have learned: their maps of an image, the images of a ' +
      'set that they answer to most with the pattern in them, and images made to excite them.',
  ],
  options: {
    ...networkOptions,
    'target-layer': {
      type: 'string',
      requiresArg: true,
      default: 'auto',
      describe: 'Layer whose units are shown',
    },
    'feature-maps': {
      type: 'string',
      array: true,
      requiresArg: true,
      describe: 'Images whose maps to draw',
    },
    'top-images': {
      type: 'string',
      requiresArg: true,
      describe: 'Data set, or folder of images, to look for the strongest images in',
    },
    filters: {
      type: 'string',
      requiresArg: true,
      describe: 'Of --top-images: filters by number, as 0-11,40; or all [default: the first 12]',
    },
    top: { type: 'number', requiresArg: true, default: 9, describe: 'Images for each filter' },
    split: {
      type: 'string',
      array: true,
      requiresArg: true,
      describe: 'Splits of the data set [default: all]',
    },
    limit: { type: 'number', requiresArg: true, describe: 'Look at the first images only' },
    maximize: {
      type: 'string',
      requiresArg: true,
      describe: 'Make images that excite these filters, by number',
    },
    'maximize-class': {
      type: 'string',
      array: true,
      requiresArg: true,
      describe: 'Or these classes, by name or number; or all',
    },
    kernels: {
      type: 'boolean',
      default: false,
      describe:
        'Draw the filters of --target-layer (auto: the first convolution), and say what is wrong with them',
    },
    invariance: {
      type: 'string',
      array: true,
      requiresArg: true,
      describe: 'Images to shift, enlarge and turn: how far features and scores move, as JSON',
    },
    'over-epochs': {
      type: 'string',
      requiresArg: true,
      describe:
        'Data set, or folder of images: the strongest of it for --filters, epoch by epoch of --run (training.keepEvery)',
    },
    correspondence: {
      type: 'string',
      requiresArg: true,
      describe:
        'JSON file of images and boxes of their parts: whether the network takes the parts for the same',
    },
    steps: { type: 'number', requiresArg: true, default: 200, describe: 'Of the ascent to such an image' },
    ...factOptions,
    ...engineOptions,
    seed: {
      type: 'number',
      requiresArg: true,
      default: 0,
      describe: 'Of the noise that images begin with',
    },
    out: { type: 'string', requiresArg: true, default: 'units', describe: 'Folder of the pictures' },
    json: { type: 'boolean', default: false, describe: 'Print the files as JSON instead of one a line' },
  },
  renamed: { batch: renamedOptions.batch, layer: renamedOptions.layer },
  check: ({ run, model, featureMaps, topImages, maximize, maximizeClass, kernels, ...rest }) => {
    checkNetwork({ run, model });
    const { invariance, overEpochs, correspondence } = rest;
    const asked = [
      featureMaps,
      topImages,
      maximize,
      maximizeClass,
      kernels,
      invariance,
      overEpochs,
      correspondence,
    ];
    if (!asked.some(Boolean)) {
      throw new UsageError(
        'nothing to show: --feature-maps, --top-images, --maximize, --maximize-class, --kernels, --invariance, ' +
          '--over-epochs or --correspondence is needed',
      );
    }
    if (overEpochs !== undefined && run === undefined) {
      throw new UsageError('--over-epochs needs --run: a model has no epochs');
    }
    const { top, limit, steps, batchSize, imageSize, seed } = rest;
    checkCounts({
      top,
      limit,
      steps,
      'batch-size': batchSize,
      'image-size': imageSize as number | undefined,
    });
    checkSeed(seed);
  },
  examples: [
    [
      '--model my-model/ --target-layer conv3 --top-images data/birds --split test',
      "Zeiler & Fergus's figure",
    ],
    ['--run runs/gain --target-layer conv5 --feature-maps cat.jpg --maximize 0-8', 'maps, and images made'],
  ],
  exitCodes: '2 usage, run or model, 3 data, 130 interrupted',
  async run(args) {
    const filters =
      args.filters === undefined || args.filters === 'all' ? undefined : numbers('--filters', args.filters);
    const maximized = args.maximize === undefined ? undefined : numbers('--maximize', args.maximize);

    // Loaded late, so that --help and a mistyped option are answered at once.
    const tf = await import('@tensorflow/tfjs-core');
    const { startEngine } = await import('../engine/index.ts');
    const explain = await import('../explain/index.ts');
    const { findClasses, openTrainedNetwork } = await import('../run/index.ts');
    const { resolveTargetLayer } = await import('../gradcam/index.ts');
    const { fileStem, writeWhole } = await import('../files/index.ts');

    const signal = interruption('interrupted: the pictures that were finished are in the folder');

    await startEngine({ engine: args.engine as EngineName | 'auto' });
    const subject = await openTrainedNetwork(await networkAsked({ ...args, targetLayer: undefined }));
    for (const note of subject.notes) writeLine(note);
    const { model, imageSize, channels } = subject;
    const written: string[] = [];
    const target = resolveTargetLayer(model, args.targetLayer);
    writeLine(`layer    ${target.path}: ${target.reason}`);
    const firstFilters = Array.from({ length: Math.min(12, target.shape.at(-1)!) }, (_, k) => k);
    const fileName = fileStem(target.path);

    if (args.featureMaps) {
      for (const { name, pixels } of await explain.readImages(args.featureMaps, subject)) {
        const image = tf.tensor(pixels, [...imageSize, channels]);
        const picture = await explain.featureMapGrid(model, image, { targetLayer: target.path });
        image.dispose();
        await write(`feature-maps-${fileName}-${name}.png`, picture);
      }
    }
    if (args.topImages) {
      const images = await explain.unitImages(args.topImages, subject, {
        batchSize: args.batchSize,
        splits: args.split,
        limit: args.limit,
      });
      const top = await watched('images', images.count, (update) =>
        explain.topImages(model, images.batches, {
          targetLayer: target.path,
          filters: args.filters === undefined ? firstFilters : filters,
          top: args.top,
          imageSize,
          signal,
          onProgress: (what, done) => what === 'images' && update(done),
        }),
      );
      await write(`top-images-${fileName}.png`, await explain.topImagesFigure(top));
    }
    if (maximized) {
      const options = { steps: args.steps, seed: args.seed, imageSize, signal };
      const made = await watched('ascending', args.steps, (onProgress) =>
        explain.maximizeActivations(
          model,
          { layer: target.path, units: maximized },
          { ...options, onProgress },
        ),
      );
      const names = maximized.map((unit) => `filter ${unit}`);
      await write(
        `maximized-${fileName}.png`,
        await explain.maximizedFigure(made, {
          names,
          title: `${target.path}: images that excite its filters`,
        }),
      );
    }
    if (args.maximizeClass) {
      const all = args.maximizeClass.includes('all');
      const classes = all
        ? subject.classes.map((_, c) => c)
        : findClasses(args.maximizeClass, subject.classes);
      const options = { steps: args.steps, seed: args.seed, imageSize, signal };
      const made = await watched('ascending', args.steps, (onProgress) =>
        explain.maximizeActivations(model, { classes, output: subject.output }, { ...options, onProgress }),
      );
      const names = classes.map((c) => subject.classes[c]!);
      await write(
        'maximized-classes.png',
        await explain.maximizedFigure(made, { names, title: 'Images that excite the classes' }),
      );
    }

    if (args.kernels) {
      const kernels = explain.kernelsOf(model, args.targetLayer === 'auto' ? undefined : target.path);
      const diagnosis = explain.diagnoseKernels(kernels);
      for (const line of diagnosis.findings) writeLine(`filters  ${diagnosis.layer}: ${line}`);
      const name = `kernels-${kernels.layer.replaceAll(/[^\w.-]+/g, '-')}`;
      await write(`${name}.png`, await explain.kernelGrid(kernels, diagnosis));
      await write(`${name}.json`, Buffer.from(`${JSON.stringify(diagnosis, null, 2)}\n`));
    }
    if (args.invariance) {
      const images = await explain.readImages(args.invariance, subject);
      const pixels = tf.stack(images.map((one) => tf.tensor3d(one.pixels, [...imageSize, channels])));
      const curves = await explain.invarianceCurves(
        model,
        pixels as import('@tensorflow/tfjs-core').Tensor4D,
        { signal },
      );
      pixels.dispose();
      await write('invariance.json', Buffer.from(`${JSON.stringify(curves, null, 2)}\n`));
    }

    if (args.overEpochs) {
      const { keptEpochs } = await import('../run/index.ts');
      const kept = await keptEpochs(args.run!);
      const options = { batchSize: args.batchSize, splits: args.split, limit: args.limit };
      const found: import('../explain/index.ts').EpochFeatures[] = [];
      await watched('epochs', kept.length, async (update) => {
        for (const { epoch, path } of kept) {
          const network = await openTrainedNetwork({ model: path, known: { imageSize } });
          const images = await explain.unitImages(args.overEpochs!, subject, options);
          const top = await explain.topImages(network.model, images.batches, {
            targetLayer: target.path,
            filters: args.filters === undefined ? firstFilters : filters,
            top: 1,
            imageSize,
            signal,
          });
          network.model.dispose();
          found.push({ epoch, top });
          update(found.length);
        }
      });
      await write(`over-epochs-${fileName}.png`, await explain.overEpochsFigure(found));
      const history = `${JSON.stringify(explain.featureHistory(found), null, 2)}\n`;
      await write(`over-epochs-${fileName}.json`, Buffer.from(history));
    }
    if (args.correspondence) {
      const { readParts } = explain;
      const { files, parts } = await readParts(args.correspondence);
      const images = await explain.readImages(files, subject);
      const pixels = tf.stack(images.map((one) => tf.tensor3d(one.pixels, [...imageSize, channels])));
      const found = await explain.partCorrespondence(
        model,
        pixels as import('@tensorflow/tfjs-core').Tensor4D,
        parts,
        { signal, seed: args.seed },
      );
      pixels.dispose();
      for (const { layer, parts: own, random } of found) {
        const shown = Object.entries({ ...own, random }).map(
          ([name, { mean, deviation }]) => `${name} ${mean.toFixed(3)} ± ${deviation.toFixed(3)}`,
        );
        writeLine(`parts    ${layer}: ${shown.join(', ')}`);
      }
      await write('correspondence.json', Buffer.from(`${JSON.stringify(found, null, 2)}\n`));
    }

    if (args.json) process.stdout.write(`${JSON.stringify({ files: written }, null, 2)}\n`);

    async function write(name: string, picture: Buffer): Promise<void> {
      await writeWhole(join(args.out, name), picture);
      written.push(join(args.out, name));
      if (!args.json) process.stdout.write(`${join(args.out, name)}\n`);
    }

    async function watched<T>(
      label: string,
      total: number,
      work: (update: (done: number) => void) => Promise<T>,
    ): Promise<T> {
      const progress = startProgress(label, total);
      return work((done) => progress.update(done)).finally(() => progress.stop());
    }

    /** `0-3,7` as 0, 1, 2, 3, 7. */
    function numbers(option: string, list: string): number[] {
      return list.split(',').flatMap((part) => {
        const [, first, last] = /^\s*(\d+)(?:-(\d+))?\s*$/.exec(part) ?? [];
        if (first === undefined || Number(last ?? first) < Number(first)) {
          throw new UsageError(`${option}: expected numbers such as 0-8,12, found "${list}"`);
        }
        const count = Number(last ?? first) - Number(first) + 1;
        return Array.from({ length: count }, (_, i) => Number(first) + i);
      });
    }
  },
});
