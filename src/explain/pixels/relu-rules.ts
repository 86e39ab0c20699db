import * as tf from '@tensorflow/tfjs-core';
import { type ApplyLayer, activationName, type Layer, withoutActivation } from '../../gradcam/index.ts';

/**
 * What a ReLU y = max(0, x) lets through of what comes back to it, R = ∂s/∂y:
 *
 * | rule | passed on to x | |
 * |---|---|---|
 * | `gradient` | R · [x > 0] | the derivative |
 * | `deconvolution` | R · [R > 0] | Zeiler & Fergus, ECCV 2014 |
 * | `guided` | R · [x > 0] · [R > 0] | Springenberg et al., ICLR workshop 2015 |
 *
 * A ReLU with a ceiling (relu6) is flat above it: `gradient` and `guided` pass nothing there, `deconvolution`, which does
 * not look at x, does.
 */
export type ReluRule = 'gradient' | 'guided' | 'deconvolution';

/** Kinds of layers whose `activation` is the last thing that they do. */
const endInActivation = [
  'Dense',
  'Conv1D',
  'Conv2D',
  'Conv3D',
  'Conv2DTranspose',
  'Conv3DTranspose',
  'DepthwiseConv2D',
  'SeparableConv2D',
  'GroupedConv2D',
  'DilatedDepthwiseConv2D',
  'MultipliedSeparableConv2D',
];

/**
 * Makes every ReLU of a model go back by a rule, for `applyLayer` of a pass: `ReLU` layers, `Activation` layers, the
 * activation that a dense or convolutional layer ends in, and the ReLUs of imported graphs (`GeneralReLU` without a
 * slope, `TensorOp` that clips at 0). The model is not changed. All else keeps its derivative:
 * other activations, leaky ReLUs, and ReLUs inside recurrent or wrapped layers.
 *
 * @returns `undefined` for `gradient`, which needs no intervention
 */
export function reluRule(rule: ReluRule): ApplyLayer | undefined {
  if (rule === 'gradient') return undefined;
  return (layer, inputs, kwargs) => {
    const range = rangeOf(layer);
    if (range === undefined) return undefined;
    const sum = endInActivation.includes(layer.getClassName())
      ? (linear(layer).apply(inputs, kwargs) as tf.Tensor)
      : inputs[0]!;
    return rectify(sum, rule, range);
  };
}

/** What a ReLU lets through: x between the two, 0 below, the ceiling above. */
interface Range {
  readonly threshold: number;
  readonly ceiling: number;
}

const infinite = Number.POSITIVE_INFINITY;

/** The range of the ReLU that a layer is, or ends in; `undefined` for a layer without one. */
function rangeOf(layer: Layer): Range | undefined {
  const kind = layer.getClassName();
  const { maxValue, threshold, negativeSlope, operation, attributes } = layer as Rectifying;
  if (kind === 'ReLU') return { threshold: 0, ceiling: maxValue ?? infinite };
  if (kind === 'GeneralReLU') {
    return negativeSlope === 0 ? { threshold: threshold ?? 0, ceiling: maxValue ?? infinite } : undefined;
  }
  if (kind === 'TensorOp') {
    if (operation !== 'clip' || attributes?.min !== 0) return undefined;
    return { threshold: 0, ceiling: attributes.max ?? infinite };
  }
  if (kind !== 'Activation' && !endInActivation.includes(kind)) return undefined;
  const ceiling = { relu: infinite, relu6: 6 }[activationName(layer) ?? ''];
  return ceiling === undefined ? undefined : { threshold: 0, ceiling };
}

/** What the layers above have, as far as it matters here. */
interface Rectifying {
  readonly maxValue?: number | null;
  readonly threshold?: number;
  readonly negativeSlope?: number;
  readonly operation?: string;
  readonly attributes?: { readonly min?: number | null; readonly max?: number | null };
}

/** min(x, ceiling) above the threshold and 0 below, with the derivative of the rule. */
function rectify(x: tf.Tensor, rule: ReluRule, { threshold, ceiling }: Range): tf.Tensor {
  const capped = ceiling !== infinite;
  const above = (values: tf.Tensor) => tf.step(threshold === 0 ? values : tf.sub(values, threshold));
  const rectified = tf.customGrad((input, save) => {
    const values = input as tf.Tensor;
    (save as tf.GradSaveFunc)([values]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const positive = tf.relu(dy);
      if (rule === 'deconvolution') return positive;
      const passed = tf.mul(positive, above(saved[0]!));
      return capped ? tf.mul(passed, tf.step(tf.sub(ceiling, saved[0]!))) : passed;
    };
    const passed = threshold === 0 ? tf.relu(values) : tf.mul(values, above(values));
    return { value: capped ? tf.minimum(passed, ceiling) : passed, gradFunc };
  });
  return rectified(x);
}

const linearLayers = new WeakMap<Layer, Layer>();

function linear(layer: Layer): Layer {
  const made = linearLayers.get(layer) ?? withoutActivation(layer);
  linearLayers.set(layer, made);
  return made;
}
