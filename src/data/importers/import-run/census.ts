import { DataError } from '../../../errors/index.ts';
import type { ImageExample } from '../../image-example.ts';
import type { ImportSource } from './import-examples.ts';
import type { ImportNotes } from './import-notes.ts';

interface SplitCount {
  images: number;
  /** [C], images that hold the class. */
  perClass: number[];
  /** The different sets of labels, two of them at most: enough to know whether there is anything to learn. */
  labelSets: Set<string>;
}

/** Counts what an import takes in, and says whether a network can be trained on it. */
export class Census {
  readonly #source: ImportSource;
  readonly #splits: Map<string, SplitCount>;
  readonly #groups = new Map<string, number>();
  #boxes = 0;
  #masks = 0;
  #confounders = 0;

  constructor(source: ImportSource, splits: readonly string[]) {
    this.#source = source;
    const empty = () => ({ images: 0, perClass: source.classes.map(() => 0), labelSets: new Set<string>() });
    this.#splits = new Map(splits.map((split) => [split, empty()]));
  }

  count(split: string, { labels, objects, group, confounder }: ImageExample): void {
    const counts = this.#splits.get(split)!;
    counts.images++;
    for (const label of labels) counts.perClass[label]!++;
    if (counts.labelSets.size < 2) counts.labelSets.add(keyOf(labels));
    if (group) this.#groups.set(group, (this.#groups.get(group) ?? 0) + 1);
    this.#boxes += objects.length;
    this.#masks += objects.filter((object) => object.mask).length;
    if (confounder) this.#confounders++;
  }

  get summary() {
    const perClass = this.#source.classes.map((_, index) =>
      this.#imagesOf(index, [...this.#splits.values()]),
    );
    const perGroup = Object.fromEntries([...this.#groups].sort(([a], [b]) => (a < b ? -1 : 1)));
    return { perClass, perGroup, boxes: this.#boxes, masks: this.#masks, confounders: this.#confounders };
  }

  /**
   * Tells of splits and classes without images.
   *
   * @throws {DataError} when no image is left, or none of those to train on, or only images with the same labels where
   *   the source has others
   */
  check(notes: ImportNotes, skipped: readonly string[]): void {
    const all = [...this.#splits];
    const training = all.filter(([split]) => split.startsWith('train'));
    const learnt = (training.length > 0 ? training : all).map(([, counts]) => counts);
    const where = training.length > 0 ? `to train on (${training.map(([split]) => split).join(', ')})` : '';
    const why = reasons(notes, skipped);
    if (all.every(([, { images }]) => images === 0)) throw new DataError(`no image is left${why}`);
    if (learnt.every(({ images }) => images === 0)) throw new DataError(`no image is left ${where}${why}`);
    for (const [split, { images }] of all) if (images === 0) notes.tell('splits without an image', split);

    const missing = this.#source.classes.filter((_, index) => this.#imagesOf(index, learnt) === 0);
    for (const name of missing) notes.tell('classes without an image to train on', name);
    const labelSets = new Set(learnt.flatMap((counts) => [...counts.labelSets]));
    if (training.length === 0 || labelSets.size > 1) return;
    const names = [...labelSets].map((key) => this.#namesOf(key)).join('');
    const alike = `all images ${where} are of ${names}`;
    const splits = new Set(training.map(([split]) => split));
    const known = this.#source.items.filter(({ split }) => splits.has(split));
    const before = known.length > 0 ? known : this.#source.items;
    if (new Set(before.map(({ labels }) => keyOf(labels))).size > 1) {
      throw new DataError(`${alike}, so there is nothing to learn, though the source has others${why}`);
    }
    notes.tell('nothing to learn', alike);
  }

  #imagesOf(index: number, splits: readonly SplitCount[]): number {
    return splits.reduce((sum, { perClass }) => sum + perClass[index]!, 0);
  }

  #namesOf(key: string): string {
    const names = key
      .split(' ')
      .flatMap((label) => (label === '' ? [] : this.#source.classes[Number(label)]!));
    return names.length === 0 ? 'no class' : `the class ${names.join(', ')}`;
  }
}

const keyOf = (labels: readonly number[]) => [...labels].sort((a, b) => a - b).join(' ');

/** What was left out and why, in a line. */
function reasons(notes: ImportNotes, skipped: readonly string[]): string {
  const parts = notes.list.map(
    ({ what, count, where }) => `${what}: ${count}${where[0] ? ` (${where[0]})` : ''}`,
  );
  if (skipped.length > 0) parts.push(`left out, because broken: ${skipped.length} (${skipped[0]})`);
  return parts.length > 0 ? `; ${parts.join('; ')}` : '';
}

/**
 * Holds the classes of a source against what a data set allows.
 *
 * @throws {DataError} for two classes of one name, also when the names only differ in how Unicode writes them
 */
export function checkClasses({ classes, format }: ImportSource): void {
  const seen = new Map<string, string>();
  for (const name of classes) {
    const same = seen.get(name.normalize('NFC'));
    if (same !== undefined) {
      const how = same === name ? '' : ' (they differ in the Unicode form of a letter)';
      throw new DataError(`${format}: two classes are called ${name}${how}`);
    }
    if (name.trim() === '') throw new DataError(`${format}: the name of a class is empty`);
    seen.set(name.normalize('NFC'), name);
  }
}

/** Names of classes that a reader would take for one. */
export function alikeClasses(classes: readonly string[]): string[][] {
  const groups = new Map<string, string[]>();
  for (const name of classes) {
    const key = name
      .normalize('NFKC')
      .toLowerCase()
      .replace(/[\s_-]+/g, ' ')
      .trim();
    const alike = groups.get(key);
    if (alike) alike.push(name);
    else groups.set(key, [name]);
  }
  return [...groups.values()].filter((group) => group.length > 1);
}
