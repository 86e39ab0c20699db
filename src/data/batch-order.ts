import { type Random, randomFor } from '../random/index.ts';

/** Which examples make up the batches of an epoch. Examples are numbered over the whole data set. */
export interface OrderOptions {
  batchSize: number;
  seed: number;
  epoch: number;
  /** Size of the shuffle buffer; 0: no shuffling. */
  shuffleBuffer: number;
  dropRemainder: boolean;
  /** Examples whose masks may be used, in the order of choice. */
  masked: readonly number[];
  maskedPerBatch: number;
  /** Slots at the end of each batch that hold composites. @default 0 */
  compositesPerBatch?: number;
  /** The group of each example: every example comes beside another of its group. @default none */
  partners?: ((example: number) => number) | undefined;
}

/** Stands for a composite where a batch lists examples. */
export const COMPOSITE = -1;

/** One batch to make: its examples, and the position of the first in the epoch (which seeds the augmentation). */
export interface BatchPlan {
  batch: number;
  firstPosition: number;
  examples: number[];
}

/**
 * The batches of an epoch, as a function of (seed, epoch) alone: nothing is read, so starting at batch k costs
 * nothing. They are made one by one: of a million examples only their order is kept, four bytes each.
 *
 * @param splits the examples of each split, as [first, end)
 * @param first batch to begin with
 */
export function* planBatches(
  splits: readonly (readonly [number, number])[],
  options: OrderOptions,
  first = 0,
): Generator<BatchPlan> {
  const { batchSize, seed, epoch, maskedPerBatch, masked, compositesPerBatch = 0 } = options;
  const whole = epochOrder(splits, options);
  const order = options.partners
    ? inPairs(whole, options.partners, randomFor(seed, 'partners', epoch))
    : whole;
  const maskedInTurn = maskedCycle(masked, seed);
  const batches = batchCount(order.length, batchSize, options.dropRemainder);
  for (let batch = first; batch < batches; batch++) {
    const examples = Array.from(order.subarray(batch * batchSize, (batch + 1) * batchSize));
    const real = Math.max(0, examples.length - compositesPerBatch);
    const replaced = Math.min(masked.length > 0 ? maskedPerBatch : 0, real);
    for (let slot = 0; slot < replaced; slot++) {
      const turn = (epoch * batches + batch) * maskedPerBatch + slot;
      examples[real - replaced + slot] = maskedInTurn(turn);
    }
    examples.fill(COMPOSITE, real);
    yield { batch, firstPosition: batch * batchSize, examples };
  }
}

/** Number of batches that `examples` examples make. */
export function batchCount(examples: number, batchSize: number, dropRemainder: boolean): number {
  return dropRemainder ? Math.floor(examples / batchSize) : Math.ceil(examples / batchSize);
}

/**
 * The order of an epoch: what a reader with a shuffle buffer would yield, which takes a random element out of the
 * buffer and puts the next of the stream in its place. A buffer as large as the stream shuffles it evenly; a smaller
 * one keeps the reading nearly sequential, for data sets on slow disks.
 */
function epochOrder(splits: readonly (readonly [number, number])[], options: OrderOptions): Uint32Array {
  const stream = new Uint32Array(splits.reduce((sum, [first, end]) => sum + end - first, 0));
  let filled = 0;
  for (const [first, end] of splits) {
    for (let example = first; example < end; example++) stream[filled++] = example;
  }
  if (options.shuffleBuffer <= 1) return stream;
  const random = randomFor(options.seed, 'order', options.epoch);
  if (options.shuffleBuffer >= stream.length) return random.shuffle(stream);

  const buffer = stream.slice(0, options.shuffleBuffer);
  const order = new Uint32Array(stream.length);
  const refills = stream.length - buffer.length;
  for (let i = 0; i < refills; i++) {
    const slot = random.integer(buffer.length);
    order[i] = buffer[slot]!;
    buffer[slot] = stream[buffer.length + i]!;
  }
  order.set(random.shuffle(buffer), refills);
  return order;
}

/**
 * An epoch of siamese pairs: each example once, beside another of its group, the pairs in a drawn order. Of a group
 * with an odd number one comes a second time, as the partner of the last; one that is alone in its group stands beside
 * itself, in whatever view of it the augmentation makes.
 */
function inPairs(order: Uint32Array, groupOf: (example: number) => number, random: Random): Uint32Array {
  const groups = new Map<number, number[]>();
  for (const example of order) {
    const group = groupOf(example);
    const members = groups.get(group);
    if (members) members.push(example);
    else groups.set(group, [example]);
  }
  const pairs = [...groups.values()].flatMap((examples) =>
    Array.from({ length: Math.ceil(examples.length / 2) }, (_, i) => {
      const last = examples.length - 1;
      return [examples[2 * i]!, examples[2 * i + 1] ?? examples[random.integer(Math.max(1, last))]!];
    }),
  );
  return Uint32Array.from(random.shuffle(pairs).flat());
}

/** How long an epoch of siamese pairs is. */
export function pairedLength(groups: Iterable<number>): number {
  const counts = new Map<number, number>();
  for (const group of groups) counts.set(group, (counts.get(group) ?? 0) + 1);
  return [...counts.values()].reduce((sum, count) => sum + 2 * Math.ceil(count / 2), 0);
}

/** Goes round the masked examples, in another seeded order each time, across epochs. */
function maskedCycle(masked: readonly number[], seed: number): (turn: number) => number {
  let round = -1;
  let order: number[] = [];
  return (turn) => {
    if (Math.floor(turn / masked.length) !== round) {
      round = Math.floor(turn / masked.length);
      order = randomFor(seed, 'masked', round).shuffle([...masked]);
    }
    return order[turn % masked.length]!;
  };
}
