import type { Random } from '../../random/index.ts';
import type { CompositePlan } from './composite-plan.ts';
import type { Composite } from './composite-store.ts';
import { eraseRegion } from './erase-region.ts';
import { cutObject, pasteObject } from './paste-object.ts';
import { areaOf, type Picture, type Region, union } from './picture.ts';

/** An example at the network's size: its pixels, and the regions of its objects as far as they are known. */
export interface PlacedExample {
  /** The caller's to change. */
  readonly picture: Picture;
  readonly labels: readonly number[];
  /** Classes of which it is not known whether they are there. */
  readonly unknown: readonly number[];
  readonly regions: ReadonlyMap<number, Region>;
}

/** Reads an example and brings it to the network's size. */
export type PlaceExample = (example: number) => Promise<PlacedExample>;

/** Share of the picture below which an object is not worth cutting. */
const leastArea = 0.003;
/** Draws before a class whose masks are all too small is given up. */
const tries = 20;

/** Which of the four cells of ground × object a composite belongs to. */
export interface Cell {
  /** Whether the ground comes from an image of the suspect class. */
  readonly ground: boolean;
  /** Whether the suspect is pasted. */
  readonly present: boolean;
}

/**
 * Makes one composite: a ground, which is an image of a suspect class whose object was erased or an image without
 * it, and on it the suspect's object or not. Both are drawn half and half, independently, so that no ground tells
 * whether the suspect is there.
 *
 * Where no suspect is pasted an object of another class is, so that an edge says nothing either.
 *
 * @param cell wanted; @default drawn
 * @throws {DataError} of an example that cannot be read
 */
export async function makeComposite(
  plan: CompositePlan,
  place: PlaceExample,
  random: Random,
  cell: Partial<Cell> = {},
): Promise<Composite> {
  const { balance, suspects } = plan.options;
  const suspect = random.pick(suspects);
  const ground = cell.ground ?? random.next() < 0.5;
  const drawn = random.next() < 0.5;
  const present = cell.present ?? (balance ? drawn : ground);
  return plan.multiLabel
    ? multiLabelComposite(plan, place, random, suspect, { ground, present })
    : singleLabelComposite(plan, place, random, suspect, { ground, present });
}

async function multiLabelComposite(
  plan: CompositePlan,
  place: PlaceExample,
  random: Random,
  suspect: number,
  { ground, present }: Cell,
): Promise<Composite> {
  const { options, classes, holding, maxLabels } = plan;
  const { picture, labels, unknown, regions } = await groundOf(plan, place, random, suspect, ground);
  const present_ = new Set(labels);
  const known = new Map(regions);
  if (ground) {
    erase(picture, known, [suspect], random);
    present_.delete(suspect);
    known.delete(suspect);
  }
  const put = async (c: number) => {
    const object = await objectOf(plan, place, random, c);
    if (!object) return;
    const covered = pasteObject(
      picture,
      object,
      union([...known.values()], picture.width * picture.height),
      random,
      options,
    );
    cover(known, c, covered);
    present_.add(c);
  };
  const free = indices(classes).filter(
    (c) =>
      !present_.has(c) && !unknown.includes(c) && !options.suspects.includes(c) && holding[c]!.length > 0,
  );
  const extra = random.next() < options.others;
  if (free.length > 0 && present_.size < maxLabels && (!present || extra)) await put(random.pick(free));
  if (present) await put(suspect);

  // The other suspects' grounds are as they were: nothing can be said of them.
  const labelWeights = Float32Array.from(indices(classes), (c) =>
    Number(c === suspect || !(options.suspects.includes(c) || unknown.includes(c))),
  );
  return {
    picture,
    labels: Float32Array.from(indices(classes), (c) => Number(present_.has(c))),
    labelWeights,
    regions: known,
  };
}

/** For classes that exclude each other: the ground loses its object, and gets the suspect's or another class's. */
async function singleLabelComposite(
  plan: CompositePlan,
  place: PlaceExample,
  random: Random,
  suspect: number,
  { ground, present }: Cell,
): Promise<Composite> {
  const { options, classes, holding } = plan;
  const { picture, labels, regions } = await groundOf(plan, place, random, suspect, ground);
  const known = new Map(regions);
  const left = new Set(labels);
  for (const label of labels) {
    if (!known.has(label)) continue;
    erase(picture, known, [label], random);
    known.delete(label);
    left.delete(label);
  }
  const put = async (c: number) => {
    const object = await objectOf(plan, place, random, c);
    if (!object) return;
    const occupied = union([...known.values()], picture.width * picture.height);
    cover(known, c, pasteObject(picture, object, occupied, random, options));
    left.add(c);
  };
  const empty = options.erased !== 'none' && random.next() < 0.5;
  const others = indices(classes).filter((c) => !options.suspects.includes(c) && holding[c]!.length > 0);
  if (present) await put(suspect);
  else if (left.size === 0 && !empty && others.length > 0) await put(random.pick(others));

  const labelsOf = (): number[] => {
    // Where its mask is not known, the ground's own object is there too: the label is shared.
    if (left.size > 0) return indices(classes).map((c) => (left.has(c) ? 1 / left.size : 0));
    if (options.erased === 'uniform') return indices(classes).map(() => 1 / classes);
    return indices(classes).map((c) => Number(c === options.erased));
  };
  const values = Float32Array.from(labelsOf());
  // An empty ground without a label says nothing.
  const says = Number(values.some((value) => value > 0));
  return { picture, labels: values, labelWeights: new Float32Array(classes).fill(says), regions: known };
}

/** A ground: an image of the suspect whose mask is known, or an image without the suspect. */
async function groundOf(
  { holding, without }: CompositePlan,
  place: PlaceExample,
  random: Random,
  suspect: number,
  ofSuspect: boolean,
): Promise<PlacedExample> {
  const from = ofSuspect ? holding[suspect]! : without[suspect]!;
  return place(from[random.integer(from.length)]!);
}

/** An object of a class; undefined where none is large enough. */
async function objectOf({ holding }: CompositePlan, place: PlaceExample, random: Random, c: number) {
  const from = holding[c]!;
  if (from.length === 0) return undefined;
  for (let attempt = 0; attempt < tries; attempt++) {
    const { picture, regions } = await place(from[random.integer(from.length)]!);
    const region = regions.get(c);
    if (region && areaOf(region) >= leastArea * region.length) return cutObject(picture, region);
  }
  return undefined;
}

function erase(
  picture: Picture,
  known: ReadonlyMap<number, Region>,
  which: readonly number[],
  random: Random,
) {
  const pixels = picture.width * picture.height;
  const hole = union(
    which.flatMap((c) => known.get(c) ?? []),
    pixels,
  );
  eraseRegion(picture, hole, union([...known.values()], pixels), random);
}

/** Adds what a pasted object covers to its class, and takes it from the others. */
function cover(known: Map<number, Region>, c: number, covered: Region): void {
  for (const [other, region] of known) {
    if (other === c) continue;
    const seen = Uint8Array.from(region);
    for (let p = 0; p < seen.length; p++) if (covered[p]) seen[p] = 0;
    known.set(other, seen);
  }
  const before = known.get(c);
  known.set(c, before ? union([before, covered], covered.length) : covered);
}

function indices(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
