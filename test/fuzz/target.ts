import type { Random } from '../../src/random/index.ts';

/**
 * Something that random inputs are thrown at, in process.
 *
 * `run` makes one input from `random` and tries it. It decides what is right:
 * - it returns: the input was taken, and every value was right;
 * - it throws one of `src/errors`: the input was refused as it should be, by an error that a user understands;
 * - it throws anything else: a fault. Use {@link wrong} to say what was found.
 *
 * Everything random comes from `random`, and small numbers of it make simple inputs (the first choice of `pick`, short
 * lists): then a fault is shrunk by itself.
 */
export interface FuzzTarget {
  /** What `npm run fuzz -- NAME` calls it. */
  readonly name: string;
  /** One line: what is thrown at what, and what is right. */
  readonly describe: string;
  /** Inputs of the short run in `npm test`. @default 50 */
  readonly short?: number;
  /** Seconds that one input may take; more is a fault. @default 20 */
  readonly seconds?: number;
  /** Before the first input, outside of all limits: engines, folders. */
  start?(): Promise<void>;
  run(random: Random): Promise<void>;
  /** After the last input. */
  end?(): Promise<void>;
}

/** A value that is not what it must be. The message holds the input, as far as it can be said in a line or two. */
export class Wrong extends Error {
  override readonly name = 'Wrong';
}

/** Ends the run of an input that gave something wrong. */
export function wrong(message: string): never {
  throw new Wrong(message);
}
