import type { Config } from '../config/index.ts';
import { UsageError } from '../errors/index.ts';
import {
  type DistillationOptions,
  type GainTrainerOptions,
  type GuidanceOptions,
  maskless,
  type WeightSchedule,
} from '../gain/index.ts';
import type { AttentionMapsOptions } from '../gradcam/index.ts';

/** The trainer's options as the config says. */
export function trainerOptionsOf(config: Config, link: 'sigmoid' | 'softmax'): GainTrainerOptions {
  const { gain, training, seed, data } = config;
  const { losses, link: _link, ...objective } = gain;
  return {
    ...objective,
    link,
    weights: {
      classification: losses.classification,
      mining: losses.mining,
      // Without masks there is nothing to supervise with.
      supervision: data.masks.count === 0 ? 0 : losses.supervision,
    },
    optimizer: training.optimizer,
    schedule: training.schedule,
    clipNorm: training.clipNorm,
    accumulate: training.accumulate,
    seed,
  };
}

/** The part of the config that says how maps are made. */
export function mapOptionsOf(config: Config): AttentionMapsOptions {
  const { method, targetLayer } = config.gain;
  return { method, targetLayer };
}

/** The terms of distillation as the config weighs them, without those of weight 0. */
export function distillationOptionsOf({
  teacher,
  maps,
  losses,
}: NonNullable<Config['distillation']>): DistillationOptions {
  return { ...termsOf(losses), maps, teacherSees: teacher.sees };
}

/**
 * The guided terms as the config weighs them, without those of weight 0; without masks, those alone that need none.
 *
 * @param classes of the data set
 * @throws {UsageError} for a class that is not among them
 */
export function guidanceOptionsOf(
  { guidance, gain, data }: Config,
  classes: readonly string[],
): GuidanceOptions {
  const { method, targetLayer, differentiateWeights } = gain;
  const weighed = Object.entries(termsOf(guidance.losses));
  const usable =
    data.masks.count === 0 ? weighed.filter(([name]) => (maskless as string[]).includes(name)) : weighed;
  if (usable.length === 0) return {};
  const { signed, ...terms } = Object.fromEntries(usable) as GuidanceOptions;
  const named = guidance.losses.signed.classes?.map((name) => {
    const index = classes.indexOf(name);
    if (index >= 0) return index;
    throw new UsageError(
      `guidance.losses.signed.classes: no class '${name}' in ${data.dir}; it has ${classes.join(', ')}`,
    );
  });
  const { pixels } = guidance.losses.signed;
  return {
    ...terms,
    ...(signed && { signed: { ...signed, classes: named, pixels: pixels ?? undefined } }),
    maps: { ...guidance.maps, method, targetLayer, differentiateWeights },
  };
}

/** Guided terms of a config that would do nothing, because it gives them no masks. */
export function guidanceWithoutMasks({ guidance, data }: Config): string[] {
  if (data.masks.count !== 0) return [];
  return Object.keys(termsOf(guidance.losses)).filter((name) => !(maskless as string[]).includes(name));
}

/** Whether any term of the loss, or a module of the user's own, reads the masks and boxes of a batch. */
export function masksAreRead({ data, gain, guidance, training }: Config): boolean {
  if (data.masks.count === 0 && !data.composites) return false;
  const supervises = data.masks.count !== 0 && gain.losses.supervision.weight > 0;
  return supervises || Object.keys(termsOf(guidance.losses)).length > 0 || training.module !== null;
}

interface ConfiguredTerm extends WeightSchedule {
  readonly [option: string]: unknown;
}

function termsOf(losses: { readonly [name: string]: ConfiguredTerm }): Record<string, object> {
  const weighed = Object.entries(losses).filter(([, { weight }]) => weight > 0);
  const terms = weighed.map(([name, { weight, startEpoch, rampEpochs, endEpoch, ...rest }]) => [
    name,
    { ...rest, weight: { weight, startEpoch, rampEpochs, endEpoch } },
  ]);
  return Object.fromEntries(terms);
}

/**
 * How many (sample, class) pairs a batch is padded to: rarely exceeded, far below `batchSize · maxLabels`.
 *
 * Mean + 2 standard deviations of the sum over a batch of the labels per image, rounded up to a multiple of 4.
 * A batch with more pairs takes the next multiple; nothing is dropped.
 *
 * @param histogram images by number of labels: `histogram[k]` images have k.
 */
export function pairCapacityFor(histogram: readonly number[], batchSize: number): number {
  const images = histogram.reduce((sum, count) => sum + count, 0) || 1;
  const mean = histogram.reduce((sum, count, k) => sum + count * k, 0) / images;
  const variance = histogram.reduce((sum, count, k) => sum + count * (k - mean) ** 2, 0) / images;
  const most = batchSize * Math.max(1, histogram.length - 1);
  const likely = batchSize * mean + 2 * Math.sqrt(batchSize * variance);
  return Math.min(most, Math.ceil(likely / 4) * 4);
}
