import { hideBin } from 'yargs/helpers';
import { UsageError } from '../errors/index.ts';
import { startProgress } from '../progress/index.ts';
import { classNamesOf, interruption } from './program.ts';

/** Options of `explain` for what is no network of tfjs. */
export const blackBoxOptions = {
  command: {
    type: 'string',
    requiresArg: true,
    describe: 'Or a program that scores images: lines of JSON in and out, see docs/explanations.md',
  },
  url: { type: 'string', requiresArg: true, describe: 'Or a server that scores images by POST of the same' },
  timeout: {
    type: 'number',
    requiresArg: true,
    default: 120,
    describe: 'Seconds that a batch of --command or --url may take',
  },
} as const;

interface BlackBoxArguments {
  readonly command?: string | undefined;
  readonly url?: string | undefined;
  readonly run?: string | undefined;
  readonly model?: string | undefined;
  readonly imageSize?: number | undefined;
}

export function isBlackBox({ command, url }: BlackBoxArguments): boolean {
  return command !== undefined || url !== undefined;
}

/** @throws {UsageError} for options that do not go together */
export function checkBlackBox({ command, url, run, model, imageSize }: BlackBoxArguments): void {
  if ([command, url, run, model].filter((one) => one !== undefined).length > 1) {
    throw new UsageError('only one of --run, --model, --command and --url can be explained');
  }
  if (imageSize === undefined) {
    throw new UsageError('--image-size is needed: nothing says what size of images the black box takes');
  }
}

interface ExplainArguments extends BlackBoxArguments {
  readonly image: readonly string[];
  readonly out: string;
  readonly top: number;
  readonly class?: readonly string[] | undefined;
  readonly classes?: string | undefined;
  readonly samples?: number | undefined;
  readonly seed: number;
  readonly batchSize: number;
  readonly timeout: number;
  readonly json: boolean;
}

/** `explain --command` and `explain --url`. */
export async function explainRemote(
  args: ExplainArguments,
  methods: readonly string[],
  $0: string,
): Promise<void> {
  const { commandPredictor, explainBlackBox, httpPredictor, readImages } = await import(
    '../explain/index.ts'
  );
  const { startEngine } = await import('../engine/index.ts');
  const { findClasses } = await import('../run/index.ts');
  const signal = interruption('interrupted: what was finished is in the folder, the page is not');
  // The maps are put together on the host; nothing is computed by an engine.
  await startEngine({ engine: 'cpu' });
  const size = args.imageSize!;
  const subject = { imageSize: [size, size], channels: 3, fit: 'squash' } as const;
  const images = await readImages(args.image, subject);
  const names = await classNamesOf(args.classes);
  const chosen = args.class && (names ? findClasses(args.class, names) : args.class.map(numberOf));
  // The method of `explain` without one needs a network.
  const asked = methods.join() === 'grad-cam' ? ['model-agnostic'] : methods;
  const title = args.command ?? args.url!;
  const predictor =
    args.command === undefined
      ? httpPredictor(args.url!, { timeout: args.timeout })
      : commandPredictor(args.command, { timeout: args.timeout });
  const progress = startProgress('explaining', 100);
  try {
    const written = await explainBlackBox(args.out, predictor, images, {
      ...subject,
      title,
      methods: asked,
      classes: names,
      chosen,
      top: args.top,
      samples: args.samples,
      seed: args.seed,
      batchSize: args.batchSize,
      signal,
      facts: [['command', `${$0} ${hideBin(process.argv).slice(1).join(' ')}`]],
      onProgress: (done, all, method) => progress.update(Math.floor((100 * done) / all), method),
    });
    progress.stop();
    process.stdout.write(
      args.json
        ? `${JSON.stringify(written, null, 2)}\n`
        : `${written.page}: ${written.pictures} pictures and raw maps beside it\n`,
    );
  } finally {
    progress.stop();
    await predictor.close();
  }
}

function numberOf(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new UsageError(`--class: "${text}" is no number, and without --classes there are no names`);
}
