import { type Random, randomFor } from '../../random/index.ts';
import type { Box } from '../batch.ts';
import { drawUpDistractor } from './distractors.ts';
import { type Ground, type Layout, paintGround } from './grounds.ts';
import { drawUp, type ObjectClass, WIDTHS } from './objects.ts';
import { type Canvas, createCanvas, drawParts, type Part } from './raster.ts';

/** What a scene is to show. */
export interface ScenePlan {
  readonly ground: Ground;
  /** Its objects, drawn one over the other. */
  readonly objects: readonly ObjectClass[];
  /** A word for the name of its file. */
  readonly tag: string;
  /** Rows at the upper and at the lower edge that hide what is drawn there, and that objects keep out of. @default 0 */
  readonly hiddenRows?: number;
  /** Makes 8-bit values of what was painted. @default light, tint and grain of the whole picture */
  readonly develop?: (canvas: Canvas, random: Random) => Uint8Array;
}

export interface SceneObject extends Box {
  /** [size*size], 255 where the object is seen, else 0. */
  mask: Uint8Array;
  /** Pixels of the mask. */
  area: number;
}

export interface Scene {
  ground: Ground;
  tag: string;
  /** [size, size, 3] bytes. */
  pixels: Uint8Array;
  /** Class indices, each once, ascending. */
  labels: number[];
  objects: SceneObject[];
}

/** Share of the image that must be seen of every object. */
const LEAST_AREA = 20 / 64 ** 2;

/** Share of an object that hidden rows may hide. */
const MOST_HIDDEN = 0.15;

/**
 * Draws a scene with one or two objects and a few distractors.
 *
 * @param classes of the set, in their order: a label is an index into them
 * @param plan draws what is to be seen
 * @param key of the random stream: the same key draws the same scene
 */
export function drawScene(
  size: number,
  classes: readonly ObjectClass[],
  plan: (random: Random) => ScenePlan,
  ...key: (number | string)[]
): Scene {
  for (let attempt = 0; ; attempt++) {
    const random = randomFor(...key, attempt);
    const scene = tryScene(size, classes, plan(random), random);
    if (scene) return scene;
  }
}

/** @returns undefined where so little of an object is seen that nobody could name it */
function tryScene(
  size: number,
  classes: readonly ObjectClass[],
  { ground, objects: wanted, tag, hiddenRows = 0, develop = developPlainly }: ScenePlan,
  random: Random,
): Scene | undefined {
  const needsShore = ground === 'water' && wanted.some((name) => name !== 'boat' && name !== 'plane');
  const canvas = createCanvas(size, size);
  const layout = paintGround(
    canvas,
    ground,
    needsShore || (ground === 'water' && random.next() < 0.35),
    random,
  );

  const drawn: Drawn[] = [];
  const distractors = random.integer(3);
  for (let i = 0; i < distractors; i++) placeDistractor(canvas, layout, ground, drawn, random);
  for (const name of wanted) placeObject(canvas, layout, ground, name, classes.indexOf(name), drawn, random);
  if (drawn.some(({ index, covered }) => index !== undefined && hides(covered, size, hiddenRows)))
    return undefined;
  const objects = drawn.flatMap(({ index, covered }) =>
    index === undefined ? [] : [seen(index, covered, size)],
  );
  if (objects.some(({ area }) => area < LEAST_AREA * size ** 2)) return undefined;
  return {
    ground,
    tag,
    pixels: develop(canvas, random),
    labels: [...new Set(objects.map((object) => object.class))].sort((a, b) => a - b),
    objects,
  };
}

/** Whether rows at the edges hide too much of an object. What they hide is taken from what is seen of it. */
function hides(covered: Float32Array, size: number, rows: number): boolean {
  if (rows === 0) return false;
  let [all, hidden] = [0, 0];
  covered.forEach((share, p) => {
    all += share;
    const y = Math.floor(p / size);
    if (y >= rows && y < size - rows) return;
    hidden += share;
    covered[p] = 0;
  });
  return hidden > MOST_HIDDEN * all;
}

/** Something drawn, and the pixels of it that are still seen. Distractors have no class. */
interface Drawn {
  index: number | undefined;
  covered: Float32Array;
  bounds: Bounds;
}

/** Left, top, right, bottom, in pixels. */
type Bounds = readonly [number, number, number, number];

