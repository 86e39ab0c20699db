import { join, resolve } from 'node:path';
import * as z from 'zod';
import { type Config, parseConfig } from '../../config/index.ts';

/** What a page says of a learning. */
export const learnRequest = z.strictObject({
  /** Epochs of the training. */
  epochs: z.int().min(1).max(500).default(12),
  /** Updates of the pixel classifier. */
  steps: z.int().min(1).max(20_000).default(500),
});

export type LearnRequest = z.infer<typeof learnRequest>;

/** Composites that are kept, in bytes. */
const cacheBytes = 256 * 2 ** 20;

/**
 * The recipe of the cure (`configs/cure.yaml`), for a run and the masks that were drawn: a pixel classifier learns
 * from them where the objects of all other images are; composites of grounds and objects that never met follow, and the
 * network of the run goes on learning from these.
 *
 * @param base config of the run
 * @param run folder of the run, whose network it begins with
 * @param masks file of the drawn masks
 * @param suspects names of the classes that masks were drawn of
 */
export function recipe(
  base: Config,
  run: string,
  masks: string,
  suspects: readonly string[],
  classes: number,
  { epochs, steps }: LearnRequest,
): Config {
  const { source, dir, options, imageSize, fit, splits, batchSize, workers, augment } = base.data;
  const bytes = imageSize[0] * imageSize[1] * (3 + classes);
  const config = {
    name: `${base.name}-learned`.slice(0, 100),
    seed: base.seed,
    engine: base.engine,
    data: {
      source,
      dir: resolve(dir),
      options,
      imageSize,
      fit,
      splits,
      batchSize,
      workers,
      augment,
      masks: {
        count: 0,
        drawn: resolve(masks),
        predicted: { steps, pasted: 0.3, folds: 0 },
      },
      composites: {
        suspects,
        // Three of four pictures, as in the cure.
        perBatch: Math.max(1, Math.round(0.75 * batchSize)),
        cache: Math.max(1, Math.min(6000, Math.floor(cacheBytes / bytes))),
      },
    },
    model: { weights: resolve(join(run, 'model')) },
    gain: {
      method: base.gain.method,
      targetLayer: base.gain.targetLayer,
      link: base.gain.link,
      losses: { mining: { weight: 0 }, supervision: { weight: 0 } },
    },
    training: {
      epochs,
      optimizer: { name: 'adamw', learningRate: 0.003, weightDecay: 0.01 },
      evaluateEvery: epochs,
      schedule: { name: 'cosine', warmupEpochs: Math.min(0.5, epochs / 2) },
    },
    evaluation: { focusClass: base.evaluation.focusClass },
    log: { images: 0, histogramsEvery: 0 },
  };
  // JSON is YAML; every default is filled in, and what does not fit is said.
  return parseConfig(JSON.stringify(config), 'the recipe of the page');
}
