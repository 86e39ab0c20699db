import { argMax } from './arg-max.ts';
import { meanOf } from './classification.ts';

/** The answers of a classifier on a set, N images and C classes. */
export interface AnswersOptions {
  /** Whether each class is a question of its own, or one class of all is right. */
  readonly multiLabel: boolean;
  /** `[N]`, the group of each image; '' belongs to none. */
  readonly groups?: readonly string[] | undefined;
  /** `[N,C]`, 0 where a label is not known, so that its answer does not count. @default all 1 */
  readonly known?: ArrayLike<number> | undefined;
  /** The one class whose answers are judged, as yes or no. @default all classes */
  readonly class?: number | undefined;
}

/** What an answer that does not look at the image scores, the best of all that there are. */
export interface ConstantScores {
  readonly accuracy: number;
  readonly balancedAccuracy: number;
  readonly auc: number;
  readonly worstGroup?: number;
  readonly groupMean?: number;
}

/** How well a classifier answers. Shares in [0, 1]; NaN where there is nothing to measure on. */
export interface AnswerScores {
  /** As `ClassificationMetrics.accuracy`; of one class, the share of images with the right yes or no. */
  readonly accuracy: number;
  /**
   * Mean over the classes of (yes where it is + no where it is not) / 2. Where one class of all is right: mean over
   * the classes of the share of their images that are right.
   */
  readonly balancedAccuracy: number;
  /** Mean over the classes of the area under the ROC curve: images with the class against images without it. */
  readonly auc: number;
  /** Accuracy by group, in the order of the groups' names. Absent where no image has a group. */
  readonly groups?: Readonly<Record<string, { readonly images: number; readonly accuracy: number }>>;
  /** The smallest accuracy of a group. */
  readonly worstGroup?: number;
  /** Mean of the groups' accuracies. */
  readonly groupMean?: number;
  /** The same numbers of a constant answer: what is below them is worse than not looking. */
  readonly constant: ConstantScores;
}

/**
 * Balanced accuracy, AUC, accuracy per group, and what a constant answer has of each.
 *
 * A constant answer is the same class for every image; with several labels the same yes or no, class by class: the one
 * that is right most often on the set, and of a single class both of them, whichever is better.
 *
 * @param logits `[N,C]` row-major
 * @param labels `[N,C]` multi-hot, row-major
 */
export function answerScores(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  classes: number,
  { multiLabel, groups, known, class: one }: AnswersOptions,
): AnswerScores {
  const images = logits.length / classes;
  const asked = one === undefined ? Array.from({ length: classes }, (_, c) => c) : [one];
  const answered: Answered = {
    images,
    asked,
    known: (n, c) => (known?.[n * classes + c] ?? 1) > 0,
    truth: (n, c) => labels[n * classes + c]! > 0,
  };
  const chosen = multiLabel
    ? []
    : Array.from({ length: images }, (_, n) => argMax(logits, n * classes, classes));
  const yes = (n: number, c: number) => (multiLabel ? logits[n * classes + c]! > 0 : chosen[n] === c);
  const score = (n: number, c: number) =>
    multiLabel ? logits[n * classes + c]! : oddsOf(logits, n * classes, classes, c);
  // Of exclusive classes all decisions of an image are right or not; of one class, or of several labels, each by itself.
  const whole = !multiLabel && one === undefined;
  const accuracy = whole ? exactAccuracy : decisionAccuracy;
  const everything = Array.from({ length: images }, (_, n) => n);
  const named = groupsOf(groups ?? []);
  const constants = constantAnswers(answered, everything, whole);
  const bestConstant = (of: (answer: Answer) => number) => Math.max(...constants.map(of));
  const groupAccuracies = (answer: Answer) =>
    [...named.values()].map((members) => accuracy(answered, members, answer));
  const own = groupAccuracies(yes);
  const balanced = balancedAccuracy(answered, yes, whole);
  const auc = meanOf(
    asked.map((c) => areaUnderRoc(answered, score, c)).filter((value) => !Number.isNaN(value)),
  );
  return {
    accuracy: accuracy(answered, everything, yes),
    balancedAccuracy: balanced,
    auc,
    ...(named.size > 0 && {
      groups: Object.fromEntries(
        [...named].map(([name, members], g) => [name, { images: members.length, accuracy: own[g]! }]),
      ),
      worstGroup: Math.min(...own),
      groupMean: meanOf(own),
    }),
    constant: {
      accuracy: bestConstant((answer) => accuracy(answered, everything, answer)),
      balancedAccuracy: bestConstant((answer) => balancedAccuracy(answered, answer, whole)),
      auc: Number.isNaN(auc) ? Number.NaN : 0.5,
      ...(named.size > 0 && {
        worstGroup: bestConstant((answer) => Math.min(...groupAccuracies(answer))),
        groupMean: bestConstant((answer) => meanOf(groupAccuracies(answer))),
      }),
    },
  };
}

