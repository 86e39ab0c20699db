import type { Random } from '../../random/index.ts';

const LATTICE = 64;

/** A smooth random field over the plane, from -1 to 1, about 1 unit from one hill to the next. */
export type Noise = (x: number, y: number) => number;

/** Value noise: random numbers on a lattice (which repeats after 64), smoothly interpolated. */
export function createNoise(random: Random): Noise {
  const values = Float32Array.from({ length: LATTICE * LATTICE }, () => random.uniform(-1, 1));
  const last = LATTICE - 1;
  return (x, y) => {
    const column = Math.floor(x);
    const row = Math.floor(y);
    const u = smooth(x - column);
    const v = smooth(y - row);
    const [left, right] = [column & last, (column + 1) & last];
    const [above, below] = [(row & last) * LATTICE, ((row + 1) & last) * LATTICE];
    const upper = values[above + left]! * (1 - u) + values[above + right]! * u;
    const lower = values[below + left]! * (1 - u) + values[below + right]! * u;
    return upper * (1 - v) + lower * v;
  };
}

/** Three octaves: each half as strong and twice as fine as the one before. */
export function layered(noise: Noise): Noise {
  return (x, y) =>
    (noise(x, y) + noise(2 * x + 17, 2 * y + 5) / 2 + noise(4 * x + 31, 4 * y + 47) / 4) / 1.75;
}

function smooth(t: number): number {
  return t * t * (3 - 2 * t);
}
