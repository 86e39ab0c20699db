// For its side effect: in Node it is this package, not tfjs-core, that registers the stock gradients. It has to do so
// before they are replaced, and an `import` of it that comes later does nothing.
import '@tensorflow/tfjs-layers';
import * as tf from '@tensorflow/tfjs-core';
import { activationRules } from './activations.ts';
import { registerChainedOps } from './chained-ops.ts';
import { convolutionRules } from './convolution.ts';
import { repairEngine } from './engine-repairs.ts';
import { type GradientRule, gradientConfig } from './gradient-rule.ts';
import { matMulRules } from './matmul.ts';
import { normalizationRules } from './normalization.ts';
import { poolingRules } from './pooling.ts';
import { resizingRules } from './resizing.ts';
import { selectionRules } from './selection.ts';

/** Every kernel whose gradient this package supplies, by the name under which tfjs registers it. */
export const gradientRules: Readonly<Record<string, GradientRule>> = {
  ...activationRules,
  ...convolutionRules,
  ...matMulRules,
  ...normalizationRules,
  ...poolingRules,
  ...resizingRules,
  ...selectionRules,
};

const replacements = Object.entries(gradientRules).map(([name, rule]) => gradientConfig(name, rule));

let repaired = false;

registerChainedOps();

/**
 * Makes gradients of TensorFlow.js differentiable again, to any order.
 *
 * Stock tfjs 4.22 throws for the second derivative of many ops and is silently wrong for those whose gradient uses
 * their own output (exp, sigmoid, softmax, …). This replaces the registered gradients, for the whole process and
 * every backend. First derivatives keep their values, except where tfjs has them wrong or not at all;
 * docs/autodiff.md lists each op.
 *
 * May be called any number of times. The parts of the library that need it do so at each use, since whoever imports
 * `@tensorflow/tfjs` or `@tensorflow/tfjs-node` later puts the stock gradients back without a word.
 */
export function enableHigherOrderGradients(): void {
  for (const replacement of replacements) {
    if (tf.getGradient(replacement.kernelName) !== replacement) tf.registerGradient(replacement);
  }
  if (!repaired) repairEngine();
  repaired = true;
}