/** Whether class c is said to be in image n. */
type Answer = (n: number, c: number) => boolean;

interface Answered {
  readonly images: number;
  readonly asked: readonly number[];
  readonly known: Answer;
  readonly truth: Answer;
}

/** Share of right decisions: the mean over the classes, so that one with few known labels counts as much. */
function decisionAccuracy(
  { asked, known, truth }: Answered,
  members: readonly number[],
  yes: Answer,
): number {
  const ofClasses = asked.map((c) => {
    const counted = members.filter((n) => known(n, c));
    return counted.filter((n) => yes(n, c) === truth(n, c)).length / counted.length;
  });
  return meanOf(ofClasses.filter((share) => !Number.isNaN(share)));
}

/** Share of images whose class is the one that was said. */
function exactAccuracy({ asked, known, truth }: Answered, members: readonly number[], yes: Answer): number {
  const counted = members.filter((n) => known(n, asked[0]!));
  return counted.filter((n) => asked.every((c) => yes(n, c) === truth(n, c))).length / counted.length;
}

function balancedAccuracy({ images, asked, known, truth }: Answered, yes: Answer, whole: boolean): number {
  const ofClasses = asked.map((c) => {
    let [positives, found, negatives, refused] = [0, 0, 0, 0];
    for (let n = 0; n < images; n++) {
      if (!known(n, c)) continue;
      const said = yes(n, c);
      if (truth(n, c)) {
        positives++;
        if (said) found++;
      } else {
        negatives++;
        if (!said) refused++;
      }
    }
    return whole ? found / positives : (found / positives + refused / negatives) / 2;
  });
  return meanOf(ofClasses.filter((share) => !Number.isNaN(share)));
}

/**
 * Area under the ROC curve: the share of pairs of an image with the class and one without it in which the former has
 * the higher score, equal scores counting half (Mann & Whitney 1947; scikit-learn's `roc_auc_score`).
 */
function areaUnderRoc(
  { images, known, truth }: Answered,
  score: (n: number, c: number) => number,
  c: number,
): number {
  const counted = Array.from({ length: images }, (_, n) => n).filter((n) => known(n, c));
  const sorted = counted
    .map((n) => ({ value: score(n, c), positive: truth(n, c) }))
    .sort((a, b) => a.value - b.value);
  const positives = sorted.filter(({ positive }) => positive).length;
  const negatives = sorted.length - positives;
  let [below, above] = [0, 0];
  for (let from = 0; from < sorted.length; ) {
    let [to, equalPositives] = [from, 0];
    while (to < sorted.length && sorted[to]!.value === sorted[from]!.value) {
      if (sorted[to]!.positive) equalPositives++;
      to++;
    }
    const equalNegatives = to - from - equalPositives;
    above += equalPositives * (below + equalNegatives / 2);
    below += equalNegatives;
    from = to;
  }
  return above / (positives * negatives);
}

/** log p / (1 − p) of a class under the softmax: orders images as its probability does, and does not saturate. */
function oddsOf(logits: ArrayLike<number>, at: number, classes: number, c: number): number {
  let [largest, sum] = [Number.NEGATIVE_INFINITY, 0];
  for (let k = 0; k < classes; k++) if (k !== c) largest = Math.max(largest, logits[at + k]!);
  for (let k = 0; k < classes; k++) if (k !== c) sum += Math.exp(logits[at + k]! - largest);
  return logits[at + c]! - largest - Math.log(sum);
}

/** Images by the name of their group, the names sorted. */
function groupsOf(groups: readonly string[]): Map<string, number[]> {
  const named = new Map<string, number[]>();
  for (const name of [...new Set(groups)].sort()) if (name !== '') named.set(name, []);
  groups.forEach((name, n) => {
    named.get(name)?.push(n);
  });
  return named;
}

function constantAnswers(answered: Answered, members: readonly number[], whole: boolean): Answer[] {
  const { asked, known, truth } = answered;
  if (whole) return asked.map((k) => (_, c) => c === k);
  if (asked.length === 1) return [() => true, () => false];
  const usual = new Set(
    asked.filter((c) => {
      const counted = members.filter((n) => known(n, c));
      return counted.filter((n) => truth(n, c)).length * 2 > counted.length;
    }),
  );
  return [(_, c) => usual.has(c)];
}
