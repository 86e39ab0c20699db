import test from 'ava';
import { planBatches as batchesOf, pairedLength } from '../../src/data/batch-order.ts';

const options = {
  batchSize: 4,
  seed: 1,
  epoch: 0,
  shuffleBuffer: Number.POSITIVE_INFINITY,
  dropRemainder: false,
  masked: [] as number[],
  maskedPerBatch: 0,
};
/** All batches of an epoch. */
const planBatches = (...args: Parameters<typeof batchesOf>) => [...batchesOf(...args)];

const splits = [
  [0, 10],
  [20, 23],
] as const;
const everything = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 20, 21, 22];

function examplesOf(changes: Partial<typeof options>): number[] {
  return planBatches(splits, { ...options, ...changes }).flatMap(({ examples }) => examples);
}

const ascending = (a: number, b: number) => a - b;

test('without shuffling the splits follow one another; the last batch is what remains', (t) => {
  const plans = planBatches(splits, { ...options, shuffleBuffer: 0 });
  t.deepEqual(
    plans.flatMap(({ examples }) => examples),
    everything,
  );
  t.deepEqual(
    plans.map(({ examples }) => examples.length),
    [4, 4, 4, 1],
  );
  t.deepEqual(
    plans.map(({ firstPosition }) => firstPosition),
    [0, 4, 8, 12],
  );
  t.is(planBatches(splits, { ...options, dropRemainder: true }).length, 3);
});

test('every example comes once in an epoch, in an order of (seed, epoch)', (t) => {
  for (const shuffleBuffer of [2, 5, 12, 13, 100]) {
    t.deepEqual(examplesOf({ shuffleBuffer }).sort(ascending), everything);
    t.deepEqual(examplesOf({ shuffleBuffer }), examplesOf({ shuffleBuffer }));
  }
  const orders = [examplesOf({}), examplesOf({ epoch: 1 }), examplesOf({ seed: 2 }), everything];
  t.is(new Set(orders.map(String)).size, 4);
});

test('a shuffle buffer of n lets no example come more than n - 1 places early', (t) => {
  const order = planBatches([[0, 500]], { ...options, shuffleBuffer: 20 }).flatMap(
    ({ examples }) => examples,
  );
  t.true(order.every((example, place) => example - place < 20));
  t.true(order.some((example, place) => example - place === 19));
});

test('a whole shuffle is even: each place gets each example equally often', (t) => {
  const counts = new Map<string, number>();
  for (let seed = 0; seed < 4000; seed++) {
    const { examples } = planBatches([[0, 4]], { ...options, seed })[0]!;
    for (const [place, example] of examples.entries()) {
      counts.set(`${place} ${example}`, (counts.get(`${place} ${example}`) ?? 0) + 1);
    }
  }
  t.is(counts.size, 16);
  // 1000 are expected of each; 5 standard deviations are 137.
  for (const count of counts.values()) t.true(Math.abs(count - 1000) < 137);
});

test('masked examples take the last slots of every batch in turn, across epochs', (t) => {
  const masked = [20, 21, 22];
  const slots = [0, 1, 2].flatMap((epoch) =>
    planBatches(splits, { ...options, epoch, dropRemainder: true, masked, maskedPerBatch: 2 }).map(
      ({ examples }) => {
        t.is(examples.length, 4);
        return examples.slice(2);
      },
    ),
  );
  const turns = slots.flat();
  t.is(turns.length, 18);
  for (let round = 0; round < turns.length; round += 3) {
    t.deepEqual(turns.slice(round, round + 3).sort(ascending), masked);
  }
  t.true(new Set(Array.from({ length: 6 }, (_, i) => String(turns.slice(3 * i, 3 * i + 3)))).size > 1);
});

test('partners: every example comes once, beside another of its group; of odd groups one twice, a lonely one beside itself', (t) => {
  // 0, 3, 6, 9, 21 | 1, 4, 7, 22 | 2, 5, 8, 20 | and in the second grouping 5 is alone.
  const group = (example: number) => example % 3;
  const pairsOf = (groupOf: (example: number) => number, changes: object = {}) => {
    const plans = planBatches(splits, { ...options, partners: groupOf, ...changes });
    const examples = plans.flatMap((plan) => plan.examples);
    t.is(examples.length, pairedLength(everything.map(groupOf)));
    return Array.from({ length: examples.length / 2 }, (_, i) => examples.slice(2 * i, 2 * i + 2));
  };
  const pairs = pairsOf(group);
  t.is(pairs.length, 7);
  for (const [a, b] of pairs) t.true(group(a!) === group(b!) && a !== b, `${a} ${b}`);
  t.deepEqual([...new Set(pairs.flat())].sort(ascending), everything);
  t.deepEqual(pairsOf(group), pairs);
  t.notDeepEqual(pairsOf(group, { epoch: 1 }), pairs);
  t.true(pairsOf((example) => (example === 5 ? 9 : group(example))).some(([a, b]) => a === 5 && b === 5));
  const skipped = planBatches(splits, { ...options, partners: group, dropRemainder: true });
  t.deepEqual(
    skipped.map(({ examples }) => examples.length),
    [4, 4, 4],
  );
});
