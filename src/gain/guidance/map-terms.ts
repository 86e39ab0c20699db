import * as tf from '@tensorflow/tfjs-core';
import { type Normalization, normalizeMaps } from '../../gradcam/index.ts';
import {
  attentionSupervision,
  irrelevantAttention,
  maskDistance,
  misplacedEnergy,
  type PixelReductionOptions,
  pixelCrossEntropy,
  signedEvidence,
} from '../../losses/index.ts';
import type { StepContext } from '../objective/index.ts';
import type { ScheduledTerm } from '../trainer-options.ts';
import type { GuidedMaps, GuidedPairs, GuidedStep } from './guided-step.ts';
import { signedMaps } from './signed-maps.ts';
import { type GuidedTermOptions, type PixelTermOptions, term } from './term.ts';

/** A term whose maps are brought to a scale first. */
export interface NormalizedTermOptions {
  /** Of each map by itself. */
  readonly normalization?: Normalization | undefined;
}

export interface SignedTermOptions extends PixelTermOptions {
  /** @default 'l1' */
  readonly norm?: 'l1' | 'l2' | undefined;
  /** The classes that are judged, for example the suspect one. @default all */
  readonly classes?: readonly number[] | undefined;
  /** Whether maps of classes that are not in an image count, all of it being off their object. @default true */
  readonly absent?: boolean | undefined;
}

/** Terms that judge explanation maps. */
export interface MapTermOptions {
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
  /**
   * Evidence off the object, of either sign, for classes that are in an image and for those that are not, see
   * {@link signedEvidence}. Maps are neither clipped nor normalised, at the size of the layer. Pixels are summed
   * unless told, for `cam` averaged: the value then is in logits.
   */
  readonly signed?: SignedTermOptions | undefined;
}

/** @param guided what the terms of a step share */
export function mapTerms(
  options: MapTermOptions,
  maps: GuidedMaps,
  guided: (step: StepContext) => GuidedStep,
): readonly ScheduledTerm[] {
  /** A term on maps of pairs that have masks, normalised as its options or else its paper say. */
  const onMaps = <Options extends GuidedTermOptions & NormalizedTermOptions>(
    name: string,
    termOptions: Options | undefined,
    normalization: Normalization,
    loss: (maps: tf.Tensor3D, masks: Masks, options: Options & PixelReductionOptions) => tf.Scalar,
  ) =>
    term(name, termOptions, (chosen) => (step, total) => {
      const pairs = guided(step).pairs();
      if (!pairs) return undefined;
      const normalized = normalizeMaps(pairs.maps, chosen.normalization ?? normalization);
      return loss(normalized, masksOf(pairs), { ...chosen, weights: pairs.weights, total });
    });

  return [
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
    term('signed', options.signed, ({ norm, pixels, classes, absent = true }) => (step, total) => {
      const judged = signedMaps(step, guided(step).masks, maps, { classes, absent });
      if (!judged) return undefined;
      const { weights } = judged;
      const reduced = pixels ?? (maps.method === 'cam' ? 'mean' : 'sum');
      return signedEvidence(judged.maps, judged.irrelevant, { norm, pixels: reduced, weights, total });
    }),
  ].flat();
}

interface Masks {
  readonly relevant: tf.Tensor3D;
  readonly irrelevant: () => tf.Tensor3D;
}

const masksOf = ({ relevant }: GuidedPairs): Masks => ({ relevant, irrelevant: () => tf.sub(1, relevant) });
