import { UsageError } from '../../errors/index.ts';
import { type Random, randomFor } from '../../random/index.ts';
import { type Color, createCanvas, createNoise, drawParts, layered, type Part } from '../drawn/index.ts';

/** What an object of a scene can be. */
export const sceneShapes = ['circle', 'square', 'triangle', 'star'] as const;
export type SceneShape = (typeof sceneShapes)[number];

export const sceneColors = ['red', 'green', 'blue', 'yellow'] as const;
export type SceneColor = (typeof sceneColors)[number];

export interface SceneOptions {
  readonly count: number;
  /** Number of the first; scenes of different numbers differ. @default 0 */
  readonly first?: number | undefined;
  /** Side of the image, in pixels. @default 48 */
  readonly size?: number | undefined;
  /** @default 1 */
  readonly seed?: number | undefined;
}

export interface SceneObject {
  readonly shape: SceneShape;
  readonly color: SceneColor;
  /** Of its centre, from 0 to 1, to the right and down. */
  readonly x: number;
  readonly y: number;
  /** [H·W], 1 where the object is. */
  readonly mask: Float32Array;
}

/** A drawn scene: two objects before a mottled ground. */
export interface Scene {
  /** [H·W·3], from 0 to 1. */
  readonly image: Float32Array;
  /** The left one first; they differ in shape and in colour. */
  readonly objects: readonly [SceneObject, SceneObject];
}

const paints: Readonly<Record<SceneColor, Color>> = {
  red: [0.82, 0.16, 0.14],
  green: [0.18, 0.62, 0.22],
  blue: [0.16, 0.3, 0.82],
  yellow: [0.92, 0.82, 0.18],
};

const star = Array.from({ length: 10 }, (_, i): readonly [number, number] => {
  const [angle, radius] = [(Math.PI * i) / 5, i % 2 === 0 ? 0.62 : 0.27];
  return [radius * Math.sin(angle), -radius * Math.cos(angle)];
});

const outlines: Readonly<Record<SceneShape, Part['shape']>> = {
  circle: { ellipse: [0, 0, 0.48, 0.48] },
  square: {
    polygon: [
      [-0.43, -0.43],
      [0.43, -0.43],
      [0.43, 0.43],
      [-0.43, 0.43],
    ],
  },
  triangle: {
    polygon: [
      [0, -0.55],
      [0.56, 0.42],
      [-0.56, 0.42],
    ],
  },
  star: { polygon: star },
};

/**
 * Draws scenes to talk about: one object in the left half of the image and one in the right half, of different shapes and
 * colours, each turned a little, at any height, before a mottled ground.
 *
 * The same options draw the same images on every machine.
 *
 * @throws {UsageError} for numbers out of range
 */
export function drawScenes({ count, first = 0, size = 48, seed = 1 }: SceneOptions): Scene[] {
  for (const [name, value, least] of [
    ['count', count, 1],
    ['first', first, 0],
    ['size', size, 16],
  ] as const) {
    if (!(Number.isInteger(value) && value >= least)) {
      throw new UsageError(`${name}: expected a whole number of at least ${least}, received ${value}`);
    }
  }
  return Array.from({ length: count }, (_, i) => drawScene(size, randomFor(seed, 'scene', first + i)));
}

function drawScene(size: number, random: Random): Scene {
  const canvas = createCanvas(size, size);
  paintMottled(canvas.pixels, size, random);
  const shapes = random.shuffle([...sceneShapes]);
  const colors = random.shuffle([...sceneColors]);
  const [left, right] = [0, 1].map((side): SceneObject => {
    const [shape, color] = [shapes[side]!, colors[side]!];
    const x = 0.5 * side + random.uniform(0.17, 0.33);
    const y = random.uniform(0.2, 0.8);
    const pose = {
      x: x * size,
      y: y * size,
      scale: size * random.uniform(0.24, 0.32),
      mirror: random.next() < 0.5,
      angle: random.uniform(-0.25, 0.25),
    };
    const [r, g, b] = paints[color];
    const tone = (value: number) => Math.min(1, Math.max(0, value + random.uniform(-0.07, 0.07)));
    const covered = drawParts(canvas, [{ shape: outlines[shape], color: [tone(r), tone(g), tone(b)] }], pose);
    return { shape, color, x, y, mask: covered.map((share) => (share > 0.5 ? 1 : 0)) };
  });
  const image = canvas.pixels.map((value) => Math.min(1, Math.max(0, value + 0.04 * (random.next() - 0.5))));
  return { image, objects: [left!, right!] };
}

/** A ground of two dull colours that run into each other. */
function paintMottled(pixels: Float32Array, size: number, random: Random): void {
  const noise = layered(createNoise(random));
  const dull = () => {
    const grey = random.uniform(0.25, 0.75);
    return [0, 1, 2].map(() => grey + random.uniform(-0.08, 0.08));
  };
  const [one, other] = [dull(), dull()];
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const share = 0.5 + 0.5 * noise((6 * x) / size, (6 * y) / size);
      for (let c = 0; c < 3; c++) {
        pixels[3 * (y * size + x) + c] = share * one[c]! + (1 - share) * other[c]!;
      }
    }
  }
}
