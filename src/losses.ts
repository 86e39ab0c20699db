/**
 * The losses: functions from tensors to a scalar, to be used in a loss of one's own, and what of the objective can be used
 * without it.
 *
 * @packageDocumentation
 */

export {
  classesPerImage,
  type HoleFilling,
  holeFilling,
  type Labels,
  mostAttended,
  removeRegion,
} from './gain/index.ts';
export {
  type AttentionMiningOptions,
  type AttentionTransferOptions,
  attentionL1,
  attentionMining,
  attentionSupervision,
  attentionTransfer,
  type ClassAttentionTransferOptions,
  cappedLoss,
  classAttentionTransfer,
  counterfactual,
  crossEntropies,
  explanationDistance,
  explanationSimilarity,
  influencePenalty,
  inputGradientPenalty,
  irrelevantAttention,
  type Link,
  logOdds,
  logProbabilitySums,
  type MiningScore,
  maskDistance,
  misplacedEnergy,
  type ObjectAnswerOptions,
  type PixelCrossEntropyOptions,
  type PixelReductionOptions,
  pixelCrossEntropy,
  probabilities,
  type ReductionOptions,
  robustGradientPenalty,
  type SigmoidCrossEntropyOptions,
  type SignedEvidenceOptions,
  type SoftmaxCrossEntropyOptions,
  type SoftTargetsOptions,
  sigmoidCrossEntropy,
  signedEvidence,
  softmaxCrossEntropy,
  softTargets,
  spatialAttention,
  sufficiency,
  toGrid,
  weightedMean,
} from './losses/index.ts';
