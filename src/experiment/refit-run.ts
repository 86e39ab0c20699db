import { dirname, join } from 'node:path';
import type { Config } from '../config/index.ts';
import type { Dataset } from '../data/index.ts';
import { startEngine } from '../engine/index.ts';
import { UsageError } from '../errors/index.ts';
import { evaluateSplit, type SplitMetrics } from '../evaluation/index.ts';
import { saveLayersModel } from '../models/index.ts';
import { writeLine } from '../progress/index.ts';
import { linkOfRun } from '../run/index.ts';
import { compositesOf, openExperimentData } from './data-from-config.ts';
import { evaluationOptionsOf } from './evaluation-from-config.ts';
import { buildExperimentModel } from './model-from-config.ts';
import { predictedMasksOf } from './predict-masks.ts';
import { type RefitConfig, refit } from './refit.ts';
import { SUSPECTS_FILE, suspectsOf } from './suspects.ts';

/** What a refit did. */
export interface RefitResult {
  /** A line that says what the layer was fitted to. */
  readonly line: string;
  /** The test splits of the run, before and after. */
  readonly splits: Readonly<Record<string, { readonly before: SplitMetrics; readonly after: SplitMetrics }>>;
}

/**
 * Fits the last layer of a finished run anew, writes the model, and measures the run's test splits before and after. A
 * run without composites takes the classes that are asked for as suspects, and cuts along the masks that its config
 * allows.
 *
 * @param network folder of the run's model
 * @throws {UsageError} when there is nothing to fit to, or no such class
 */
export async function refitRun(
  config: Config,
  network: string,
  out: string,
  { signal, ...refitting }: RefitConfig & { readonly signal?: AbortSignal },
): Promise<RefitResult> {
  const { name, ...settings } = config.engine;
  await startEngine({ engine: name, ...settings });
  const dataset = await openExperimentData(config, signal);
  try {
    const model = await buildExperimentModel(
      {
        ...config,
        model: { ...config.model, weights: network, head: null, inputScaling: 'zero-one', freeze: [] },
      },
      dataset.classes.length,
    );
    const link = linkOfRun(config, dataset.info)!;
    const onComposites = refitting.on === 'composites';
    const predicted = onComposites
      ? await predictedMasksOf(config, model, dataset, writeLine, signal)
      : undefined;
    const file = join(dirname(network), SUSPECTS_FILE);
    const suspects = onComposites
      ? await suspectsOf(config, dataset, { model, link, predicted, file, signal })
      : undefined;
    const composites = onComposites ? compositesFor(config, refitting, dataset, suspects?.names) : undefined;
    const measured = await measure(config);
    const line = await refit(model, dataset, config, refitting, { predicted, composites }, link, signal);
    await saveLayersModel(model, out);
    const after = await measure(config);
    const splits = Object.keys(after).map((split) => [
      split,
      { before: measured[split]!, after: after[split]! },
    ]);
    return { line, splits: Object.fromEntries(splits) };

    async function measure({ data }: Config): Promise<Record<string, SplitMetrics>> {
      const { maxPerImage } = await dataset.labelStatistics(data.splits.train);
      const options = evaluationOptionsOf(config, dataset, link, Math.max(1, maxPerImage), signal);
      const metrics: Record<string, SplitMetrics> = {};
      for (const split of data.splits.test) {
        metrics[split] = await evaluateSplit(model, dataset, split, options);
      }
      return metrics;
    }
  } finally {
    await dataset.close();
  }
}

function compositesFor(
  config: Config,
  { classes }: RefitConfig,
  dataset: Dataset,
  found: readonly string[] | undefined,
) {
  const own = compositesOf(config, dataset, found);
  if (own) return own;
  if (!Array.isArray(classes)) {
    throw new UsageError('the run has no data.composites: --class names the classes to refit');
  }
  return { suspects: classes.map((name) => dataset.classes.indexOf(name)), perBatch: 1 };
}
