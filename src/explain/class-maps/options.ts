import type { Target } from '../../gradcam/index.ts';
import type { MethodOptions } from '../method.ts';

/** Options of a method that looks inside the network, whose target may lie inside too. */
export interface InnerMethodOptions extends Omit<MethodOptions, 'target'> {
  /** The explained score: the class logit, a function of the outputs, or units of a layer. @default 'logit' */
  target?: Target | undefined;
}
