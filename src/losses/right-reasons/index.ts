/** Guided losses of the literature beside GAIN's: right answers for the right reasons. */
export { cappedLoss } from './capped-loss.ts';
export { inputGradientPenalty, logProbabilitySums } from './input-gradients.ts';
export { irrelevantAttention } from './irrelevant-attention.ts';
export { maskDistance } from './mask-distance.ts';
export { misplacedEnergy } from './misplaced-energy.ts';
export { type PixelCrossEntropyOptions, pixelCrossEntropy } from './pixel-cross-entropy.ts';
