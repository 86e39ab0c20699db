import type * as tfl from '@tensorflow/tfjs-layers';
import { answerComposites, type CompositeAnswers, Scorer } from '../audit/index.ts';
import type { Config } from '../config/index.ts';
import type { Dataset } from '../data/index.ts';
import { UsageError } from '../errors/index.ts';
import type { Link } from '../losses/index.ts';
import { Bootstrap } from '../metrics/index.ts';
import type { MadeData } from './from-config.ts';
import type { SplitMetrics } from './split-metrics.ts';

/** Composites of each cell: enough to tell checkpoints apart by a few points. */
const perCell = 100;

/**
 * How the suspect classes are answered on composites of the validation split, where object and ground come apart: what
 * a checkpoint should be chosen by when its test is to be without the shortcut. The masks are those of the split, or
 * predicted ones where it has none.
 *
 * @throws {UsageError} when the config has no composites or no validation split
 */
export async function answersOnComposites(
  model: tfl.LayersModel,
  dataset: Dataset,
  config: Config,
  { predicted, composites }: MadeData,
  link: Link,
  signal?: AbortSignal,
): Promise<NonNullable<SplitMetrics['composites']>> {
  const split = config.data.splits.validation;
  if (!composites || split === null) {
    throw new UsageError('training.selectBy: composites needs data.composites and data.splits.validation');
  }
  const { imageSize, fit } = config.data;
  const { withMasks } = await dataset.labelStatistics(split);
  const scorer = new Scorer(model, link, imageSize);
  const each: CompositeAnswers[] = [];
  for (const c of composites.suspects) {
    const question = {
      split,
      imageSize,
      fit,
      perCell,
      seed: config.seed,
      predicted: withMasks > 0 ? undefined : predicted,
      signal,
    };
    each.push(
      (await answerComposites(scorer, dataset, c, question, new Bootstrap({ replicates: 1 }))).answers,
    );
  }
  const mean = (of: (one: CompositeAnswers) => number) =>
    each.reduce((sum, one) => sum + of(one), 0) / each.length;
  return {
    apart: mean(({ apart }) => apart.value),
    worst: mean(({ worst }) => worst),
    auc: mean(({ auc }) => auc),
  };
}
