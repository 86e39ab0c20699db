import { GainError } from '../../src/errors/index.ts';
import { type Random, randomFor } from '../../src/random/index.ts';
import { record, replay, shrink } from './choices.ts';
import type { FuzzTarget } from './target.ts';
import { watch } from './watchdog.ts';

export interface FuzzOptions {
  readonly seed: number;
  /** Stops after this many inputs. @default no limit */
  readonly inputs?: number;
  /** Stops after this many minutes. @default no limit */
  readonly minutes?: number;
  /** The one input to try, as a fault names it. */
  readonly only?: number;
  /** Faults of different kinds that are shrunk and kept; more are only counted. @default 20 */
  readonly keep?: number;
  readonly onProgress?: (counts: FuzzCounts) => void;
}

export interface FuzzCounts {
  readonly tried: number;
  /** Inputs that were refused by a typed error. */
  readonly typed: number;
  /** Inputs that were taken, with everything right. */
  readonly right: number;
  readonly bad: number;
}

export interface Fault {
  /** The input's number: `--seed S --input N` tries it again. */
  readonly input: number;
  readonly message: string;
  /** What the simplest input of the same kind says. */
  readonly simplest: string;
}

export interface FuzzResult extends FuzzCounts {
  readonly target: string;
  readonly seed: number;
  readonly seconds: number;
  readonly faults: readonly Fault[];
}

/** Growth of the process over one input that is a fault, in bytes. */
const MOST_MEMORY = 2 ** 30;
const SHRINKING_RUNS = 400;

/**
 * Throws random inputs at a target. Input n of a seed is the same on every machine, whichever came before.
 *
 * Faults of one kind (messages that are equal but for their numbers) are kept once.
 */
export async function runTarget(target: FuzzTarget, options: FuzzOptions): Promise<FuzzResult> {
  const { seed, inputs = Number.POSITIVE_INFINITY, minutes = Number.POSITIVE_INFINITY, keep = 20 } = options;
  const seconds = target.seconds ?? 20;
  await target.start?.();
  const watchdog = watch(target.name, seed, seconds);
  const started = performance.now();
  const counts = { tried: 0, typed: 0, right: 0, bad: 0 };
  const faults = new Map<string, Fault>();
  const first = options.only ?? 0;
  const last = options.only === undefined ? inputs : first + 1;
  try {
    for (let input = first; input < last; input++) {
      if (performance.now() - started > minutes * 60_000) break;
      watchdog.begin(input);
      const recorded = record(randomFor('fuzz', target.name, seed, input));
      const outcome = await attempt(target, recorded.random, seconds);
      counts.tried++;
      counts[outcome.verdict]++;
      if (outcome.verdict === 'bad' && !faults.has(kindOf(outcome.message)) && faults.size < keep) {
        const { message } = outcome;
        const simplest = await simplestOf(target, recorded.choices, message, () => watchdog.begin(input));
        faults.set(kindOf(message), { input, message, simplest });
      }
      options.onProgress?.(counts);
    }
  } finally {
    watchdog.end();
    await target.end?.();
  }
  const took = (performance.now() - started) / 1000;
  return { target: target.name, seed, ...counts, seconds: took, faults: [...faults.values()] };
}

type Outcome =
  | { readonly verdict: 'right' | 'typed' }
  | { readonly verdict: 'bad'; readonly message: string };

async function attempt(target: FuzzTarget, random: Random, seconds: number): Promise<Outcome> {
  const memory = process.memoryUsage.rss();
  const started = performance.now();
  try {
    await target.run(random);
  } catch (error) {
    if (!(error instanceof GainError)) return { verdict: 'bad', message: describeError(error) };
    const problem = overLimits(started, memory, seconds);
    return problem ? { verdict: 'bad', message: `${problem}: ${error.message}` } : { verdict: 'typed' };
  }
  const problem = overLimits(started, memory, seconds);
  return problem ? { verdict: 'bad', message: problem } : { verdict: 'right' };
}

function overLimits(started: number, memory: number, seconds: number): string | null {
  const took = (performance.now() - started) / 1000;
  if (took > seconds) return `took ${took.toFixed(1)} s`;
  const grown = process.memoryUsage.rss() - memory;
  return grown > MOST_MEMORY ? `grew by ${Math.round(grown / 2 ** 20)} MiB` : null;
}

/** The message, and for what is no {@link Wrong} where it came from. */
function describeError(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${String(error)}`;
  if (error.name === 'Wrong') return error.message;
  const frame = error.stack?.split('\n').find((line) => line.trim().startsWith('at '));
  return `${error.name}: ${error.message} (${frame?.trim() ?? 'no stack'})`;
}

/** What stays of a message when its numbers, and lists of them, are left out. */
export function kindOf(message: string): string {
  return message
    .split('\n', 1)[0]!
    .replace(/-?\d+(\.\d+)?(e[+-]?\d+)?|-?Infinity|NaN/gi, '#')
    .replace(/#([, x]+#)*/g, '#')
    .slice(0, 120);
}

async function simplestOf(
  target: FuzzTarget,
  choices: readonly number[],
  message: string,
  beat: () => void,
): Promise<string> {
  const seconds = target.seconds ?? 20;
  const tryAgain = async (candidate: readonly number[]) => {
    beat();
    const recorded = replay(candidate);
    const outcome = await attempt(target, recorded.random, seconds);
    const isSame = outcome.verdict === 'bad' && kindOf(outcome.message) === kindOf(message);
    return isSame ? { message: outcome.message, choices: recorded.choices } : null;
  };
  const best = await shrink(
    choices,
    async (candidate) => (await tryAgain(candidate))?.choices ?? null,
    SHRINKING_RUNS,
  );
  return (await tryAgain(best))?.message ?? message;
}
