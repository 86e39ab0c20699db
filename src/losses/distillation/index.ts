/** Terms that draw a student to a teacher: its answers, its activations, its explanations. */
export { attentionL1 } from './attention-l1.ts';
export { type AttentionTransferOptions, attentionTransfer, spatialAttention } from './attention-transfer.ts';
export {
  type ClassAttentionTransferOptions,
  classAttentionTransfer,
} from './class-attention-transfer.ts';
export { explanationDistance } from './explanation-distance.ts';
export { explanationSimilarity } from './explanation-similarity.ts';
export { toGrid } from './same-grid.ts';
export { type SoftTargetsOptions, softTargets } from './soft-targets.ts';
