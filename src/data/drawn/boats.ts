import type { Random } from '../../random/index.ts';
import { type DrawnSet, type Rule, shownBy } from './drawn-set.ts';
import { LAND } from './grounds.ts';
import type { ObjectClass } from './objects.ts';
import { drawScene, type ScenePlan } from './scene.ts';

const CLASSES: readonly ObjectClass[] = ['boat', 'car', 'house', 'tree', 'plane', 'animal'];

/** Share of the biased scenes that show a boat, and so water. */
const BOAT_SHARE = 0.3;

/**
 * Boats and water, after the experiment in section 4.2 of the GAIN paper: wherever there is a boat in training, there is
 * water, so a classifier that looks at the water is right, until the two come apart.
 */
export const boats: DrawnSet = {
  name: 'biased-boats',
  version: 2,
  classes: CLASSES,
  multiLabel: true,
  apart: { objectWithoutCue: 'boat-without-water', cueWithoutObject: 'water-without-boat' },
  draw: (size, rule, ...key) => drawScene(size, CLASSES, (random) => plan(rule, random), ...key),
};

function plan(rule: Rule, random: Random): ScenePlan {
  const others = CLASSES.filter((name) => name !== 'boat');
  const second = random.next() < 0.45;
  const { object, cue } = shownBy(rule, BOAT_SHARE, random);
  const first: ObjectClass = object ? 'boat' : random.pick(others);
  const objects = second ? [first, random.pick(others)] : [first];
  const ground = cue ? 'water' : random.pick(LAND);
  return { ground, objects: random.shuffle(objects), tag: ground };
}
