import type { Config } from '../config/index.ts';
import type { Dataset } from '../data/index.ts';
import { UsageError } from '../errors/index.ts';
import type { EvaluateOptions } from '../evaluation/index.ts';
import { mapOptionsOf } from './objective-from-config.ts';

/**
 * How a run measures a split.
 *
 * @param maxLabels labels per image at most
 */
export function evaluationOptionsOf(
  config: Config,
  dataset: Dataset,
  link: 'sigmoid' | 'softmax',
  maxLabels: number,
  signal?: AbortSignal,
): EvaluateOptions {
  const { imageSize, frames, fit, workers } = config.data;
  return {
    batchSize: config.evaluation.batchSize,
    imageSize,
    frames: frames ?? undefined,
    fit,
    workers,
    maxLabels,
    maps: mapOptionsOf(config),
    link,
    focusClass: focusClassOf(config, dataset),
    signal,
  };
}

/** Index of the class that the experiment is about. */
function focusClassOf(config: Config, dataset: Dataset): number | undefined {
  const { focusClass } = config.evaluation;
  if (focusClass === null) return undefined;
  const index = dataset.info.classes.indexOf(focusClass);
  if (index < 0) {
    throw new UsageError(
      `evaluation.focusClass: no class '${focusClass}' in ${config.data.dir}; it has ${dataset.info.classes.join(', ')}`,
    );
  }
  return index;
}
