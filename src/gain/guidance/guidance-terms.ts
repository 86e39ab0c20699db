import * as tf from '@tensorflow/tfjs-core';
import { type Normalization, normalizeMaps } from '../../gradcam/index.ts';
import {
  attentionSupervision,
  cappedLoss,
  inputGradientPenalty,
  irrelevantAttention,
  maskDistance,
  misplacedEnergy,
  pixelCrossEntropy,
} from '../../losses/index.ts';
import type { StepContext } from '../objective/index.ts';
import type { WeightSchedule } from '../schedules.ts';
import type { ScheduledTerm } from '../trainer.ts';
import { type GuidedMaps, type GuidedPairs, GuidedStep } from './guided-step.ts';

/** What every guided term can be told. */
export interface GuidedTermOptions {
  /** A number, or one that starts at an epoch and ramps up. */
  readonly weight: number | WeightSchedule;
  /**
   * Mean over the images that have masks, or over the whole batch, or the sum that the RRR and Model Guidance papers
   * write.
   * @default 'masked'
   */
  readonly images?: 'masked' | 'batch' | 'sum' | undefined;
  /** A value (before the weight) above this is replaced by it, without gradient: see {@link cappedLoss}. @default none */
  readonly clip?: number | null | undefined;
}

/** A term that adds up pixels. */
export interface PixelTermOptions extends GuidedTermOptions {
  readonly pixels?: 'sum' | 'mean' | undefined;
}

/** A term whose maps are brought to a scale first. */
export interface NormalizedTermOptions {
  /** Of each map by itself. */
  readonly normalization?: Normalization | undefined;
}

export interface GuidanceOptions {
  readonly maps?: GuidedMaps | undefined;
  /** Ross et al. 2017, see {@link inputGradientPenalty}. Pixels are summed. */
  readonly rrr?: PixelTermOptions | undefined;
  /** Schramowski et al. 2020, see {@link irrelevantAttention}. Min-max normalised, pixels are summed. */
  readonly rrrG?: (PixelTermOptions & NormalizedTermOptions) | undefined;
  /** As the XIL benchmark uses it, see {@link attentionSupervision}. Min-max normalised, mean over pixels. */
  readonly hint?: (PixelTermOptions & NormalizedTermOptions) | undefined;
  /** Model Guidance, see {@link misplacedEnergy}. */
  readonly energy?: GuidedTermOptions | undefined;
  /** See {@link pixelCrossEntropy}. Each map is divided by its largest value. */
  readonly ppce?:
    | (GuidedTermOptions & NormalizedTermOptions & { readonly floor?: number | undefined })
    | undefined;
  /** See {@link maskDistance}. Each map is divided by its largest value. */
  readonly l1?: (GuidedTermOptions & NormalizedTermOptions) | undefined;
  /** Model Guidance, see {@link irrelevantAttention}. Each map is divided by its largest value, pixels are summed. */
  readonly rrrStar?: (PixelTermOptions & NormalizedTermOptions) | undefined;
}

/**
 * Terms that use masks to make a network right for the right reasons, for {@link GainTrainer} and `gainLoss`.
 *
 * ```ts
 * const terms = guidanceTerms({ maps: { targetLayer: 'conv2' }, rrr: { weight: 10 } });
 * const trainer = new GainTrainer(model, { weights: { mining: 0, supervision: 0 }, terms });
 * await trainer.fitDataset([{ images, labels, masks, marks: 'must-not-matter' }], { epochs: 10 });
 * ```
 *
 * The masks come with the batch, which says whether they mark what matters or what must not. An image without mask
 * adds nothing, nor does a label without one.
 *
 * @returns the terms that were asked for, named as the options are
 */
export function guidanceTerms({ maps = {}, ...options }: GuidanceOptions): readonly ScheduledTerm[] {
  const known = new WeakMap<StepContext, GuidedStep>();
  const guided = (step: StepContext) => {
    const one = known.get(step) ?? new GuidedStep(step, maps);
    known.set(step, one);
    return one;
  };

  /** A term on maps, normalised as its options or else its paper say. */
  const onMaps = <Options extends GuidedTermOptions & NormalizedTermOptions>(
    name: string,
    termOptions: Options | undefined,
    normalization: Normalization,
    loss: (maps: tf.Tensor3D, masks: Masks, options: Options & Reduction) => tf.Scalar,
  ) =>
    term(name, termOptions, (chosen, total) => (step) => {
      const pairs = guided(step).pairs();
      if (!pairs) return undefined;
      const normalized = normalizeMaps(pairs.maps, chosen.normalization ?? normalization);
      return loss(normalized, masksOf(pairs), { ...chosen, weights: pairs.weights, total: total(step) });
    });

  return [
    term('rrr', options.rrr, ({ pixels }, total) => (step) => {
      const images = guided(step).images();
      if (!images) return undefined;
      const { gradients, irrelevant, weights } = images;
      return inputGradientPenalty(gradients, irrelevant, { weights, pixels, total: total(step) });
    }),
    onMaps('rrrG', options.rrrG, 'min-max', (map, { irrelevant }, chosen) =>
      irrelevantAttention(map, irrelevant(), chosen),
    ),
    onMaps('hint', options.hint, 'min-max', (map, { relevant }, chosen) =>
      attentionSupervision(map, relevant, chosen),
    ),
    onMaps('energy', options.energy, 'none', (map, { relevant }, chosen) =>
      misplacedEnergy(map, relevant, chosen),
    ),
    onMaps('ppce', options.ppce, 'max', (map, { relevant }, chosen) =>
      pixelCrossEntropy(map, relevant, chosen),
    ),
    onMaps('l1', options.l1, 'max', (map, { relevant }, chosen) => maskDistance(map, relevant, chosen)),
    onMaps('rrrStar', options.rrrStar, 'max', (map, { irrelevant }, chosen) =>
      irrelevantAttention(map, irrelevant(), chosen),
    ),
  ].flat();
}

interface Reduction {
  readonly weights: tf.Tensor1D;
  readonly total: number | undefined;
}

interface Masks {
  readonly relevant: tf.Tensor3D;
  readonly irrelevant: () => tf.Tensor3D;
}

const masksOf = ({ relevant }: GuidedPairs): Masks => ({ relevant, irrelevant: () => tf.sub(1, relevant) });

/** The term that its options ask for, or none. */
function term<Options extends GuidedTermOptions>(
  name: string,
  options: Options | undefined,
  loss: (
    options: Options,
    total: (step: StepContext) => number | undefined,
  ) => (step: StepContext) => tf.Scalar | undefined,
): readonly ScheduledTerm[] {
  if (!options) return [];
  const { weight, images = 'masked', clip } = options;
  const total = ({ labels }: StepContext) => ({ masked: undefined, batch: labels.length, sum: 1 })[images];
  const ofStep = loss(options, total);
  return [
    {
      name,
      weight,
      loss(step) {
        // Without masks: 0, attached to the weights, so that its gradient is 0 and not an error.
        const value = ofStep(step) ?? tf.mul<tf.Scalar>(tf.sum(step.logits), 0);
        return clip === undefined || clip === null ? value : cappedLoss(value, clip);
      },
    },
  ];
}