function placeObject(
  canvas: Canvas,
  layout: Layout,
  ground: Ground,
  name: ObjectClass,
  index: number,
  drawn: Drawn[],
  random: Random,
): void {
  const parts = drawUp(name, random);
  const scale = (random.uniform(...WIDTHS[name]) * canvas.width) / 64;
  const [up] = heights(parts);
  const rows: readonly [number, number] =
    name === 'plane'
      ? [Math.min(scale * 0.7, layout.horizon), Math.max(scale * 0.7, layout.horizon + canvas.height * 0.12)]
      : name === 'boat' && ground === 'water'
        ? [Math.min(layout.bank + canvas.height * 0.1, layout.shore - 1), layout.shore - 1]
        : ground === 'water'
          ? [layout.shore + canvas.height * 0.06, canvas.height - 1]
          : [layout.horizon + canvas.height * 0.16, canvas.height - 1];
  const angle = name === 'plane' ? random.uniform(-0.35, 0.35) : random.uniform(-0.07, 0.07);
  settle(canvas, parts, { scale, angle, rows, least: Math.min(up * scale, rows[1]) }, index, drawn, random);
}

function placeDistractor(
  canvas: Canvas,
  layout: Layout,
  ground: Ground,
  drawn: Drawn[],
  random: Random,
): void {
  const sky = random.next() < 0.25;
  const place = sky ? 'sky' : ground === 'water' ? 'water' : 'land';
  const rows = sky ? ([3, layout.horizon - 2] as const) : ([layout.bank + 3, layout.shore - 1] as const);
  const scale = (random.uniform(4, 10) * canvas.width) / 64;
  settle(
    canvas,
    drawUpDistractor(place, random),
    { scale, angle: random.uniform(-0.1, 0.1), rows, least: 0 },
    undefined,
    drawn,
    random,
  );
}

interface Wish {
  scale: number;
  angle: number;
  rows: readonly [number, number];
  /** The lowest row number at which the whole height still fits. */
  least: number;
}

/** Tries places until the new thing hides little of what is there, then draws it. */
function settle(
  canvas: Canvas,
  parts: readonly Part[],
  wish: Wish,
  index: number | undefined,
  drawn: Drawn[],
  random: Random,
): void {
  const { scale, angle } = wish;
  const mirror = random.next() < 0.5;
  const top = Math.min(wish.rows[1], Math.max(wish.rows[0], wish.least));
  const margin = Math.min(scale * 0.5, canvas.width * 0.5);
  const [up, down] = heights(parts);
  let [x, y] = [0, 0];
  let bounds: Bounds = [0, 0, 0, 0];
  for (let attempt = 0; attempt < 25; attempt++) {
    x = random.uniform(margin, canvas.width - margin);
    y = random.uniform(top, wish.rows[1]);
    bounds = [x - scale * 0.5, y - scale * up, x + scale * 0.5, y + scale * down];
    if (drawn.every((other) => overlap(bounds, other.bounds) < 0.15)) break;
  }
  const covered = drawParts(canvas, parts, { x, y, scale, mirror, angle });
  for (const other of drawn) {
    for (let i = 0; i < covered.length; i++) other.covered[i]! *= 1 - covered[i]!;
  }
  drawn.push({ index, covered, bounds });
}

/** How far the parts reach above and below their origin. */
function heights(parts: readonly Part[]): [up: number, down: number] {
  const rows = parts.flatMap(({ shape }) => {
    if ('polygon' in shape) return shape.polygon.map(([, y]) => y);
    const [, y, , ry] = shape.ellipse;
    return [y - ry, y + ry];
  });
  return [-Math.min(...rows), Math.max(...rows)];
}

/** Shared area of two rectangles as a part of the smaller one. */
function overlap(a: Bounds, b: Bounds): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  const area = ([left, top, right, bottom]: Bounds) => (right - left) * (bottom - top);
  return width > 0 && height > 0 ? (width * height) / Math.min(area(a), area(b)) : 0;
}

/** Mask and tight box of what is seen of an object. */
function seen(index: number, covered: Float32Array, size: number): SceneObject {
  const mask = new Uint8Array(size * size);
  let [left, top, right, bottom, area] = [size, size, 0, 0, 0];
  for (let i = 0; i < covered.length; i++) {
    if (covered[i]! < 0.5) continue;
    mask[i] = 255;
    area++;
    const [x, y] = [i % size, Math.floor(i / size)];
    left = Math.min(left, x);
    right = Math.max(right, x + 1);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y + 1);
  }
  const box = { xmin: left / size, ymin: top / size, xmax: right / size, ymax: bottom / size };
  return { class: index, mask, area, ...box };
}

/** Light, tint and grain of the whole picture, and 8-bit values. */
export function developPlainly({ pixels }: Canvas, random: Random): Uint8Array {
  const light = random.uniform(0.82, 1.12);
  const tint = [random.uniform(0.95, 1.05), random.uniform(0.97, 1.03), random.uniform(0.95, 1.05)];
  const grain = random.uniform(0.01, 0.03);
  const developed = new Uint8Array(pixels.length);
  for (let i = 0; i < pixels.length; i++) {
    const noisy = pixels[i]! * light * tint[i % 3]! + grain * random.uniform(-1, 1);
    developed[i] = Math.round(255 * Math.min(1, Math.max(0, noisy)));
  }
  return developed;
}
