import type * as tfl from '@tensorflow/tfjs-layers';
import { answerComposites, type CompositeQuestion, drawComposites, Scorer } from '../audit/index.ts';
import type { Config } from '../config/index.ts';
import type { Dataset } from '../data/index.ts';
import { UsageError } from '../errors/index.ts';
import type { CompositeScores } from '../evaluation/index.ts';
import { Bootstrap, meanOf } from '../metrics/index.ts';
import { type MadeData, trainingBatchOptions } from './data-from-config.ts';

/** Composites of each of the four cells of ground × object, for each suspect class. */
const perCell = 50;

/** What is asked about a suspect class when checkpoints are chosen. */
export interface SuspectQuestion extends CompositeQuestion {
  readonly suspect: number;
}

/**
 * Sees, before anything is trained, that the composites of a config can be made: those of the training, and those of
 * the validation split where `training.selectBy` chooses by them. The latter are cut along the true masks of the
 * split where it has some of the class, else along predicted ones.
 *
 * @returns the questions that choose checkpoints; none where something else does
 * @throws {UsageError} naming the suspect class that cannot be cut or has no ground, and the key that asks for it
 */
export async function compositeQuestions(
  dataset: Dataset,
  config: Config,
  { predicted, composites }: MadeData,
  signal?: AbortSignal,
): Promise<SuspectQuestion[]> {
  if (!composites) return [];
  const { data, seed, training } = config;
  const { batchSize: _, ...walk } = trainingBatchOptions(config, 0, 0, { predicted });
  // Planned, and none made.
  for await (const made of dataset.composites(data.splits.train, { ...walk, composites }, [])) void made;
  if (!training.selectBy.startsWith('composites')) return [];

  const split = data.splits.validation!;
  const labels = await dataset.labels(split);
  const questions: SuspectQuestion[] = [];
  for (const suspect of composites.suspects) {
    const masked = labels.some(({ maskedClasses }) => maskedClasses.includes(suspect));
    const question = {
      split,
      imageSize: data.imageSize,
      fit: data.fit,
      perCell,
      seed,
      predicted: masked ? undefined : predicted,
      signal,
    };
    const because = await whyNot(dataset, suspect, question);
    if (because === undefined) questions.push({ ...question, suspect });
    else {
      const name = dataset.classes[suspect];
      const masks = masked ? 'its masks' : predicted ? 'the predicted masks' : 'no masks';
      throw new UsageError(
        `training.selectBy: ${training.selectBy} needs composites of '${name}' in ${split}, and with ${masks} ` +
          `${because}; take another metric, or give the split masks`,
      );
    }
  }
  return questions;
}

/** Why a class of a split cannot be asked about; undefined where it can. */
async function whyNot(dataset: Dataset, c: number, question: CompositeQuestion): Promise<string | undefined> {
  const cells = new Set<string>();
  try {
    for await (const { ground, present } of drawComposites(dataset, c, question)) {
      cells.add(`${ground} ${present}`);
      if (cells.size === 4) return undefined;
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return `none can be made (${error.message})`;
  }
  return 'no object is large enough to be cut out';
}

/**
 * The answers to composites of the validation split, the same ones at every evaluation: what a checkpoint may be chosen
 * by where the split itself has the shortcut too, and cannot tell a cured network from one that is not.
 *
 * @param questions of {@link compositeQuestions}
 * @returns over the suspect classes: means, and the smallest `worst`
 */
export async function compositeScores(
  model: tfl.LayersModel,
  dataset: Dataset,
  link: 'sigmoid' | 'softmax',
  questions: readonly SuspectQuestion[],
): Promise<CompositeScores> {
  const scores: CompositeScores[] = [];
  for (const { suspect, ...question } of questions) {
    const scorer = new Scorer(model, link, question.imageSize);
    const bootstrap = new Bootstrap({ replicates: 1 });
    const { answers } = await answerComposites(scorer, dataset, suspect, question, bootstrap);
    scores.push({ apart: answers.apart.value, worst: answers.worst, auc: answers.auc });
  }
  return {
    apart: meanOf(scores.map(({ apart }) => apart)),
    worst: Math.min(...scores.map(({ worst }) => worst)),
    auc: meanOf(scores.map(({ auc }) => auc)),
  };
}
