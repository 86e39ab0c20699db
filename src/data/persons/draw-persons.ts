import { UsageError } from '../../errors/index.ts';
import { type Random, randomFor } from '../../random/index.ts';

export interface PersonOptions {
  /** How many persons. */
  readonly identities: number;
  /** Images of each. */
  readonly images: number;
  /** Number of the first; persons of different numbers differ. @default 0 */
  readonly first?: number | undefined;
  /** How many cameras, each with grounds of its own. @default 4 */
  readonly cameras?: number | undefined;
  /**
   * Share of a person's images that show it before its own ground, by which it can be told without a look at it; the others
   * are before any camera's. @default 0
   */
  readonly bias?: number | undefined;
  /** [H,W]. @default [64, 32] */
  readonly size?: readonly [number, number] | undefined;
  /** @default 1 */
  readonly seed?: number | undefined;
}

/** A drawn person. */
export interface Person {
  /** [H·W·3], from 0 to 1. */
  readonly image: Float32Array;
  /** [H·W], 1 on the person. */
  readonly mask: Float32Array;
  readonly identity: number;
  readonly camera: number;
}

type Color = readonly [number, number, number];

/** What makes a person that person. */
interface Looks {
  readonly hair: Color;
  readonly skin: Color;
  readonly top: Color;
  readonly stripes: { readonly color: Color; readonly period: number; readonly upright: boolean } | undefined;
  readonly trousers: Color;
  readonly width: number;
  readonly bag: Color | undefined;
  readonly ground: number;
}

/**
 * Draws persons for re-identification: each in clothes of its own, walking in another pose, place and light in every image,
 * before grounds that belong to cameras. With `bias` a person mostly stands before a ground of its own, the shortcut that a
 * network takes; test persons are drawn without.
 *
 * The same options draw the same images on every machine.
 *
 * @throws {UsageError} for numbers out of range
 */
export function drawPersons({
  identities,
  images,
  first = 0,
  cameras = 4,
  bias = 0,
  size = [64, 32],
  seed = 1,
}: PersonOptions): Person[] {
  for (const [name, value] of Object.entries({ identities, images, cameras })) {
    if (!(Number.isInteger(value) && value >= 1)) {
      throw new UsageError(`${name}: expected a whole number of at least 1, received ${value}`);
    }
  }
  if (!(bias >= 0 && bias <= 1))
    throw new UsageError(`bias: expected a number from 0 to 1, received ${bias}`);
  return Array.from({ length: identities }, (_, i) => first + i).flatMap((identity) => {
    const looks = looksOf(randomFor(seed, 'person', identity));
    return Array.from({ length: images }, (_, n) => {
      const random = randomFor(seed, 'picture', identity, n);
      const camera = n % cameras;
      const own = random.next() < bias;
      const ground = own ? looks.ground : groundOf(camera, random);
      return { ...drawOne(looks, ground, camera, size, random), identity, camera };
    });
  });
}

const color = (random: Random): Color => [random.next(), random.next(), random.next()];

function looksOf(random: Random): Looks {
  const tone = 0.35 + 0.5 * random.next();
  return {
    hair: [0.4 * random.next(), 0.3 * random.next(), 0.2 * random.next()],
    skin: [tone, 0.8 * tone, 0.65 * tone],
    top: color(random),
    stripes:
      random.next() < 0.5
        ? { color: color(random), period: 3 + random.integer(4), upright: random.next() < 0.5 }
        : undefined,
    trousers: color(random),
    width: 0.85 + 0.3 * random.next(),
    bag: random.next() < 0.3 ? color(random) : undefined,
    ground: random.integer(1_000_000),
  };
}

/** Each camera has three grounds. */
function groundOf(camera: number, random: Random): number {
  return 2_000_000 + 10 * camera + random.integer(3);
}

