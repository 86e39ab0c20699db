import { type ExtraActivation, extraActivations } from '../layers/index.ts';
import type { RuleContext } from './layer-rule.ts';

/** Names of activations in Keras that mean something else, or nothing, to tfjs. */
const activationNames: Record<string, string> = {
  silu: 'swish',
  hard_silu: 'hard_swish',
  log_softmax: 'logSoftmax',
};

/** Activations that tfjs knows under the name that it has in Keras. */
const sharedActivations = new Set(
  'elu linear relu relu6 selu sigmoid softmax softplus softsign tanh log_softmax swish mish gelu'.split(' '),
);

/**
 * The name under which tfjs finds an activation of Keras.
 *
 * `hard_sigmoid` means 0.2 x + 0.5 in Keras 2 and (x + 3) / 6 in Keras 3.
 */
export function activationName(value: unknown, context: RuleContext): string {
  const name = typeof value === 'string' ? value : nameOfObject(value);
  if (value === null || value === undefined) return 'linear';
  if (name === 'hard_sigmoid') return context.dialect === 'keras3' ? 'hardSigmoid6' : 'hardSigmoid';
  const known = name && (activationNames[name] ?? name);
  if (known && (sharedActivations.has(known) || known === 'logSoftmax')) return known;
  const camel = known?.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  if (camel && Object.hasOwn(extraActivations, camel)) return camel as ExtraActivation;
  return context.refuse(`the activation ${JSON.stringify(value)} is not known here`);
}

/** Of an activation written as an object: `{ class_name: 'function', config: 'silu' }`, or a layer without options. */
function nameOfObject(value: unknown): string | undefined {
  const { class_name, config } = (value ?? {}) as { class_name?: unknown; config?: unknown };
  if (class_name === 'function' && typeof config === 'string') return config;
  return undefined;
}
