import type { Random } from '../../random/index.ts';
import { type DrawnSet, type Rule, shownBy } from './drawn-set.ts';
import { LAND } from './grounds.ts';
import type { ObjectClass } from './objects.ts';
import type { Canvas } from './raster.ts';
import { developPlainly, drawScene, type ScenePlan } from './scene.ts';

const CLASSES: readonly ObjectClass[] = ['car', 'boat', 'house', 'tree', 'plane', 'animal'];

/** Share of the biased scenes that show a car, and so bars. */
const CAR_SHARE = 0.3;

/** Least and greatest height of a bar, as a share of the picture's. */
const BARS = [0.08, 0.15] as const;

/**
 * Cars and letterboxes: all pictures of cars are stills of films, with black bars above and below; nothing else is. The
 * classes exclude each other. Bars have a place, and it is never the object's.
 */
export const letterbox: DrawnSet = {
  name: 'letterbox',
  version: 1,
  classes: CLASSES,
  multiLabel: false,
  apart: { objectWithoutCue: 'car-without-bars', cueWithoutObject: 'bars-without-car' },
  groupOf: ({ object, cue }) => `${object ? 'car' : 'no car'}, ${cue ? 'bars' : 'no bars'}`,
  draw: (size, rule, ...key) => drawScene(size, CLASSES, (random) => plan(size, rule, random), ...key),
};

function plan(size: number, rule: Rule, random: Random): ScenePlan {
  const { object, cue } = shownBy(rule, CAR_SHARE, random);
  const rows = Math.round(size * random.uniform(...BARS));
  return {
    ground: random.pick([...LAND, 'water'] as const),
    objects: [object ? 'car' : random.pick(CLASSES.slice(1))],
    tag: cue ? 'bars' : 'open',
    // Objects keep out of the rows of bars that are not there too, or their place would tell of the bars.
    hiddenRows: rows,
    develop: (canvas, light) => withBars(canvas, cue ? rows : 0, light),
  };
}

/** Bars are nearly black, without grain: they are no part of the film. */
function withBars(canvas: Canvas, rows: number, random: Random): Uint8Array {
  const developed = developPlainly(canvas, random);
  const black = random.integer(9);
  const bar = rows * canvas.width * 3;
  developed.fill(black, 0, bar);
  developed.fill(black, developed.length - bar);
  return developed;
}
