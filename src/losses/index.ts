/** Losses: pure functions from tensors to a scalar. They import no model and hold no state. */
export { type AttentionConsistencyOptions, attentionConsistency } from './attention-consistency.ts';
export { type AttentionMiningOptions, attentionMining, type MiningScore } from './attention-mining.ts';
export { attentionSupervision } from './attention-supervision.ts';
export {
  type Link,
  oneHotRows,
  probabilities,
  type SigmoidCrossEntropyOptions,
  type SoftmaxCrossEntropyOptions,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
} from './classification.ts';
export {
  type AttentionTransferOptions,
  attentionL1,
  attentionTransfer,
  type ClassAttentionTransferOptions,
  classAttentionTransfer,
  explanationDistance,
  explanationSimilarity,
  type SoftTargetsOptions,
  softTargets,
  spatialAttention,
  toGrid,
} from './distillation/index.ts';
export {
  type BackgroundRelevanceOptions,
  backgroundRelevance,
  cappedLoss,
  counterfactual,
  crossEntropies,
  influencePenalty,
  inputGradientPenalty,
  irrelevantAttention,
  logOdds,
  logProbabilitySums,
  maskDistance,
  misplacedEnergy,
  type ObjectAnswerOptions,
  type PixelCrossEntropyOptions,
  pixelCrossEntropy,
  robustGradientPenalty,
  type SignedEvidenceOptions,
  signedEvidence,
  sufficiency,
} from './right-reasons/index.ts';
export { type PixelReductionOptions, type ReductionOptions, weightedMean } from './weighted-mean.ts';
