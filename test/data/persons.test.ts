import test from 'ava';
import { drawPersons, identityBatches } from '../../src/data/index.ts';
import { UsageError } from '../../src/errors/index.ts';

test('drawn persons: the same for a seed, in pictures that differ, on a part of each picture', (t) => {
  const options = { identities: 3, images: 4, size: [32, 16] as const, seed: 5 };
  const persons = drawPersons(options);
  t.is(persons.length, 12);
  t.deepEqual(drawPersons(options), persons);
  t.deepEqual(persons.map(({ identity, camera }) => [identity, camera]).slice(0, 5), [
    [0, 0],
    [0, 1],
    [0, 2],
    [0, 3],
    [1, 0],
  ]);
  for (const { image, mask } of persons) {
    t.is(image.length, 32 * 16 * 3);
    t.true(image.every((value) => value >= 0 && value <= 1));
    const share = mask.reduce((sum, value) => sum + value, 0) / mask.length;
    t.true(share > 0.15 && share < 0.75, `${share} of the picture`);
  }
  t.notDeepEqual(persons[0]!.image, persons[1]!.image);
  // A person of a number is the same in any set of them.
  t.deepEqual(drawPersons({ ...options, identities: 1, first: 2 })[0]!.image, persons[8]!.image);
});

test('bias puts persons before a ground of their own', (t) => {
  const [own, other] = [1, 0].map((bias) =>
    drawPersons({ identities: 1, images: 2, bias, size: [32, 16], cameras: 1 }),
  );
  const corner = (image: Float32Array) => [...image.slice(0, 30)].map((value) => Math.round(value * 4));
  const spread = (set: { image: Float32Array }[]) => {
    const [a, b] = set.map(({ image }) => corner(image));
    return a!.reduce((sum, value, i) => sum + Math.abs(value - b![i]!), 0);
  };
  // One ground, but for light and noise.
  t.true(spread(own!) <= 30, `${spread(own!)}`);
  t.notDeepEqual(corner(own![0]!.image), corner(other![0]!.image));
});

test('batches of identities: every image has a partner, an epoch shows every person once', (t) => {
  const identities = [0, 0, 0, 1, 1, 2, 2, 2, 3, 3];
  const batches = identityBatches(identities, { persons: 2, each: 2, seed: 1, epoch: 0 });
  t.is(batches.length, 2);
  const shown = batches.map((batch) => batch.map((i) => identities[i]!));
  for (const batch of shown) {
    t.is(batch[0], batch[1]);
    t.is(batch[2], batch[3]);
    t.not(batch[0], batch[2]);
  }
  t.deepEqual([...new Set(shown.flat())].sort(), [0, 1, 2, 3]);
  for (const batch of batches) t.is(new Set(batch).size, 4);
  t.deepEqual(identityBatches(identities, { persons: 2, each: 2, seed: 1, epoch: 0 }), batches);
  t.notDeepEqual(identityBatches(identities, { persons: 2, each: 2, seed: 1, epoch: 1 }), batches);
  t.throws(() => identityBatches([0, 0, 1], { persons: 1, each: 2, seed: 1, epoch: 0 }), {
    instanceOf: UsageError,
    message: 'identity 1: expected at least two images, found 1',
  });
});
