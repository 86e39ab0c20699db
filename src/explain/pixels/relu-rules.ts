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
];

/**
 * Makes every ReLU of a model go back by a rule, for `applyLayer` of a pass: `ReLU` layers, `Activation` layers, and the
 * activation that a dense or convolutional layer ends in. The model is not changed. All else keeps its derivative:
 * other activations, leaky ReLUs, and ReLUs inside recurrent or wrapped layers.
 *
 * @returns `undefined` for `gradient`, which needs no intervention
 */
export function reluRule(rule: ReluRule): ApplyLayer | undefined {
  if (rule === 'gradient') return undefined;
  return (layer, inputs, kwargs) => {
    const ceiling = ceilingOf(layer);
    if (ceiling === undefined) return undefined;
    const sum = endInActivation.includes(layer.getClassName())
      ? (linear(layer).apply(inputs, kwargs) as tf.Tensor)
      : inputs[0]!;
    return rectify(sum, rule, ceiling);
  };
}

/** Where the ReLU that a layer is, or ends in, becomes flat; `undefined` for a layer without one. */
function ceilingOf(layer: Layer): number | undefined {
  const kind = layer.getClassName();
  if (kind === 'ReLU') return (layer as { maxValue?: number }).maxValue ?? Number.POSITIVE_INFINITY;
  if (kind !== 'Activation' && !endInActivation.includes(kind)) return undefined;
  switch (activationName(layer)) {
    case 'relu':
      return Number.POSITIVE_INFINITY;
    case 'relu6':
      return 6;
    default:
      return undefined;
  }
}

/** min(max(0, x), ceiling), with the derivative of the rule. */
function rectify(x: tf.Tensor, rule: ReluRule, ceiling: number): tf.Tensor {
  const capped = ceiling !== Number.POSITIVE_INFINITY;
  const rectified = tf.customGrad((input, save) => {
    const values = input as tf.Tensor;
    (save as tf.GradSaveFunc)([values]);
    const gradFunc = (dy: tf.Tensor, saved: tf.Tensor[]) => {
      const positive = tf.relu(dy);
      if (rule === 'deconvolution') return positive;
      const passed = tf.mul(positive, tf.step(saved[0]!));
      return capped ? tf.mul(passed, tf.step(tf.sub(ceiling, saved[0]!))) : passed;
    };
    return { value: capped ? tf.clipByValue(values, 0, ceiling) : tf.relu(values), gradFunc };
  });
  return rectified(x);
}

const linearLayers = new WeakMap<Layer, Layer>();

function linear(layer: Layer): Layer {
  const made = linearLayers.get(layer) ?? withoutActivation(layer);
  linearLayers.set(layer, made);
  return made;
}
