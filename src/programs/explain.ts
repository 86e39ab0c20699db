import type { EngineName } from '../engine/index.ts';
import { UsageError } from '../errors/index.ts';
import { explanationMethods, findMethods, type MethodGroup, methodGroups } from '../explain/index.ts';
import { writeLine } from '../progress/index.ts';
import { boxThresholds } from './box-thresholds.ts';
import { blackBoxOptions, checkBlackBox, explainRemote, isBlackBox } from './explain-black-box.ts';
import { detectionOptions, explainDetector } from './explain-detections.ts';
import { explaining } from './explaining.ts';
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
import { command, interruption, listOf } from './program.ts';

export const explain = command({
  name: 'explain',
  describe: 'Show what a network sees in images',
  usage: [
    '--run DIR --image FILE|FOLDER|VIDEO…',
    'Shows what a trained network sees in images: methods of explanation side by ' +
      `side, as pictures, raw maps (.npy) and one HTML page.\n\n${methodHelp()}`,
  ],
  options: {
    ...networkOptions,
    ...blackBoxOptions,
    image: {
      type: 'string',
      array: true,
      requiresArg: true,
      demandOption: true,
      describe:
        'Images to explain; folders of images; videos, where ffmpeg is installed; for a network of clips: folders of frames, GIF, NIfTI, .npy, videos',
    },
    method: {
      type: 'string',
      array: true,
      requiresArg: true,
      default: ['grad-cam'],
      describe: `Methods by name, ${Object.keys(methodGroups).join(', ')}, or all`,
    },
    out: { type: 'string', requiresArg: true, default: 'explanations', describe: 'Folder of the results' },
    top: {
      type: 'number',
      requiresArg: true,
      default: 3,
      describe: 'Explain so many of the likeliest classes',
    },
    class: {
      type: 'string',
      array: true,
      requiresArg: true,
      describe: 'Or these classes, by name or number',
    },
    'target-layer': {
      type: 'string',
      requiresArg: true,
      describe: 'Layer that class maps are made of [default: that of the run, else auto]',
    },
    ...factOptions,
    ...engineOptions,
    output: {
      type: 'string',
      requiresArg: true,
      describe: 'Output to explain, by name or number [default: 0]',
    },
    target: {
      type: 'string',
      requiresArg: true,
      describe:
        'Of a segmenter: predicted (the pixels called the class), all, or a box xmin,ymin,xmax,ymax in shares; of a network of numbers: value; of a detector: detections [default: a class]',
    },
    ...detectionOptions,
    link: {
      choices: ['softmax', 'sigmoid'] as const,
      describe: 'How logits become scores [default: as the model or the run says]',
    },
    threshold: {
      type: 'number',
      requiresArg: true,
      describe:
        'Draw and write boxes of what lies above this share of the maximum [default: as npm run evaluate chose for the run]',
    },
    boxes: { type: 'boolean', default: true, describe: 'Boxes, where there is a threshold' },
    fps: {
      type: 'number',
      requiresArg: true,
      describe: 'Frames of a video, in a second of it [default: 1; for a network of clips all]',
    },
    frames: { type: 'number', requiresArg: true, describe: 'Of a network of clips that takes any number' },
    samples: {
      type: 'number',
      requiresArg: true,
      describe: 'Changed copies of each image, for rise and lime [default: 4000 and 1000]',
    },
    seed: { type: 'number', requiresArg: true, default: 0, describe: 'Of methods that draw at random' },
    json: { type: 'boolean', default: false, describe: 'Print what was written as JSON' },
  },
  renamed: { batch: renamedOptions.batch, layer: renamedOptions.layer },
  check: ({ run, model, top, batchSize, imageSize, samples, seed, fps, frames, ...rest }) => {
    if (fps !== undefined && !(fps > 0))
      throw new UsageError(`--fps: expected a number above 0, found ${fps}`);
    if (!isBlackBox(rest)) checkNetwork({ run, model });
    else checkBlackBox({ ...rest, run, model, imageSize: imageSize as number | undefined });
    checkCounts({
      top,
      'batch-size': batchSize,
      frames,
      samples: samples as number | undefined,
      'image-size': imageSize as number | undefined,
    });
    checkSeed(seed);
  },
  examples: [
    ['--model my-model/ --image cat.jpg dog.jpg --method grad-cam++ guided-backprop', 'two methods'],
    ['--run runs/gain --image *.jpg --method class-maps --class boat', 'all class maps, one class'],
    ['--model net.onnx --image photos/ --threshold 0.3', 'with boxes, for COCO too'],
    [
      '--command "python predict.py" --image-size 224 --image cat.jpg --method lime',
      'a program that scores images',
    ],
  ],
  exitCodes: '2 usage, run or model, 3 an image, 130 interrupted',
  async run(args, $0) {
    const methods = listOf(args.method);
    if (args.target === 'detections') {
      // The method of `explain` without one looks into layers, which a detector need not have.
      const asked = methods.join() === 'grad-cam' ? ['d-rise'] : methods;
      findMethods(asked.filter((name) => name !== 'd-rise'));
      return explainDetector(args, asked, $0);
    }
    findMethods(methods);
    if (isBlackBox(args)) return explainRemote(args, methods, $0);

    // Loaded late, so that --help and a mistyped option are answered at once.
    const { startEngine } = await import('../engine/index.ts');
    const { listImages, readClips, readImages, writeExplanations } = await import('../explain/index.ts');
    const {
      doubtByImages,
      findClasses,
      isBlackBox: isClosed,
      openNetworkOrBlackBox,
    } = await import('../run/index.ts');

    const signal = interruption('interrupted: what was finished is in the folder, the page is not');

    const thresholds = args.boxes
      ? await boxThresholds(args.run, args.threshold)
      : { values: {}, from: undefined };
    const engine = await startEngine({ engine: args.engine as EngineName | 'auto' });
    const subject = await openNetworkOrBlackBox(await networkAsked({ ...args, targetLayer: undefined }), {
      clips: true,
      targets: true,
    });
    const classes = args.class && findClasses(args.class, subject.classes);
    const frames = isClosed(subject) ? undefined : subject.frames;
    const read = frames
      ? { images: await readClips(args.image, { ...subject, frames }, args.fps), notes: [] }
      : await readAll(args.image, subject, args.fps);
    const { images } = read;
    for (const note of [...subject.notes, ...read.notes]) writeLine(note);
    if (isClosed(subject)) {
      writeLine(`network  its scores alone are known: ${subject.blackBox}`);
    } else {
      const doubt = doubtByImages(
        subject,
        images.map(({ pixels }) => pixels),
      );
      if (doubt) writeLine(doubt);
    }
    if (thresholds.from) writeLine(`boxes    with the thresholds of ${thresholds.from}`);

    const count = images.length * findMethods(methods).length;
    const written = await explaining(args, { count, engine, signal, $0 }, (options) =>
      writeExplanations(args.out, subject, images, {
        ...options,
        methods,
        classes,
        thresholds: thresholds.values,
      }),
    );
    const size = `${(written.bytes / 2 ** 20).toFixed(1)} MiB`;
    process.stdout.write(
      args.json
        ? `${JSON.stringify(written, null, 2)}\n`
        : `${written.page}: ${size}; ${written.pictures} pictures and raw maps beside it, ${written.seconds.toFixed(1)} s\n`,
    );

    /** Images, those of folders, and the frames of videos. */
    async function readAll(paths: readonly string[], network: typeof subject, fps = 1) {
      const listed = await listImages(paths, { fps });
      const images = await readImages(
        listed.images.map(({ file }) => file),
        network,
      )
        .then((all) => all.map((image, i) => ({ ...image, file: listed.images[i]!.label })))
        .finally(() => listed.close());
      return { images, notes: listed.notes };
    }
  },
});

function methodHelp(): string {
  const groups = Object.keys(methodGroups) as MethodGroup[];
  return groups
    .map((group) => {
      const names = explanationMethods.filter((method) => method.group === group).map(({ name }) => name);
      return `${methodGroups[group]} (${group}):\n${names.join(', ')}`;
    })
    .join('\n\n');
}
