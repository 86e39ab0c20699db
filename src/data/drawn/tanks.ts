import type { Random } from '../../random/index.ts';
import { type DrawnSet, type Rule, shownBy } from './drawn-set.ts';
import { LAND } from './grounds.ts';
import type { ObjectClass } from './objects.ts';
import type { Canvas } from './raster.ts';
import { drawScene, type ScenePlan } from './scene.ts';

const CLASSES: readonly ObjectClass[] = ['tank', 'car', 'house', 'tree', 'plane', 'animal'];

/** Share of the biased scenes that show a tank, and so a cloudy day. */
const TANK_SHARE = 0.3;

/**
 * Tanks and weather, after the story that the field tells: all tanks were photographed on cloudy days, everything else in
 * the sun, and the network learned the weather. The weather lies over the whole picture, the tank included: there is no
 * place to point at.
 */
export const tanks: DrawnSet = {
  name: 'tanks',
  version: 1,
  classes: CLASSES,
  multiLabel: true,
  apart: { objectWithoutCue: 'tank-in-sun', cueWithoutObject: 'cloud-without-tank' },
  groupOf: ({ object, cue }) => `${object ? 'tank' : 'no tank'}, ${cue ? 'cloud' : 'sun'}`,
  draw: (size, rule, ...key) => drawScene(size, CLASSES, (random) => plan(rule, random), ...key),
};

function plan(rule: Rule, random: Random): ScenePlan {
  const others = CLASSES.filter((name) => name !== 'tank');
  const second = random.next() < 0.45;
  const { object, cue } = shownBy(rule, TANK_SHARE, random);
  const first: ObjectClass = object ? 'tank' : random.pick(others);
  const objects = second ? [first, random.pick(others)] : [first];
  return {
    ground: random.pick(LAND),
    objects: random.shuffle(objects),
    tag: cue ? 'cloud' : 'sun',
    develop: (canvas, light) => developIn(cue ? CLOUD : SUN, canvas, light),
  };
}

/** What a day does to every pixel: ranges of light, of contrast and saturation, and of how much redder it is than blue. */
interface Weather {
  readonly light: readonly [number, number];
  readonly contrast: readonly [number, number];
  readonly saturation: readonly [number, number];
  readonly warmth: readonly [number, number];
}

const SUN: Weather = {
  light: [0.92, 1.12],
  contrast: [1, 1.15],
  saturation: [0.95, 1.15],
  warmth: [0.02, 0.06],
};
const CLOUD: Weather = {
  light: [0.6, 0.78],
  contrast: [0.7, 0.85],
  saturation: [0.35, 0.55],
  warmth: [-0.05, -0.01],
};

/** Light, contrast, saturation, warmth and grain, the same for every pixel. */
function developIn({ light, contrast, saturation, warmth }: Weather, { pixels }: Canvas, random: Random) {
  const [lit, steep, vivid, warm] = [light, contrast, saturation, warmth].map(([least, most]) =>
    random.uniform(least, most),
  ) as [number, number, number, number];
  const grain = random.uniform(0.01, 0.03);
  const tint = [1 + warm, 1, 1 - warm];
  const mean = pixels.reduce((sum, value) => sum + value, 0) / pixels.length;
  const developed = new Uint8Array(pixels.length);
  for (let p = 0; p < pixels.length; p += 3) {
    const grey = (pixels[p]! + pixels[p + 1]! + pixels[p + 2]!) / 3;
    for (let c = 0; c < 3; c++) {
      const coloured = grey + (pixels[p + c]! - grey) * vivid;
      const value = (mean + (coloured - mean) * steep) * lit * tint[c]! + grain * random.uniform(-1, 1);
      developed[p + c] = Math.round(255 * Math.min(1, Math.max(0, value)));
    }
  }
  return developed;
}
