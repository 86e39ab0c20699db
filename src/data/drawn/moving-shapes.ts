import { type Random, randomFor } from '../../random/index.ts';
import { stackFrames, stackMasks } from '../clips/index.ts';
import type { ImageExample } from '../image-example.ts';
import { createNoise } from './noise.ts';
import { type Canvas, type Color, createCanvas, drawParts, type Part } from './raster.ts';

/** What a shape does in a clip: the class. */
export const motions = ['left', 'right', 'up', 'down', 'grow', 'shrink'] as const;
type Motion = (typeof motions)[number];

/** How another shape behaves, which is no class. */
const idle = ['stands', 'turns', 'trembles'] as const;

export interface MovingShapesOptions {
  readonly seed: number;
  /** Width and height of the frames. */
  readonly size: number;
  readonly frames: number;
  readonly distractor: boolean;
}

/** Raised whenever the same options draw other clips. */
export const movingShapesVersion = 1;

/** Where a shape is in each frame, in shares of the width, and how large. */
interface Path {
  at(share: number): { x: number; y: number; radius: number; angle: number };
}

/**
 * A clip in which one shape moves, grows or shrinks, its class, before a ground that stands still; a second shape, of
 * another form and colour, stands, turns round or trembles, which is no class. Neither form, colour nor ground says
 * anything of the class.
 *
 * @param withMask whether the moving shape has its mask, in every frame
 * @param key of the random stream: the same key draws the same clip
 */
export async function drawMovingShapes(
  { seed, size, frames, distractor }: MovingShapesOptions,
  withMask: boolean,
  ...key: (number | string)[]
): Promise<ImageExample> {
  const random = randomFor(seed, 'moving-shapes', ...key);
  const label = random.integer(motions.length);
  const motion = motions[label]!;
  const [form, otherForm] = random.shuffle(Object.keys(forms)) as [keyof typeof forms, keyof typeof forms];
  const [color, otherColor] = random.shuffle([...colors]) as [Color, Color];
  const path = pathOf(motion, random);
  const other = idlePath(random.pick(idle), path, random);
  const ground = groundOf(size, random);

  const values = new Float32Array(frames * size * size * 3);
  const mask = new Uint8Array(frames * size * size);
  const otherInFront = random.next() < 0.5;
  for (let t = 0; t < frames; t++) {
    const share = frames === 1 ? 0.5 : t / (frames - 1);
    const canvas = createCanvas(size, size);
    canvas.pixels.set(ground);
    const hidden = () => drawShape(canvas, otherForm, otherColor, other.at(share));
    if (distractor && !otherInFront) hidden();
    const covered = drawShape(canvas, form, color, path.at(share));
    const before = distractor && otherInFront ? hidden() : undefined;
    for (let i = 0; i < covered.length; i++) {
      mask[t * size * size + i] = Number(covered[i]! * (1 - (before?.[i] ?? 0)) >= 0.5);
    }
    for (let i = 0; i < canvas.pixels.length; i++) {
      values[t * canvas.pixels.length + i] = canvas.pixels[i]! + 0.02 * random.uniform(-1, 1);
    }
  }
  const name = `${key.join('-')}-${motion}.png`;
  const stacked = await stackFrames({ shape: [frames, size, size, 3], values }, name);
  const box = { class: label, xmin: 0, ymin: 0, xmax: 1, ymax: 1 };
  return {
    ...stacked,
    filename: name,
    labels: [label],
    objects: withMask ? [{ ...box, mask: await stackMasks(mask, size) }] : [],
  };
}

const colors: readonly Color[] = [
  [0.9, 0.25, 0.2],
  [0.2, 0.55, 0.9],
  [0.95, 0.8, 0.2],
  [0.3, 0.75, 0.35],
  [0.75, 0.4, 0.85],
  [0.95, 0.95, 0.95],
];

/** Outlines about a circle of radius 1. */
const forms = {
  disc: { ellipse: [0, 0, 0.9, 0.9] },
  square: polygon([45, 135, 225, 315], 1.1),
  triangle: polygon([270, 30, 150], 1.15),
  cross: {
    polygon: cross(0.38, 1.05),
  },
  star: polygon(
    Array.from({ length: 10 }, (_, i) => 36 * i - 90),
    1.1,
    0.5,
  ),
} satisfies Record<string, Part['shape']>;

