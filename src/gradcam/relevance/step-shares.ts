import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { withoutGradient } from '../../autodiff/index.ts';
import { type BatchNormMode, effectiveBatchNorm, normalizationOf } from '../batch-norm.ts';
import type { Step } from '../layer-graph.ts';
import { kindOf, linearMaps } from './layer-kinds.ts';
import type { RelevancePlan } from './relevance-plan.ts';
import { fullRule, type RelevanceComposite, type RuleDefaults } from './rules.ts';
import { backThrough, type LinearMap, shareAlong, shareByRule, stabilized } from './share.ts';

/** What every step of one way back needs. */
export interface PassBack {
  readonly plan: RelevancePlan;
  /** What the network answered, by slot. */
  readonly values: ReadonlyMap<number, tf.Tensor>;
  readonly ruleOf: RelevanceComposite;
  readonly defaults: RuleDefaults;
  /** Slot of the image. */
  readonly image: number;
  readonly batchNorm: BatchNormMode;
}

/**
 * The relevance of what a step reads, from that of what it answers.
 *
 * @param above R of the answer
 * @returns one per input; undefined for one that is given nothing
 * @throws {ModelError} for a layer that no rule is known of
 */
export function sharesOf(
  step: Step,
  inputs: tf.Tensor[],
  above: tf.Tensor,
  { plan, values, ruleOf, defaults, image, batchNorm }: PassBack,
): (tf.Tensor | undefined)[] {
  const { layer, path, callArgs } = step;
  const x = inputs[0]!;
  const kind = kindOf(layer, path, 'layer-wise relevance propagation');
  const run = (...tensors: tf.Tensor[]) =>
    layer.apply(tensors.length === 1 ? tensors[0]! : tensors, {
      ...callArgs,
      training: false,
    }) as tf.Tensor;
  const others = fullRule({ rule: 'epsilon' }, { epsilon: defaults.epsilon });
  switch (kind) {
    case 'elementwise':
      return [above];
    case 'weighted': {
      const maps = linearMaps(layer);
      const merged = plan.merged.get(step);
      const behind = merged && normalization(merged.layer, values.get(merged.inputs[0]!)!, batchNorm);
      const rule = fullRule(
        ruleOf({
          path,
          kind: layer.getClassName() === 'Dense' ? 'dense' : 'convolution',
          first: step.inputs[0] === image,
        }),
        defaults,
      );
      const read = [x];
      for (const map of maps.slice(0, -1)) read.push(map.apply(read.at(-1)!, map.weights));
      return [
        maps.reduceRight((relevance, map, i) => {
          const scale = i === maps.length - 1 ? behind : undefined;
          const nonNegative = i === 0 && plan.nonNegative.has(step.inputs[0]!);
          return shareByRule(scale ? scaledBy(map, scale) : map, read[i]!, relevance, rule, nonNegative);
        }, above),
      ];
    }
    case 'normalization': {
      // With the layer before it, which has taken it in.
      if (plan.taken.has(step)) return [above];
      const { scale, shift } = normalization(layer, x, batchNorm);
      const part = tf.mul(x, scale);
      return [tf.mul(part, tf.div(above, stabilized(tf.add(part, shift), others.epsilon)))];
    }
    case 'winner':
    case 'moving':
      return backThrough(run, inputs, above);
    case 'mixing': {
      const s = tf.div(above, stabilized(run(...inputs), others.epsilon));
      return backThrough(run, inputs, s).map((back, i) => tf.mul(inputs[i]!, back));
    }
    case 'product': {
      const sizes = inputs.map(({ size }) => size);
      const largest = Math.max(...sizes);
      const signals = sizes.filter((size) => size === largest).length;
      return inputs.map((one) => (one.size === largest ? tf.div(above, signals) : undefined));
    }
    case 'layer-norm':
      return [shareAlong(deviationFixed(layer, x), x, above, others.epsilon)];
    case 'attention-mix': {
      const [weights, qkv] = inputs as [tf.Tensor, tf.Tensor];
      const fixed = withoutGradient(() => tf.clone(weights));
      return [undefined, shareAlong((y) => run(fixed, y!), qkv, above, others.epsilon)];
    }
    case 'attention-weights':
      return [undefined];
  }
}

function normalization(layer: tfl.layers.Layer, x: tf.Tensor, mode: BatchNormMode) {
  return normalizationOf(layer, x, effectiveBatchNorm(layer, mode));
}

function scaledBy(
  map: LinearMap,
  { scale, shift }: { readonly scale: tf.Tensor; readonly shift: tf.Tensor },
): LinearMap {
  // Of a depthwise kernel [h,w,C,m] the answers are C·m.
  const [inner, outer] = map.weights.shape.slice(-2) as [number, number];
  const depthwise = scale.size !== outer && scale.size === inner * outer;
  const along = depthwise ? tf.reshape(scale, [inner, outer]) : scale;
  return {
    apply: map.apply,
    weights: tf.mul(map.weights, along),
    bias: map.bias ? tf.add(tf.mul(map.bias, scale), shift) : shift,
  };
}

/** Layer normalisation with its deviation as a constant: (y − mean y) γ/σ(x) + β, linear in y. */
function deviationFixed(layer: tfl.layers.Layer, x: tf.Tensor): (y: tf.Tensor) => tf.Tensor {
  const { axis, epsilon, gamma, beta } = layer as unknown as {
    axis: number[];
    epsilon: number;
    gamma?: { read(): tf.Tensor };
    beta?: { read(): tf.Tensor };
  };
  const deviation = withoutGradient(() => tf.sqrt(tf.add(tf.moments(x, axis, true).variance, epsilon)));
  return (y) => {
    const normal = tf.div(tf.sub(y, tf.mean(y, axis, true)), deviation);
    const scaled = gamma ? tf.mul(normal, gamma.read()) : normal;
    return beta ? tf.add(scaled, beta.read()) : scaled;
  };
}
