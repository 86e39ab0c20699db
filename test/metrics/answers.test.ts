import test from 'ava';
import { answerScores } from '../../src/metrics/index.ts';

const close = (t: import('ava').ExecutionContext, actual: number | undefined, expected: number) =>
  t.true(Math.abs(actual! - expected) < 1e-9, `${actual}, expected ${expected}`);

test('one class of all is right: recall by class, one class against the rest, groups, and always the same class', (t) => {
  // Answers 0 0 1 2 1, truth 0 0 0 1 1.
  const logits = [3, 0, 0, 2, 1, 0, 0, 2, 1, 0, 1, 2, 0, 3, 0];
  const labels = [1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 0];
  const groups = ['a', 'b', 'b', '', 'a'];
  const scores = answerScores(logits, labels, 3, { multiLabel: false, groups });
  close(t, scores.accuracy, 3 / 5);
  close(t, scores.balancedAccuracy, (2 / 3 + 1 / 2) / 2);
  t.deepEqual(scores.groups, { a: { images: 2, accuracy: 1 }, b: { images: 2, accuracy: 0.5 } });
  close(t, scores.worstGroup, 0.5);
  close(t, scores.groupMean, 0.75);
  // Always 0: three of five right; group a half, group b whole.
  close(t, scores.constant.accuracy, 3 / 5);
  close(t, scores.constant.balancedAccuracy, 1 / 2);
  close(t, scores.constant.worstGroup, 0.5);
  close(t, scores.constant.groupMean, 0.75);
  t.is(scores.constant.auc, 0.5);
  // By brute force over pairs of images, of softmax probabilities; class 2 has no image.
  const probability = (n: number, c: number) => {
    const row = logits.slice(3 * n, 3 * n + 3).map(Math.exp);
    return row[c]! / row.reduce((a, b) => a + b, 0);
  };
  const area = (c: number, positive: number[], negative: number[]) => {
    const wins = positive.flatMap((i) =>
      negative.map((j) => {
        const [a, b] = [probability(i, c), probability(j, c)];
        return Math.abs(a - b) < 1e-12 ? 0.5 : Number(a > b);
      }),
    );
    return wins.reduce((x, y) => x + y, 0) / wins.length;
  };
  close(t, scores.auc, (area(0, [0, 1, 2], [3, 4]) + area(1, [3, 4], [0, 1, 2])) / 2);
});

test('several labels, and one class of them: a class that is always told by the ground scores nothing where they part', (t) => {
  // Class 0 is said exactly where it is not; class 1 always right.
  const logits = [1, 1, 1, -1, -1, 1, -1, -1];
  const labels = [0, 1, 0, 0, 1, 1, 1, 0];
  const groups = ['water without boat', 'water without boat', 'boat without water', 'boat without water'];
  const all = answerScores(logits, labels, 2, { multiLabel: true, groups });
  close(t, all.accuracy, 0.5);
  close(t, all.balancedAccuracy, 0.5);
  close(t, all.auc, 0.5);
  close(t, all.constant.accuracy, 0.5);
  const boat = answerScores(logits, labels, 2, { multiLabel: true, groups, class: 0 });
  close(t, boat.accuracy, 0);
  close(t, boat.auc, 0);
  t.deepEqual(boat.groups, {
    'boat without water': { images: 2, accuracy: 0 },
    'water without boat': { images: 2, accuracy: 0 },
  });
  // Always yes, or always no: all of one group, none of the other.
  t.like(boat.constant, { accuracy: 0.5, balancedAccuracy: 0.5, auc: 0.5, worstGroup: 0, groupMean: 0.5 });
});

test('one class of exclusive ones is a yes or no; labels that are not known do not count', (t) => {
  const logits = [2, 0, 0, 2, 2, 0, 0, 2];
  const labels = [1, 0, 0, 1, 0, 1, 1, 0];
  const first = answerScores(logits, labels, 2, { multiLabel: false, class: 0 });
  close(t, first.accuracy, 0.5);
  t.is(first.groups, undefined);
  t.is(first.constant.worstGroup, undefined);
  const known = [1, 1, 1, 1, 0, 0, 0, 0];
  const half = answerScores(logits, labels, 2, { multiLabel: false, known });
  close(t, half.accuracy, 1);
  close(t, half.auc, 1);
  const split = answerScores([1, -1, 1, -1], [1, 0, 0, 0], 2, { multiLabel: true, known: [1, 1, 0, 1] });
  close(t, split.accuracy, 1);
  t.true(Number.isNaN(split.auc), 'no class has images with and without it');
});
