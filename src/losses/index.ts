/** Losses: pure functions from tensors to a scalar. They import no model and hold no state. */
export { type AttentionMiningOptions, attentionMining, type MiningScore } from './attention-mining.ts';
export { type AttentionSupervisionOptions, attentionSupervision } from './attention-supervision.ts';
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
  type AttentionL1Options,
  type AttentionTransferOptions,
  attentionL1,
  attentionTransfer,
  type ClassAttentionTransferOptions,
  classAttentionTransfer,
  type ExplanationDistanceOptions,
  type ExplanationSimilarityOptions,
  explanationDistance,
  explanationSimilarity,
  type SoftTargetsOptions,
  softTargets,
  spatialAttention,
  toGrid,
} from './distillation/index.ts';
export {
  cappedLoss,
  type GuidedLossOptions,
  inputGradientPenalty,
  irrelevantAttention,
  logProbabilitySums,
  maskDistance,
  misplacedEnergy,
  type PixelCrossEntropyOptions,
  type PixelLossOptions,
  pixelCrossEntropy,
} from './right-reasons/index.ts';
export { weightedMean } from './weighted-mean.ts';
