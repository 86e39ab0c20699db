import { type Random, randomFrom } from '../../src/random/index.ts';

/** Random numbers that are written down as they are drawn: the input that they make can be made again. */
export interface Recorded {
  readonly random: Random;
  /** The numbers drawn so far. */
  readonly choices: readonly number[];
}

/** Writes down what is drawn from `source`. */
export function record(source: Random): Recorded {
  const choices: number[] = [];
  const draw = (): number => {
    const value = source.next();
    choices.push(value);
    return value;
  };
  return { random: randomFrom(draw), choices };
}

/** The numbers of an earlier run; 0 once they have run out. */
export function replay(choices: readonly number[]): Recorded {
  const drawn: number[] = [];
  const draw = (): number => {
    const value = choices[drawn.length] ?? 0;
    drawn.push(value);
    return value;
  };
  return { random: randomFrom(draw), choices: drawn };
}

/** As many choices as pairs of them are tried of. */
const FEW = 24;

/**
 * Makes the choices behind a fault fewer and smaller, as long as the fault stays (MacIver & Donaldson 2020, "Test-case
 * reduction via test-case generation"): stretches are left out, then numbers become 0 or half of themselves.
 *
 * @param fails runs the choices; the choices that were drawn if the fault is still there, else null
 * @param attempts how many runs it may cost
 */
export async function shrink(
  found: readonly number[],
  fails: (choices: readonly number[]) => Promise<readonly number[] | null>,
  attempts: number,
): Promise<readonly number[]> {
  let best = found;
  let left = attempts;
  const better = async (candidate: readonly number[]): Promise<boolean> => {
    if (left-- <= 0) return false;
    const drawn = await fails(candidate);
    if (drawn === null || !isSimpler(drawn, best)) return false;
    best = drawn;
    return true;
  };
  for (let improved = true; improved && left > 0; ) {
    improved = false;
    for (let length = Math.ceil(best.length / 2); length >= 1 && left > 0; length = Math.floor(length / 2)) {
      for (let at = 0; at < best.length && left > 0; ) {
        const shorter = [...best.slice(0, at), ...best.slice(at + length)];
        if (await better(shorter)) improved = true;
        else at += length;
      }
    }
    for (let at = 0; at < best.length && left > 0; at++) {
      for (const smaller of [0, best[at]! / 2]) {
        if (smaller >= best[at]!) continue;
        if (await better(best.with(at, smaller))) {
          improved = true;
          break;
        }
      }
    }
    // A list that loses an element has a smaller length, drawn before it.
    for (let at = 0; at < best.length && best.length <= FEW && left > 0; at++) {
      for (let gone = at + 1; gone < best.length && left > 0; gone++) {
        const smaller = best.with(at, best[at]! * 0.75);
        if (best[at]! > 0 && (await better([...smaller.slice(0, gone), ...smaller.slice(gone + 1)]))) {
          improved = true;
        }
      }
    }
  }
  return best;
}

function isSimpler(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return a.length < b.length;
  const at = a.findIndex((value, i) => value !== b[i]);
  return at >= 0 && a[at]! < b[at]!;
}
