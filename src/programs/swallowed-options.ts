import { UsageError } from '../errors/index.ts';
import { writeLine } from '../progress/index.ts';
import type { Program } from './program.ts';

/**
 * Gives a program the options that npm kept for itself: without `--` before them, `npm run train --config a.yaml` hands on
 * `a.yaml` alone, and puts `npm_config_config=true` into the environment.
 *
 * Where it is certain what was meant, that is done, and said; the order of several options is lost, so that more
 * than one that takes a value is an error.
 *
 * @param argv name of the program, and what npm handed on
 * @returns what was meant
 * @throws {UsageError} that says how it is written
 */
export function withSwallowedOptions(
  argv: readonly string[],
  { name, kinds }: Pick<Program, 'name' | 'kinds'>,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string[] {
  const [, ...handed] = argv;
  const script = env.npm_lifecycle_event;
  if (env.npm_command !== 'run' || script?.replace(':', '-') !== name) return [...argv];
  const given = new Set(handed.flatMap((word) => /^--(?:no-)?([\w-]+)/.exec(word)?.[1] ?? []));
  const swallowed = Object.entries(kinds).flatMap(([option, kind]) => {
    const value = env[`npm_config_${option.replaceAll('-', '_')}`];
    return value === undefined || given.has(option) ? [] : [{ option, kind, value }];
  });
  if (swallowed.length === 0) return [...argv];

  const restored: string[] = [];
  // `--image-size=224` was kept whole; of `--image-size 224` only "true" was.
  const open = swallowed.filter(({ kind, value }) => kind !== 'flag' && /^true(\s+true)*$/.test(value));
  for (const { option, kind, value } of swallowed) {
    if (open.some((one) => one.option === option)) continue;
    if (kind !== 'flag') restored.push(...value.split('\n\n').map((each) => `--${option}=${each}`));
    else restored.push(value === 'false' || value === '' ? `--no-${option}` : `--${option}`);
  }
  const values = handed.filter((word) => !word.startsWith('-'));
  const [only] = open;
  const fits = only !== undefined && open.length === 1 && (only.kind === 'list' || values.length === 1);
  if (open.length > 0 && !(fits && values.length === handed.length && values.length > 0)) {
    const names = swallowed.map(({ option }) => `--${option}`).join(', ');
    throw new UsageError(
      `npm kept ${names} for itself; options come after two dashes: npm run ${script} -- ${open
        .map(({ option }) => `--${option} …`)
        .join(' ')}`,
    );
  }
  const rest = only ? [`--${only.option}`, ...values] : handed;
  writeLine(
    `npm kept options for itself; this was read as: npm run ${script} -- ${[...restored, ...rest].join(' ')}`,
  );
  return [name, ...restored, ...rest];
}
