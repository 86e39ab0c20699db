import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { UsageError } from '../errors/index.ts';
import { camWeights, classKernel, gradientMethods, type MapMethod, mapMethods } from './methods/index.ts';
import { onTape } from './on-tape.ts';
import { groupPairs, type Pair } from './pairs.ts';
import { splitModel } from './split-model.ts';

export interface MethodMaps<M extends tf.Tensor = tf.Tensor3D> {
  /** Per method, in the order asked for: [P,h,w], of clips and volumes [P,d,h,w]; neither normalised nor resized. */
  readonly maps: readonly M[];
  /** [B,C], before any final softmax or sigmoid. */
  readonly logits: tf.Tensor2D;
}

/**
 * The maps of several methods beside each other, for measuring: one forward pass, and one backward pass per group of
 * pairs, serve all of them. The same maps as `attentionMaps` makes one method at a time, without their derivatives.
 *
 * @param images [B,H,W,3], or [B,D,H,W,3]
 * @param pairs which maps to make, in this order
 * @throws {UsageError} for a method that does not exist
 * @throws {ModelError} for a layer that does not exist, or a head that `cam` has no closed form for
 */
export function methodMaps<M extends tf.Tensor = tf.Tensor3D>(
  model: tfl.LayersModel,
  images: tf.Tensor,
  pairs: readonly Pair[],
  { methods, targetLayer = 'auto' }: { methods: readonly MapMethod[]; targetLayer?: string | undefined },
): MethodMaps<M> {
  const unknown = methods.find((method) => !mapMethods.includes(method));
  if (unknown !== undefined) {
    throw new UsageError(`methods: expected some of ${mapMethods.join(', ')}, received "${unknown}"`);
  }
  const split = splitModel(model, targetLayer);
  const compute = () => {
    const features = split.features(images);
    const { activations } = features;
    const { logits, ...maps } = onTape(() => {
      const { logits } = split.head(features);
      const [samples, classes] = logits.shape as [number, number];
      const { selections, rows } = groupPairs(pairs, { samples, classes });
      const index = tf.tensor1d(rows, 'int32');
      const kernel = methods.includes('cam') ? classKernel(split) : undefined;
      const needsGradient = methods.some((method) => method !== 'cam');
      const groups = selections.map((values) => {
        const selection = tf.tensor2d(values, [samples, classes]);
        const gradient = needsGradient ? tf.grad(() => logits)(activations, selection) : undefined;
        return methods.map((method) => {
          const weights =
            method === 'cam'
              ? camWeights(kernel, selection, activations.rank)
              : gradientMethods[method](activations, gradient!);
          return tf.relu(tf.sum(tf.mul(weights, activations), -1));
        });
      });
      const result: Record<string, tf.Tensor> = { logits };
      for (const [m, method] of methods.entries()) {
        const ofMethod = groups.map((group) => group[m]!);
        result[method] = tf.gather(ofMethod.length === 1 ? ofMethod[0]! : tf.concat(ofMethod, 0), index);
      }
      return result;
    });
    return { logits: logits as tf.Tensor2D, maps: methods.map((method) => maps[method] as M) };
  };
  return tf.tidy(compute as () => tf.TensorContainer) as unknown as MethodMaps<M>;
}
