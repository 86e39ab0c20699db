import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import test from 'ava';
import { enableHigherOrderGradients } from '../../src/autodiff/index.ts';
import { UsageError } from '../../src/errors/index.ts';
import { gainLoss, guidanceTerms } from '../../src/gain/index.ts';
import { attentionConsistency } from '../../src/losses/index.ts';
import { smallNetwork } from '../explain/networks.ts';
import { numbers } from '../gradcam/reference-network.ts';

interface Case {
  threshold: number;
  value: number;
  first: number[];
  second: number[];
}
const { cases }: { cases: Case[] } = JSON.parse(
  readFileSync(new URL('../fixtures/reidentification.json', import.meta.url), 'utf8'),
);

enableHigherOrderGradients();

const maps = (seed: number, offset: number) =>
  tf.tensor3d(
    numbers(seed, 84).map((value) => Math.max(0, value + offset)),
    [4, 7, 3],
  );

for (const { threshold, value, first, second } of cases) {
  test(`consistency and its gradient equal PyTorch, rows above ${threshold} of the largest`, (t) => {
    const weights = tf.tensor1d([1, 0.5, 0, 2]);
    const loss = (a: tf.Tensor, b: tf.Tensor) =>
      attentionConsistency(a as tf.Tensor3D, b as tf.Tensor3D, { threshold, weights });
    const found = tf.valueAndGrads(loss as never)([maps(21, 0.1), maps(22, -0.1)]);
    t.true(Math.abs(found.value.dataSync()[0]! - value) < 1e-5 * value);
    for (const [i, expected] of [first, second].entries()) {
      const scale = Math.max(...expected.map(Math.abs));
      const error = Math.max(...expected.map((one, k) => Math.abs(found.grads[i]!.dataSync()[k]! - one)));
      t.true(error < 1e-4 * scale, `gradient ${i} off by ${error}`);
    }
  });
}

test('maps alike cost nothing, dead ones no gradient; what does not fit is named', (t) => {
  const one = maps(21, 0.1);
  t.true(attentionConsistency(one, one).dataSync()[0]! < 1e-5);
  const dead = tf.grad((a: tf.Tensor) => attentionConsistency(a as tf.Tensor3D, one))(tf.zeros([4, 7, 3]));
  t.true(dead.dataSync().every(Number.isFinite));
  t.throws(() => attentionConsistency(one, tf.zeros([4, 6, 3])), { instanceOf: UsageError });
  t.throws(() => attentionConsistency(one, one, { threshold: 1 }), { instanceOf: UsageError });
});

test('the term compares images of one label, needs no masks, and is 0 where no two share one', (t) => {
  const model = smallNetwork();
  const images = tf.tensor4d(
    numbers(9, 4 * 768).map((value) => value + 0.5),
    [4, 16, 16, 3],
  );
  const off = { classification: 0, mining: 0, supervision: 0 };
  const value = (labels: number[]) => {
    const terms = guidanceTerms({ consistency: { weight: 1, threshold: 0 } }).map((term) => ({
      ...term,
      weight: 1,
    }));
    const { total } = gainLoss(model, { images, labels }, { weights: off, terms, training: false });
    return total.dataSync()[0]!;
  };
  t.true(value([0, 1, 0, 1]) > 0.01);
  t.is(
    value([0, 1, 2, 2].map((label, i) => (i === 3 ? 1 : label)).map((label, i) => (i === 1 ? 0 : label))) > 0,
    true,
  );
  const single = tf.slice(images, [0, 0, 0, 0], [2, -1, -1, -1]) as tf.Tensor4D;
  const terms = guidanceTerms({ consistency: { weight: 1 } }).map((term) => ({ ...term, weight: 1 }));
  const { total } = gainLoss(
    model,
    { images: single, labels: [0, 1] },
    { weights: off, terms, training: false },
  );
  t.is(Math.abs(total.dataSync()[0]!), 0);
});
