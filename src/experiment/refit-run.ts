import type { Config } from '../config/index.ts';
import { startEngine } from '../engine/index.ts';
import { UsageError } from '../errors/index.ts';
import { saveLayersModel } from '../models/index.ts';
import { writeLine } from '../progress/index.ts';
import { linkOfRun } from '../run/index.ts';
import { buildExperimentModel, compositesOf, openExperimentData } from './from-config.ts';
import { predictedMasksOf } from './predict-masks.ts';
import { type RefitConfig, refit } from './refit.ts';

/**
 * Fits the last layer of a finished run anew and writes the model. A run without composites takes the classes that are
 * asked for as suspects, and cuts along the masks that its config allows.
 *
 * @param network folder of the run's model
 * @returns a line that says what was done
 * @throws {UsageError} when there is nothing to fit to, or no such class
 */
export async function refitRun(
  config: Config,
  network: string,
  out: string,
  { signal, ...refitting }: RefitConfig & { readonly signal?: AbortSignal },
): Promise<string> {
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
    const predicted = await predictedMasksOf(config, model, dataset, writeLine, signal);
    const composites = compositesOf(config, dataset) ?? suspectsOnly(refitting, dataset.classes);
    const link = linkOfRun(config, dataset.info)!;
    const line = await refit(model, dataset, config, refitting, { predicted, composites }, link, signal);
    await saveLayersModel(model, out);
    return line;
  } finally {
    await dataset.close();
  }
}

function suspectsOnly({ on, classes }: RefitConfig, names: readonly string[]) {
  if (on === 'groups') return undefined;
  if (!Array.isArray(classes)) {
    throw new UsageError('the run has no data.composites: --class names the classes to refit');
  }
  return { suspects: classes.map((name) => names.indexOf(name)), perBatch: 1 };
}
