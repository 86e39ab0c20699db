import type * as tfl from '@tensorflow/tfjs-layers';
import { answerComposites, Scorer } from '../audit/index.ts';
import type { Config } from '../config/index.ts';
import type { CompositeOptions, Dataset, PredictedMasks } from '../data/index.ts';
import type { CompositeScores } from '../evaluation/index.ts';
import { Bootstrap, meanOf } from '../metrics/index.ts';

/** Composites of each of the four cells of ground × object, for each suspect class. */
const perCell = 50;

/** Whether checkpoints are chosen by the answers to composites. */
export function choosesByComposites({ training }: Config): boolean {
  return training.selectBy.startsWith('composites');
}

/**
 * The answers to composites of the validation split, the same ones at every evaluation: what a checkpoint may be chosen
 * by where the split itself has the shortcut too, and cannot tell a cured network from one that is not.
 *
 * @returns over the suspect classes: means, and the smallest `worst`
 * @throws {UsageError} when the split has no mask to cut along, or no ground without the class
 */
export async function compositeScores(
  model: tfl.LayersModel,
  dataset: Dataset,
  { data, seed }: Config,
  link: 'sigmoid' | 'softmax',
  { composites, predicted }: { composites: CompositeOptions; predicted?: PredictedMasks | undefined },
  signal?: AbortSignal,
): Promise<CompositeScores> {
  const scorer = new Scorer(model, link, data.imageSize);
  const question = {
    split: data.splits.validation!,
    imageSize: data.imageSize,
    fit: data.fit,
    perCell,
    seed,
  };
  const scores: CompositeScores[] = [];
  for (const c of composites.suspects) {
    const { answers } = await answerComposites(
      scorer,
      dataset,
      c,
      { ...question, predicted, signal },
      new Bootstrap({ replicates: 1 }),
    );
    scores.push({ apart: answers.apart.value, worst: answers.worst, auc: answers.auc });
  }
  return {
    apart: meanOf(scores.map(({ apart }) => apart)),
    worst: Math.min(...scores.map(({ worst }) => worst)),
    auc: meanOf(scores.map(({ auc }) => auc)),
  };
}
