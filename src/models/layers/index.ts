/** Layers and activations that tfjs lacks. Importing them makes them known to tfjs by name. */
export { type ExtraActivation, extraActivations } from './activations.ts';
export { DilatedDepthwiseConv2D, GroupedConv2D, MultipliedSeparableConv2D } from './convolutions.ts';
export {
  ImageResizing,
  type ImageResizingArgs,
  type ResizeCoordinates,
  type ResizeRounding,
} from './image-resizing.ts';
export { ChannelScale, GroupNorm, UnitLength } from './normalizations.ts';
export { GeneralReLU, ScaledELU, SoftmaxAlong } from './rectifiers.ts';
export { type RegionScoreKind, RegionScores, type ScoredRegion, SignedValues } from './region-scores.ts';
export { ChannelOrder, GlobalPooling, MiddleCrop, PairArithmetic } from './shapes.ts';
export { TensorOp, type TensorOperation, tensorOperations } from './tensor-op.ts';
export {
  AttentionMix,
  AttentionWeights,
  TokenEmbedding,
  type TokenLayout,
  TokenPool,
} from './tokens.ts';