function drawOne(
  looks: Looks,
  ground: number,
  camera: number,
  [height, width]: readonly [number, number],
  random: Random,
): { image: Float32Array; mask: Float32Array } {
  const image = new Float32Array(height * width * 3);
  const mask = new Float32Array(height * width);
  drawGround(image, height, width, ground);
  const set = (y: number, x: number, shade: Color) => {
    if (y < 0 || x < 0 || y >= height || x >= width) return;
    const at = y * width + x;
    image.set(shade, 3 * at);
    mask[at] = 1;
  };
  const tall = (0.78 + 0.14 * random.next()) * height;
  const top = Math.round((height - tall) * random.next());
  const middle = width * (0.4 + 0.2 * random.next());
  const unit = tall / 8;
  const sway = [(random.next() - 0.5) * 1.6, (random.next() - 0.5) * 1.6] as const;
  const band = (
    from: number,
    to: number,
    half: (share: number) => number,
    center: (share: number) => number,
    shade: (y: number, x: number) => Color,
  ) => {
    const [y0, y1] = [Math.round(top + from * unit), Math.round(top + to * unit)];
    for (let y = y0; y < y1; y++) {
      const share = (y - y0) / Math.max(1, y1 - y0);
      const [c, h] = [middle + center(share) * unit, half(share) * unit * looks.width];
      for (let x = Math.round(c - h); x < Math.round(c + h); x++) set(y, x, shade(y - y0, x - Math.round(c)));
    }
  };
  const plain = (shade: Color) => () => shade;
  const still = () => 0;
  // Legs and arms behind, then body and head.
  for (const side of [0, 1] as const) {
    const out = side === 0 ? -0.4 : 0.4;
    band(
      4.2,
      8,
      () => 0.36,
      (s) => out + sway[side] * s,
      plain(looks.trousers),
    );
    band(
      1.4,
      4.2,
      () => 0.24,
      (s) => 2.8 * out * (0.9 + 0.1 * s) - sway[side] * s * 0.7,
      plain(looks.top),
    );
  }
  const { stripes } = looks;
  band(
    1.3,
    4.4,
    (s) => 0.95 - 0.15 * s,
    still,
    (y, x) =>
      stripes && Math.floor((stripes.upright ? x + 100 : y) / stripes.period) % 2 === 0
        ? stripes.color
        : looks.top,
  );
  if (looks.bag)
    band(
      2.6,
      4.2,
      () => 0.45,
      () => 1.15,
      plain(looks.bag),
    );
  band(0.1, 1.4, (s) => 0.55 * Math.sqrt(Math.max(0, 1 - (2 * s - 1) ** 2)), still, plain(looks.skin));
  band(0, 0.6, (s) => 0.5 * Math.sqrt(s), still, plain(looks.hair));
  // Light and tint of the camera, and noise.
  const light = 0.8 + 0.35 * random.next();
  const tint: Color = [1 + 0.08 * Math.sin(camera), 1, 1 + 0.08 * Math.cos(2 * camera)];
  for (let i = 0; i < image.length; i++) {
    const value = image[i]! * light * tint[i % 3]! + 0.06 * (random.next() - 0.5);
    image[i] = Math.min(1, Math.max(0, value));
  }
  return { image, mask };
}

/** Two colours with a skyline and a pattern, the same for a number. */
function drawGround(image: Float32Array, height: number, width: number, number: number): void {
  const random = randomFor(7, 'ground', number);
  const [above, below, marks] = [color(random), color(random), color(random)];
  const line = height * (0.3 + 0.5 * random.next());
  const [period, slope] = [4 + random.integer(8), random.integer(3) - 1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const marked = y < line ? (x + slope * y + 64 * period) % period === 0 : (y + 2 * x) % (2 * period) < 2;
      const base = y < line ? above : below;
      image.set(marked ? marks : base, 3 * (y * width + x));
    }
  }
}

/**
 * Batches of identities for a siamese training: each holds `persons` identities with `each` images of every one, so that every
 * image has a partner; an epoch goes once through all identities.
 *
 * @param identities of all images
 * @returns positions of the images, batch by batch
 * @throws {UsageError} when an identity has fewer than two images
 */
export function identityBatches(
  identities: readonly number[],
  { persons, each, seed, epoch }: { persons: number; each: number; seed: number; epoch: number },
): number[][] {
  const groups = new Map<number, number[]>();
  for (const [i, identity] of identities.entries())
    groups.set(identity, [...(groups.get(identity) ?? []), i]);
  for (const [identity, images] of groups) {
    if (images.length < 2)
      throw new UsageError(`identity ${identity}: expected at least two images, found ${images.length}`);
  }
  const random = randomFor(seed, 'identities', epoch);
  const order = random.shuffle([...groups.keys()]);
  return Array.from({ length: Math.floor(order.length / persons) }, (_, b) =>
    order.slice(b * persons, (b + 1) * persons).flatMap((identity) => {
      const images = random.shuffle([...groups.get(identity)!]);
      return Array.from({ length: each }, (_, i) => images[i % images.length]!);
    }),
  );
}
