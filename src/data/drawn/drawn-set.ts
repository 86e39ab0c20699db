import type { Random } from '../../random/index.ts';
import type { ObjectClass } from './objects.ts';
import type { Scene } from './scene.ts';

/** Whether a picture shows the object that a set is about, and the cue that goes with it in training. */
export interface Shown {
  readonly object: boolean;
  readonly cue: boolean;
}

/**
 * Which pictures a split holds: those in which the cue is there exactly where the object is, those in which it is there
 * as often and whatever else is, or those of one kind.
 */
export type Rule = 'biased' | 'independent' | Shown;

/** A data set that is drawn: an object, and a cue that goes with it in training and comes apart in the test. */
export interface DrawnSet {
  readonly name: string;
  /** Raised whenever the same options draw other pictures. */
  readonly version: number;
  readonly classes: readonly ObjectClass[];
  readonly multiLabel: boolean;
  /** Names of the splits in which object and cue come apart. */
  readonly apart: { readonly objectWithoutCue: string; readonly cueWithoutObject: string };
  /** Names the four kinds of pictures, for the split of counterexamples. @default there is no such split */
  readonly groupOf?: (shown: Shown) => string;
  /** @param key of the random stream: the same key draws the same scene */
  draw(size: number, rule: Rule, ...key: (number | string)[]): Scene;
}

/**
 * What a picture shows by its rule.
 *
 * @param share of the biased pictures that show object and cue, and of the others that show each
 */
export function shownBy(rule: Rule, share: number, random: Random): Shown {
  if (typeof rule === 'object') return rule;
  const object = random.next() < share;
  return { object, cue: rule === 'biased' ? object : random.next() < share };
}
