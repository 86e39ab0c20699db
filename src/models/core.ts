/** What of the networks needs tfjs alone, so that it runs in a browser too: models of one's own, changed. */
export type { HeadKind, HeadOptions } from './classification-head.ts';
export { freezeLayers, unfreezeLayers } from './freeze-layers.ts';
export { type InputScaling, type Standardization, withInputScaling } from './input-scaling.ts';
export { type NewHeadOptions, withInputSize, withNewHead } from './new-head.ts';
export { toLogits } from './to-logits.ts';
