/** Guided losses of the literature beside GAIN's: right answers for the right reasons. */
export { type BackgroundRelevanceOptions, backgroundRelevance } from './background-relevance.ts';
export { cappedLoss } from './capped-loss.ts';
export { influencePenalty } from './influence.ts';
export { crossEntropies, inputGradientPenalty, logProbabilitySums } from './input-gradients.ts';
export { irrelevantAttention } from './irrelevant-attention.ts';
export { maskDistance } from './mask-distance.ts';
export { misplacedEnergy } from './misplaced-energy.ts';
export { counterfactual, logOdds, type ObjectAnswerOptions, sufficiency } from './object-answers.ts';
export { type PixelCrossEntropyOptions, pixelCrossEntropy } from './pixel-cross-entropy.ts';
export { robustGradientPenalty } from './robust-gradients.ts';
export { type SignedEvidenceOptions, signedEvidence } from './signed-evidence.ts';
