import type { EngineName } from '../engine/index.ts';
import { UsageError } from '../errors/index.ts';
import { writeLine } from '../progress/index.ts';
import type { BoxForm } from '../run/index.ts';
import { type ExplainingArguments, explaining } from './explaining.ts';
import { squareOf } from './network-options.ts';
import { classNamesOf, interruption } from './program.ts';

/** Options of `explain --target detections`. */
export const detectionOptions = {
  'boxes-output': {
    type: 'string',
    requiresArg: true,
    describe: 'Of a detector: output with the boxes [default: the one of N times 4]',
  },
  'scores-output': {
    type: 'string',
    requiresArg: true,
    describe: 'Of a detector: output with the class probabilities [default: the other one]',
  },
  'box-form': {
    choices: ['xyxy', 'yxyx', 'cxcywh'] as const,
    default: 'xyxy' as const,
    describe: 'Of a detector: corners, y first, or middle and size',
  },
  'box-unit': {
    choices: ['share', 'pixel'] as const,
    default: 'share' as const,
    describe: 'Of a detector: sides as shares of the image, or in pixels of what it sees',
  },
} as const;

interface DetectionArguments extends ExplainingArguments {
  readonly model?: string | undefined;
  readonly image: readonly string[];
  readonly out: string;
  readonly classes?: string | undefined;
  readonly inputScaling?: string | undefined;
  readonly imageSize?: number | undefined;
  readonly engine: string;
  readonly json: boolean;
  readonly boxesOutput?: string | undefined;
  readonly scoresOutput?: string | undefined;
  readonly boxForm: BoxForm;
  readonly boxUnit: 'share' | 'pixel';
}

/** `explain --target detections`. */
export async function explainDetector(
  args: DetectionArguments,
  methods: readonly string[],
  $0: string,
): Promise<void> {
  if (args.model === undefined)
    throw new UsageError('--target detections needs --model: runs are classifiers');
  const { startEngine } = await import('../engine/index.ts');
  const { explainDetections, listImages, readImages } = await import('../explain/index.ts');
  const { parseInputScaling } = await import('../models/index.ts');
  const { openDetector } = await import('../run/index.ts');
  const signal = interruption('interrupted: what was finished is in the folder, the page is not');
  const engine = await startEngine({ engine: args.engine as EngineName | 'auto' });
  const detector = await openDetector(args.model, {
    boxes: args.boxesOutput,
    scores: args.scoresOutput,
    form: args.boxForm,
    unit: args.boxUnit,
    imageSize: squareOf(args.imageSize),
    inputScaling: args.inputScaling === undefined ? undefined : parseInputScaling(args.inputScaling),
    classes: await classNamesOf(args.classes),
  });
  const listed = await listImages(args.image);
  const images = await readImages(
    listed.images.map(({ file }) => file),
    detector,
  ).finally(() => listed.close());
  for (const note of [...detector.notes, ...listed.notes]) writeLine(note);
  const count = images.length * methods.length;
  const written = await explaining(args, { count, engine, signal, $0 }, (options) =>
    explainDetections(args.out, detector, images, { ...options, methods }),
  );
  process.stdout.write(
    args.json
      ? `${JSON.stringify(written, null, 2)}\n`
      : `${written.page}: ${written.pictures} pictures and raw maps beside it\n`,
  );
}
