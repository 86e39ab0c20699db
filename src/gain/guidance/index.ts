/** Guided losses of the literature beside GAIN's, as terms of a training step. */
export {
  type GuidanceOptions,
  type GuidedTermOptions,
  guidanceTerms,
  type NormalizedTermOptions,
  type PixelTermOptions,
} from './guidance-terms.ts';
export type { GuidedMaps } from './guided-step.ts';