function polygon(degrees: readonly number[], radius: number, inner = radius): Part['shape'] {
  return {
    polygon: degrees.map((degree, i) => {
      const reach = i % 2 === 0 || inner === radius ? radius : inner;
      return [
        reach * Math.cos((degree * Math.PI) / 180),
        reach * Math.sin((degree * Math.PI) / 180),
      ] as const;
    }),
  };
}

function cross(a: number, b: number): (readonly [number, number])[] {
  const arm = [
    [-a, -b],
    [a, -b],
    [a, -a],
  ] as const;
  return [0, 1, 2, 3].flatMap((quarter) =>
    arm.map(([x, y]) => {
      const [cos, sin] = [Math.cos((quarter * Math.PI) / 2), Math.sin((quarter * Math.PI) / 2)];
      return [cos * x - sin * y, sin * x + cos * y] as const;
    }),
  );
}

function drawShape(
  canvas: Canvas,
  form: keyof typeof forms,
  color: Color,
  { x, y, radius, angle }: ReturnType<Path['at']>,
): Float32Array {
  const scale = radius * canvas.width;
  const pose = { x: x * canvas.width, y: y * canvas.height, scale, mirror: false, angle };
  return drawParts(canvas, [{ shape: forms[form], color }], pose);
}

function pathOf(motion: Motion, random: Random): Path {
  const radius = random.uniform(0.11, 0.16);
  const angle = random.uniform(0, 2 * Math.PI);
  const way = random.uniform(0.28, 0.45);
  const across = random.uniform(0.2, 0.8);
  const middle = random.uniform(0.5 - (0.5 - radius - way / 2), 0.5 + (0.5 - radius - way / 2));
  const along = (share: number, sign: number) => middle + sign * way * (share - 0.5);
  switch (motion) {
    case 'left':
    case 'right': {
      const sign = motion === 'right' ? 1 : -1;
      return { at: (share) => ({ x: along(share, sign), y: across, radius, angle }) };
    }
    case 'up':
    case 'down': {
      const sign = motion === 'down' ? 1 : -1;
      return { at: (share) => ({ x: across, y: along(share, sign), radius, angle }) };
    }
    case 'grow':
    case 'shrink': {
      const [small, large] = [random.uniform(0.07, 0.09), random.uniform(0.17, 0.22)];
      const [from, to] = motion === 'grow' ? [small, large] : [large, small];
      const [x, y] = [random.uniform(0.25, 0.75), random.uniform(0.25, 0.75)];
      return { at: (share) => ({ x, y, radius: from + (to - from) * share, angle }) };
    }
  }
}

/** The other shape keeps away from the middle of the path of the moving one. */
function idlePath(kind: (typeof idle)[number], moving: Path, random: Random): Path {
  const { x: mx, y: my } = moving.at(0.5);
  const radius = random.uniform(0.1, 0.17);
  let [x, y] = [0, 0];
  for (let attempt = 0; attempt < 20; attempt++) {
    [x, y] = [random.uniform(radius, 1 - radius), random.uniform(radius, 1 - radius)];
    if (Math.hypot(x - mx, y - my) > 0.36) break;
  }
  const angle = random.uniform(0, 2 * Math.PI);
  const turn = kind === 'turns' ? random.uniform(1.2, 2.4) * (random.next() < 0.5 ? -1 : 1) : 0;
  const [phase, reach] = [random.uniform(0, 2 * Math.PI), kind === 'trembles' ? 0.03 : 0];
  return {
    at: (share) => ({
      x: x + reach * Math.sin(phase + 19 * share),
      y: y + reach * Math.cos(2 * phase + 23 * share),
      radius,
      angle: angle + turn * share,
    }),
  };
}

/** A patchy ground of two dark colours, [size·size·3]. */
function groundOf(size: number, random: Random): Float32Array {
  const noise = createNoise(random);
  const tones = [0, 1].map(() => [0, 1, 2].map(() => random.uniform(0.08, 0.45)));
  const [scale, dx, dy] = [random.uniform(3, 7), random.uniform(0, 60), random.uniform(0, 60)];
  return Float32Array.from({ length: size * size * 3 }, (_, i) => {
    const pixel = Math.trunc(i / 3);
    const [x, y] = [(pixel % size) / size, Math.trunc(pixel / size) / size];
    const share = 0.5 + 0.5 * noise(dx + x * scale, dy + y * scale);
    return tones[0]![i % 3]! * share + tones[1]![i % 3]! * (1 - share);
  });
}
