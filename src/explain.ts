import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import type { EngineName } from './engine/index.ts';
import { InterruptedError, UsageError } from './errors/index.ts';
import { explanationMethods, findMethods, type MethodGroup, methodGroups } from './explain/index.ts';
import { runProgram } from './program.ts';
import { startProgress, writeLine } from './progress/index.ts';
import { checkCounts, checkSeed, checkSubject, readingOptions, subjectOptions } from './subject-options.ts';

await runProgram(async () => {
  const args = await yargs(hideBin(process.argv))
    .scriptName('npm run explain --')
    .usage(
      '$0 --model DIR --image FILE...\n\nShows what a trained network sees in images: methods of explanation side by ' +
        `side, as pictures, raw maps (.npy) and one HTML page.\n\n${methodHelp()}`,
    )
    .options({
      ...subjectOptions,
      image: {
        type: 'string',
        array: true,
        requiresArg: true,
        demandOption: true,
        describe: 'Images to explain',
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
      layer: {
        type: 'string',
        requiresArg: true,
        describe: 'Layer that class maps are made of [default: that of the run, else auto]',
      },
      ...readingOptions,
      output: {
        type: 'string',
        requiresArg: true,
        describe: 'Output to explain, by name or number [default: 0]',
      },
      link: {
        choices: ['softmax', 'sigmoid'] as const,
        describe: 'How logits become scores [default: as the model or the run says]',
      },
      samples: {
        type: 'number',
        requiresArg: true,
        describe: 'Changed copies of each image, for rise and lime [default: 4000 and 1000]',
      },
      seed: { type: 'number', requiresArg: true, default: 0, describe: 'Of methods that draw at random' },
    })
    .check(({ run, model, top, batch, imageSize, samples, seed }) => {
      checkSubject(run, model);
      checkCounts({
        top,
        batch,
        samples: samples as number | undefined,
        'image-size': imageSize as number | undefined,
      });
      checkSeed(seed);
      return true;
    })
    .example(
      '$0 --model my-model/ --image cat.jpg dog.jpg --method grad-cam++ guided-backprop',
      'two methods',
    )
    .example('$0 --run runs/gain --image *.jpg --method class-maps --class boat', 'all class maps, one class')
    .epilogue('Exit codes: 0 done, 1 unexpected, 2 usage, run or model, 3 an image, 130 interrupted.')
    .strict()
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .fail((message, error) => {
      throw error ?? new UsageError(`${message} (--help shows the options)`);
    })
    .parseAsync();

  const methods = args.method.flatMap((name) => name.split(',')).filter(Boolean);
  findMethods(methods);

  // Loaded late, so that --help and a mistyped option are answered at once.
  const { startEngine } = await import('./engine/index.ts');
  const { readImages, writeExplanations } = await import('./explain/index.ts');
  const { findClasses, openTrainedNetwork, readClassNames } = await import('./run/index.ts');

  const interrupt = new AbortController();
  const onSignal = () => {
    if (interrupt.signal.aborted) process.exit(130);
    interrupt.abort(new InterruptedError('interrupted: what was finished is in the folder, the page is not'));
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);

  const engine = await startEngine({ engine: args.engine as EngineName | 'auto' });
  const subject = await openTrainedNetwork(
    args.run === undefined ? { model: args.model! } : { run: args.run },
    {
      inputScaling: args.inputScaling,
      imageSize: args.imageSize === undefined ? undefined : [args.imageSize, args.imageSize],
      classes: args.classes === undefined ? undefined : await readClassNames(args.classes),
      output: args.output,
      link: args.link,
    },
  );
  const classes = args.class && findClasses(args.class, subject.classes);
  const images = await readImages(args.image, subject);
  for (const note of subject.notes) writeLine(note);

  const late: string[] = [];
  const progress = startProgress('explaining', images.length * findMethods(methods).length);
  const written = await writeExplanations(args.out, subject, images, {
    methods,
    classes,
    top: args.top,
    targetLayer: args.layer,
    samples: args.samples,
    seed: args.seed,
    batchSize: args.batch,
    signal: interrupt.signal,
    onNote: (line) => late.push(line),
    onProgress: (done, _all, method) => progress.update(Math.floor(done), method),
    facts: [
      ['command', `npm run explain -- ${hideBin(process.argv).join(' ')}`],
      ['engine', `${engine.name} ${engine.version}, ${engine.device}`],
    ],
  }).finally(() => progress.stop());
  for (const note of late) writeLine(note);
  const size = `${(written.bytes / 2 ** 20).toFixed(1)} MiB`;
  process.stdout.write(
    `${written.page}: ${size}; ${written.pictures} pictures and raw maps beside it, ${written.seconds.toFixed(1)} s\n`,
  );

  function methodHelp(): string {
    const groups = Object.keys(methodGroups) as MethodGroup[];
    return groups
      .map((group) => {
        const names = explanationMethods.filter((method) => method.group === group).map(({ name }) => name);
        return `${methodGroups[group]} (${group}):\n${names.join(', ')}`;
      })
      .join('\n\n');
  }
});
