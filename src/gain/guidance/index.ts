/** Guided losses of the literature beside GAIN's, as terms of a training step. */
export type { AnswerTermOptions } from './answer-terms.ts';
export type { ConsistencyTermOptions } from './consistency-terms.ts';
export type { GradientTermOptions, RobustTermOptions } from './gradient-terms.ts';
export { type GuidanceOptions, guidanceTerms, maskless } from './guidance-terms.ts';
export type { GuidedMaps } from './guided-step.ts';
export type { MapTermOptions, NormalizedTermOptions, SignedTermOptions } from './map-terms.ts';
export { mostAttended } from './mask-tune.ts';
export type { RelevanceTerm, RelevanceTermOptions } from './relevance-terms.ts';
export type { GuidedTermOptions, PixelTermOptions } from './term.ts';
