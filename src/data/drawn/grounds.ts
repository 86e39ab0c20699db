import type { Random } from '../../random/index.ts';
import { createNoise, layered, type Noise } from './noise.ts';
import { blend, type Canvas, type Color } from './raster.ts';

export type Ground = 'water' | 'grass' | 'sand' | 'snow' | 'ice' | 'road' | 'soil';

export const LAND: readonly Ground[] = ['grass', 'sand', 'snow', 'ice', 'road', 'soil'];

/** The land beside water. */
const SHORES = ['grass', 'sand', 'snow', 'soil'] as const;

/** Where things can be in a scene, in rows of the canvas. */
export interface Layout {
  /** The ground begins here, the sky ends. */
  horizon: number;
  /** Water begins here: at the horizon, or beyond a far bank. */
  bank: number;
  /** In front of a water scene a strip of land begins here; at the lower edge where there is none. */
  shore: number;
}

/**
 * Paints sky, a line of hills or woods in most scenes, and the ground.
 *
 * @param shore whether a strip of land lies in front of the water
 */
export function paintGround(canvas: Canvas, ground: Ground, shore: boolean, random: Random): Layout {
  const noise = createNoise(random);
  const horizon = Math.round(canvas.height * random.uniform(0.22, 0.42));
  paintSky(canvas, horizon, random, noise);
  if (random.next() < 0.7) paintHills(canvas, horizon, random, noise);

  let bank = horizon;
  if (ground === 'water' && random.next() < 0.5) {
    bank += Math.round(canvas.height * random.uniform(0.08, 0.22));
    paintBelow(canvas, () => horizon, texture(random.pick(SHORES), canvas, horizon, random, noise));
  }
  const farEdge = (x: number) => (bank > horizon ? bank + noise(x / 9, 6.1) : horizon);
  paintBelow(canvas, farEdge, texture(ground, canvas, bank - 2, random, noise));
  if (!shore) return { horizon, bank, shore: canvas.height };

  const line = canvas.height - Math.round(canvas.height * random.uniform(0.2, 0.3));
  const nearEdge = (x: number) => line + 1.5 * noise(x / 9, 3.3);
  paintBelow(canvas, nearEdge, texture(random.pick(SHORES), canvas, line - 2, random, noise));
  return { horizon, bank, shore: line };
}

type Texture = (x: number, y: number) => Color;

function texture(ground: Ground, canvas: Canvas, top: number, random: Random, noise: Noise): Texture {
  const rough = layered(noise);
  const fine: Noise = (x, y) => noise(x * 0.9 + 7, y * 0.9 + 3);
  const base = tinted(random, random.pick(BASE_COLORS[ground]), 0.05);
  const tone = (light: number): Color => [base[0] * light, base[1] * light, base[2] * light];
  /** 0 at the top of the ground, 1 at the lower edge: near things are larger. */
  const nearness = (y: number) => (y - top) / (canvas.height - top);

  switch (ground) {
    case 'water': {
      const [length, steepness] = [random.uniform(5, 9), random.uniform(0.06, 0.24)];
      const calm = random.uniform(0.55, 1);
      return (x, y) => {
        // Waves are wide and flat, and flatter towards the horizon.
        const depth = 11 * Math.log(0.3 + nearness(y));
        const light = 0.95 + steepness * rough(x / length, depth) + 0.1 * nearness(y);
        const glint = Math.max(0, noise(x / 3 + 50, 1.4 * depth) - calm) * 1.2;
        return [base[0] * light + glint * 0.8, base[1] * light + glint * 0.8, base[2] * light + glint * 0.7];
      };
    }
    case 'grass':
      return (x, y) => tone(1 + 0.16 * rough(x / 7, y / 4) + 0.22 * fine(x * 1.4, y * 0.5));
    case 'sand':
      return (x, y) => tone(1 + 0.1 * rough(x / 11, y / 5) + 0.07 * fine(x * 1.3, y * 1.3));
    case 'snow':
      return (x, y) => tone(0.98 + 0.09 * rough(x / 12, y / 6) + 0.03 * fine(x, y));
    case 'ice':
      // Frozen water has the streaks of water and something of its colour, and cracks where that has glints.
      return (x, y) => {
        const depth = 11 * Math.log(0.3 + nearness(y));
        const crack = Math.abs(rough(x / 9 + 3, y / 6)) < 0.03 ? 0.8 : 1;
        return tone(crack * (1.05 + 0.09 * rough(x / 8, depth) + 0.06 * nearness(y)));
      };
    case 'soil': {
      const slant = random.uniform(-0.6, 0.6);
      const spacing = random.uniform(2.2, 4);
      return (x, y) => {
        const spread = (x - canvas.width / 2) / (0.35 + nearness(y)) + slant * (y - top);
        return tone(
          1 + 0.16 * Math.sin((spread * 2 * Math.PI) / (spacing * 2.2)) + 0.12 * rough(x / 5, y / 4),
        );
      };
    }
    case 'road': {
      const side = texture(random.pick(['grass', 'sand', 'soil'] as const), canvas, top, random, noise);
      const vanishing = canvas.width * random.uniform(0.3, 0.7);
      const middle = canvas.width * random.uniform(0.35, 0.65);
      const width = canvas.width * random.uniform(0.45, 0.7);
      return (x, y) => {
        const near = nearness(y);
        const offset = (x - (vanishing + (middle - vanishing) * near)) / (width * (0.12 + 0.88 * near));
        if (Math.abs(offset) > 0.5) return side(x, y);
        const dashed = Math.sin(9 / (near + 0.18)) > 0;
        if (Math.abs(offset) < 0.025 + 0.01 / (near + 0.2) && dashed) return [0.88, 0.86, 0.74];
        return tone(1 + 0.08 * fine(x * 1.3, y * 1.3) + 0.05 * rough(x / 8, y / 8));
      };
    }
  }
}

