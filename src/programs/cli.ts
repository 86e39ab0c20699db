import yargs, { type Argv } from 'yargs';
import { nearest, UsageError } from '../errors/index.ts';
import { packageVersion } from '../files/index.ts';
import { type Program, reportError, untilSettled, withoutOldNames } from './program.ts';
import { withSwallowedOptions } from './swallowed-options.ts';

/** The programs, each loaded when it is called. */
export const programs: Readonly<Record<string, readonly [describe: string, load: () => Promise<Program>]>> = {
  train: [
    'Train a classifier with its own attention in the loss',
    async () => (await import('./train.ts')).train,
  ],
  init: ['Write a config for the data at hand', async () => (await import('./init.ts')).init],
  evaluate: [
    'Measure where a trained network looks',
    async () => (await import('./evaluate.ts')).evaluateNetwork,
  ],
  audit: [
    'Tell whether answers follow the object or its surroundings',
    async () => (await import('./audit.ts')).audit,
  ],
  segment: [
    'Predict the masks of a data set from a few of them',
    async () => (await import('./segment.ts')).segment,
  ],
  refit: ['Fit the last layer of a finished run anew', async () => (await import('./refit.ts')).refitNetwork],
  report: ['Make the report of a run', async () => (await import('./report.ts')).report],
  explain: ['Show what a network sees in images', async () => (await import('./explain.ts')).explain],
  units: ['Show what the units of a layer have learned', async () => (await import('./units.ts')).units],
  network: ['Draw a network as SVG, PNG, TikZ or text', async () => (await import('./network.ts')).network],
  explore: [
    'Look into a network in a browser, correct it, and let it learn',
    async () => (await import('./explore.ts')).explore,
  ],
  export: ['Write a classifier as an ONNX file', async () => (await import('./export.ts')).exportNetwork],
  import: ['Write a data set as TFRecords', async () => (await import('./import.ts')).importData],
  data: ['Show what is in a data set', async () => (await import('./data.ts')).showData],
  sweep: ['Run a grid of settings and seeds', async () => (await import('./sweep.ts')).sweepRuns],
  engines: ['List the compute engines', async () => (await import('./engines.ts')).engines],
  'setup-tensorflow': [
    "Build tfjs-node's native part against a Python wheel",
    async () => (await import('./setup-tensorflow.ts')).setupTensorflow,
  ],
};

/**
 * Runs a program.
 *
 * @param argv its name, and what follows
 */
export async function main(argv: readonly string[]): Promise<void> {
  await untilSettled(argv[0] ?? 'tfjs-gain', perform(argv));
}

async function perform(argv: readonly string[]): Promise<void> {
  // A reader that has gone (`| head`, a closed terminal) is no reason to end a training.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
    });
  }
  try {
    const [name] = argv;
    const called = name === undefined ? undefined : programs[name];
    const program = called && (await called[1]());
    const words =
      argv.length === 0
        ? ['--help']
        : program
          ? withoutOldNames(withSwallowedOptions(argv, program), program)
          : [...argv];
    const line = yargs(words).scriptName('tfjs-gain').usage('$0 COMMAND …');
    for (const [other, [describe]] of Object.entries(programs)) {
      line.command({
        command: other === name && program?.positional ? `${other} [${program.positional}]` : other,
        describe,
        builder: (command: Argv) => (other === name ? program!.build(command, calledAs(name)) : command),
        handler: (args) => (other === name ? program!.run(args, calledAs(name)) : undefined),
      });
    }
    await line
      .demandCommand(1, 'a command is needed')
      .recommendCommands()
      .completion('completion', 'Print a script that completes commands in the shell')
      .version(packageVersion())
      .strict()
      .wrap(Math.min(110, process.stdout.columns ?? 80))
      .fail((message, error) => {
        // What yargs itself cannot read comes as an error of its own; all others are those of the programs.
        if (error && error.name !== 'YError') throw error;
        const said = (message || error?.message || '').replace(
          /^Not enough arguments following: (.*)/,
          '--$1 needs a value',
        );
        throw new UsageError(`${said}${guessed(said, program)} (--help shows the options)`);
      })
      .parseAsync();
  } catch (error) {
    reportError(error);
  }
}

/** What was probably meant by an option that there is not. */
function guessed(message: string | undefined, program: Program | undefined): string {
  const unknown = /^Unknown arguments?: ([\w-]+)/.exec(message ?? '')?.[1];
  const guess = unknown && program && nearest(unknown, program.options)[0];
  return guess ? `; did you mean --${guess}?` : '';
}

/** `npm run train --` in a checkout, `npx tfjs-gain train` elsewhere. */
function calledAs(name: string): string {
  const script = process.env.npm_lifecycle_event;
  return script === name || script?.replace(':', '-') === name
    ? `npm run ${script} --`
    : `npx tfjs-gain ${name}`;
}
