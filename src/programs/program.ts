import { existsSync } from 'node:fs';
import type { Argv, InferredOptionTypes, Options } from 'yargs';
import { GainError, InterruptedError, StalledError, UsageError } from '../errors/index.ts';
import { writeLine } from '../progress/index.ts';

/** A program of the command line, as yargs takes it. */
export interface Program {
  readonly name: string;
  /** A line for the list of programs. */
  readonly describe: string;
  /** Old spellings of options, and what they are called now: `--methods` to `--method`. */
  readonly renamed: Readonly<Record<string, string>>;
  /** Name of the one option that can be given without it: `data DIR`. */
  readonly positional: string | undefined;
  /** Names of its options. */
  readonly options: readonly string[];
  /** Whether an option takes a value, several, or none. */
  readonly kinds: Readonly<Record<string, 'flag' | 'value' | 'list'>>;
  /** @param $0 how the program was called, for its examples: `npm run train --` or `tfjs-gain train` */
  build(argv: Argv, $0: string): Argv;
  /** @param args as yargs read them */
  run(args: unknown, $0: string): Promise<void>;
}

type CamelCase<S> = S extends `${infer First}-${infer Rest}` ? `${First}${Capitalize<CamelCase<Rest>>}` : S;

/** What yargs makes of options: each under its own name and in camel case. */
type Arguments<O extends Readonly<Record<string, Options>>> = {
  [K in keyof InferredOptionTypes<O> as K | CamelCase<K>]: InferredOptionTypes<O>[K];
};

interface ProgramParts<O extends Readonly<Record<string, Options>>> {
  readonly name: string;
  readonly describe: string;
  /** What follows its name, and what it does at more length. */
  readonly usage: readonly [arguments: string, text: string | (() => string)];
  readonly options: O;
  readonly renamed?: Readonly<Record<string, string>>;
  readonly positional?: keyof O & string;
  /** Throws a `UsageError` for options that do not go together. */
  readonly check?: (args: Arguments<O>) => void;
  /** What comes after `$0`, and why one would say it. */
  readonly examples: readonly (readonly [string, string])[];
  /** What each exit code says, `0 done, 1 unexpected` left out. */
  readonly exitCodes: string;
  /** Commands of its own, as `import` has one for each format. */
  readonly commands?: (argv: Argv, $0: string) => Argv;
  readonly run?: (args: Arguments<O>, $0: string) => Promise<void>;
}

/** One form for all programs: usage, options, examples, exit codes; strict about what it does not know. */
export function command<const O extends Readonly<Record<string, Options>>>(parts: ProgramParts<O>): Program {
  const { name, describe, renamed = {}, check, run, commands } = parts;
  return {
    name,
    describe,
    renamed,
    positional: parts.positional,
    options: Object.keys(parts.options),
    kinds: Object.fromEntries(
      Object.entries(parts.options).map(([option, { type, array }]) => [
        option,
        type === 'boolean' ? 'flag' : array ? 'list' : 'value',
      ]),
    ),
    build(argv, $0) {
      const [usage, text] = parts.usage;
      argv
        .usage(`${$0} ${usage}\n\n${typeof text === 'string' ? text : text()}`.replace(/ \n/, '\n'))
        .options(parts.options)
        .epilogue(`Exit codes: 0 done, 1 unexpected, ${parts.exitCodes}.`)
        .strict();
      for (const [example, why] of parts.examples) argv.example(`${$0} ${example}`.trim(), why);
      if (check) {
        argv.check((args) => {
          check(args as unknown as Arguments<O>);
          return true;
        });
      }
      return commands ? commands(argv, $0) : argv;
    },
    async run(args, $0) {
      await run?.(args as Arguments<O>, $0);
    },
  };
}

/**
 * Ends a program on SIGINT, SIGTERM or SIGHUP: the first time by the signal that is returned, the second time at
 * once, with exit code 130.
 *
 * @param message of the error that the signal carries
 * @param notice a line that is written the first time
 * @param atOnce what must be done even when it ends at once
 */
export function interruption(
  message: string,
  { notice, atOnce }: { readonly notice?: string; readonly atOnce?: () => void } = {},
): AbortSignal {
  const interrupt = new AbortController();
  const onSignal = () => {
    if (interrupt.signal.aborted) {
      atOnce?.();
      process.exit(130);
    }
    if (notice) process.stderr.write(`\n${notice}\n`);
    interrupt.abort(new InterruptedError(message));
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal).on('SIGHUP', onSignal);
  return interrupt.signal;
}

/** Puts the new spelling in place of the old, with a line that says so. */
export function withoutOldNames(argv: readonly string[], { renamed }: Program): string[] {
  return argv.map((word) => {
    const [, name, rest] = /^--([\w-]+)(=.*)?$/s.exec(word) ?? [];
    const now = name === undefined ? undefined : renamed[name];
    if (now === undefined) return word;
    writeLine(`--${name} is called --${now} now`);
    return `--${now}${rest ?? ''}`;
  });
}

/** A typed error becomes one message on stderr and its exit code, anything else its stack and exit code 1. */
export function reportError(error: unknown): void {
  if (error instanceof GainError) {
    process.stderr.write(`${error.name}: ${error.message}\n`);
    process.exitCode = error.exitCode;
  } else {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  }
}

/**
 * Waits for a program, and never for nothing: where the event loop runs dry before it is settled, since what it waits
 * for was lost, Node would end the process with code 13 and no word, or with code 0. Here that is an error, and what is
 * to be done at the end of a process (locks) is done.
 *
 * @param name of the program, for the message
 */
export async function untilSettled(name: string, work: Promise<void>): Promise<void> {
  const stalled = () => {
    reportError(
      new StalledError(
        `${name}: waits for something that cannot come any more, and ends here. Files that have their name are whole; ` +
          'a run goes on with --resume. This is a fault of tfjs-gain: please report it with the command and the lines above',
      ),
    );
    process.exit();
  };
  process.once('beforeExit', stalled);
  try {
    await work;
  } finally {
    process.off('beforeExit', stalled);
  }
}

/** Runs the body of a program that has no options of its own: a benchmark, a check for developers. */
export async function runProgram(body: () => Promise<void>): Promise<void> {
  await untilSettled(process.argv[1] ?? 'program', body()).catch(reportError);
}

/** `--method a b`, `--method a,b` and `--method a --method b` are the same. */
export function listOf(values: readonly string[]): string[];
export function listOf(values: readonly string[] | undefined): string[] | undefined;
export function listOf(values: readonly string[] | undefined): string[] | undefined {
  return values
    ?.flatMap((value) => value.split(','))
    .map((value) => value.trim())
    .filter(Boolean);
}

/** @throws {UsageError} for what is not a whole number of at least `least` */
export function atLeast(option: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least) return value;
  throw new UsageError(`--${option}: expected a whole number of at least ${least}, found ${value}`);
}

/**
 * The names in `--classes`: separated by commas, or those in a file, `@FILE`.
 *
 * @throws {DataError} when the file cannot be read or holds no names
 */
export async function classNamesOf(option: string | undefined): Promise<readonly string[] | undefined> {
  if (option === undefined) return undefined;
  const { readClassNames } = await import('../run/index.ts');
  if (option.startsWith('@')) return readClassNames(option.slice(1));
  if (!option.includes(',') && existsSync(option)) {
    writeLine(`--classes ${option} is said --classes @${option} now`);
    return readClassNames(option);
  }
  return option.split(',').map((name) => name.trim());
}