const BASE_COLORS: Record<Ground, readonly Color[]> = {
  water: [
    [0.16, 0.38, 0.55],
    [0.12, 0.42, 0.47],
    [0.26, 0.44, 0.54],
    [0.38, 0.44, 0.48],
    [0.3, 0.5, 0.52],
    [0.32, 0.42, 0.34],
    [0.5, 0.58, 0.64],
  ],
  grass: [
    [0.3, 0.5, 0.2],
    [0.42, 0.54, 0.24],
    [0.22, 0.4, 0.2],
  ],
  sand: [
    [0.82, 0.72, 0.52],
    [0.75, 0.63, 0.45],
    [0.86, 0.79, 0.64],
  ],
  snow: [
    [0.9, 0.93, 0.97],
    [0.8, 0.86, 0.94],
    [0.72, 0.8, 0.9],
  ],
  ice: [
    [0.62, 0.73, 0.8],
    [0.53, 0.63, 0.7],
    [0.6, 0.66, 0.7],
  ],
  soil: [
    [0.45, 0.33, 0.22],
    [0.38, 0.26, 0.18],
    [0.55, 0.42, 0.27],
  ],
  road: [
    [0.38, 0.38, 0.4],
    [0.3, 0.31, 0.33],
    [0.47, 0.46, 0.45],
  ],
};

const SKIES: readonly (readonly [Color, Color])[] = [
  [
    [0.36, 0.6, 0.88],
    [0.75, 0.86, 0.95],
  ],
  [
    [0.55, 0.6, 0.66],
    [0.78, 0.8, 0.82],
  ],
  [
    [0.42, 0.45, 0.68],
    [0.96, 0.72, 0.5],
  ],
  [
    [0.62, 0.78, 0.86],
    [0.92, 0.93, 0.88],
  ],
];

function paintSky(canvas: Canvas, horizon: number, random: Random, noise: Noise): void {
  const [high, low] = random.pick(SKIES).map((color) => tinted(random, color, 0.04)) as [Color, Color];
  const cloud = layered(noise);
  const cloudiness = random.uniform(-0.1, 0.6);
  paint(canvas, 0, horizon, (x, y) => {
    const fall = y / horizon;
    const white = Math.max(0, Math.min(0.85, (cloud(x / 13, y / 6) + cloudiness - 0.35) * 2));
    const [red, green, blue] = [
      high[0] + (low[0] - high[0]) * fall,
      high[1] + (low[1] - high[1]) * fall,
      high[2] + (low[2] - high[2]) * fall,
    ];
    return [red + white * (0.95 - red), green + white * (0.95 - green), blue + white * (0.95 - blue)];
  });
}

function paintHills(canvas: Canvas, horizon: number, random: Random, noise: Noise): void {
  const color = tinted(
    random,
    random.pick([
      [0.35, 0.42, 0.45],
      [0.25, 0.36, 0.24],
      [0.5, 0.5, 0.55],
      [0.42, 0.36, 0.3],
    ] as const),
    0.04,
  );
  const height = random.uniform(2, 7);
  const width = random.uniform(6, 18);
  const crest = (x: number) => horizon - height * (0.55 + 0.45 * noise(x / width, 9.5));
  for (let y = Math.max(0, Math.floor(horizon - height - 1)); y < horizon; y++) {
    for (let x = 0; x < canvas.width; x++) {
      const share = Math.min(1, Math.max(0, y + 0.5 - crest(x + 0.5) + 0.5));
      if (share > 0) blend(canvas, y * canvas.width + x, color, share, 1 + 0.12 * noise(x / 2, y / 2));
    }
  }
}

function paint(canvas: Canvas, top: number, bottom: number, color: Texture): void {
  for (let y = top; y < bottom; y++) {
    for (let x = 0; x < canvas.width; x++) blend(canvas, y * canvas.width + x, color(x, y), 1);
  }
}

function paintBelow(canvas: Canvas, edge: (x: number) => number, color: Texture): void {
  for (let x = 0; x < canvas.width; x++) {
    for (let y = Math.floor(edge(x)); y < canvas.height; y++) {
      blend(canvas, y * canvas.width + x, color(x, y), Math.min(1, y + 1 - edge(x)));
    }
  }
}

/** A colour near the given one. */
export function tinted(random: Random, color: Color, spread: number): Color {
  const light = random.uniform(-spread, spread);
  return color.map((c) =>
    Math.min(1, Math.max(0, c + light + random.uniform(-spread, spread))),
  ) as unknown as Color;
}
