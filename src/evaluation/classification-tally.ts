import {
  type AnswerScores,
  answerScores,
  type Bootstrap,
  BootstrapMean,
  calibration,
  classificationMetrics,
} from '../metrics/index.ts';
import { probabilitiesOf } from './explainer.ts';
import { measuredMean, orNull } from './measured.ts';
import type { AnswerResult, ClassificationScores } from './result.ts';

/** Sums of the classification measures; keeps the logits, which average precision has to sort. */
export class ClassificationTally {
  readonly #classes: number;
  readonly #multiLabel: boolean;
  readonly #logits: number[] = [];
  readonly #labels: number[] = [];
  readonly #known: number[] = [];
  readonly #groups: string[] = [];
  readonly #focus: { readonly class: number; readonly name: string } | undefined;
  readonly #means: Record<'accuracy' | 'exactMatch' | 'top1' | 'top5', BootstrapMean>;

  /** @param focus the class whose own answers are reported beside the totals */
  constructor(
    classes: number,
    multiLabel: boolean,
    bootstrap: Bootstrap,
    focus?: { readonly class: number; readonly name: string },
  ) {
    this.#focus = focus;
    this.#classes = classes;
    this.#multiLabel = multiLabel;
    const mean = () => new BootstrapMean(bootstrap);
    this.#means = { accuracy: mean(), exactMatch: mean(), top1: mean(), top5: mean() };
  }

  /**
   * Adds an image.
   *
   * @param logits [C]
   * @param labels [C]
   * @param ranks of its true classes among the scores, from 1
   * @param known [C], 0 where a label is not known @default all 1
   * @param group '' for none
   */
  add(
    logits: Float32Array,
    labels: Float32Array,
    ranks: readonly number[],
    counts: Uint8Array,
    { known, group = '' }: { known?: Float32Array | undefined; group?: string } = {},
  ): void {
    this.#known.push(...(known ?? new Float32Array(labels.length).fill(1)));
    this.#groups.push(group);
    this.#logits.push(...logits);
    this.#labels.push(...labels);
    const { accuracy, exactMatch } = classificationMetrics(logits, labels, this.#classes, this.#multiLabel);
    this.#means.accuracy.add(accuracy, counts);
    this.#means.exactMatch.add(exactMatch, counts);
    for (const rank of ranks) {
      this.#means.top1.add(Number(rank <= 1), counts);
      this.#means.top5.add(Number(rank <= 5), counts);
    }
  }

  /** @param loss of all logits and labels, by the link */
  scores(
    loss: (
      logits: Float32Array,
      labels: Float32Array,
      classes: number,
      link: 'sigmoid' | 'softmax',
    ) => number,
  ): ClassificationScores {
    const logits = Float32Array.from(this.#logits);
    const labels = Float32Array.from(this.#labels);
    const metrics = classificationMetrics(logits, labels, this.#classes, this.#multiLabel);
    const { accuracy, exactMatch, top1, top5 } = this.#means;
    const link = this.#multiLabel ? 'sigmoid' : 'softmax';
    const probabilities = probabilitiesOf(logits, this.#classes, link);
    const reliability = calibration(probabilities, labels, this.#classes, this.#multiLabel);
    const hasPairs = top1.count > 0;
    const answers = (one?: number) =>
      resultOf(
        answerScores(logits, labels, this.#classes, {
          multiLabel: this.#multiLabel,
          groups: this.#groups,
          known: this.#known,
          class: one,
        }),
      );
    return {
      loss: loss(logits, labels, this.#classes, link),
      mAP: orNull(metrics.mAP),
      accuracy: measuredMean(accuracy),
      exactMatch: measuredMean(exactMatch),
      top1: hasPairs ? measuredMean(top1) : null,
      top5: hasPairs ? measuredMean(top5) : null,
      calibration: { ...reliability, expectedError: orNull(reliability.expectedError) },
      answers: answers(),
      ...(this.#focus && { focus: { name: this.#focus.name, ...answers(this.#focus.class) } }),
      perClass: {
        accuracy: metrics.perClass.accuracy,
        averagePrecision: metrics.perClass.averagePrecision.map(orNull),
      },
    };
  }
}

/** Numbers that could not be measured become null, which JSON can hold. */
function resultOf({ groups, worstGroup, groupMean, constant, ...scores }: AnswerScores): AnswerResult {
  return {
    accuracy: orNull(scores.accuracy),
    balancedAccuracy: orNull(scores.balancedAccuracy),
    auc: orNull(scores.auc),
    ...(groups && {
      groups: Object.fromEntries(
        Object.entries(groups).map(([name, { images, accuracy }]) => [
          name,
          { images, accuracy: orNull(accuracy) },
        ]),
      ),
      worstGroup: orNull(worstGroup!),
      groupMean: orNull(groupMean!),
    }),
    constant: Object.fromEntries(
      Object.entries(constant).map(([name, value]) => [name, orNull(value)]),
    ) as AnswerResult['constant'],
  };
}
