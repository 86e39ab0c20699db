import type { serialization } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

export type Shape = (number | null)[];
export type Config = serialization.ConfigDict;

/** A layer that reads one tensor and answers one: what every layer of this folder but the merging ones is. */
export abstract class OneTensorLayer extends tfl.layers.Layer {
  /** Called inside `tf.tidy`. */
  protected abstract compute(x: tf.Tensor, kwargs: Record<string, unknown>): tf.Tensor;

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: Record<string, unknown>): tf.Tensor {
    return tf.tidy(() => {
      this.invokeCallHook(inputs, kwargs);
      return this.compute(Array.isArray(inputs) ? inputs[0]! : inputs, kwargs ?? {});
    });
  }
}

/** The shape of the one input, however tfjs hands it over. */
export function oneShape(shape: Shape | Shape[]): Shape {
  return Array.isArray(shape[0]) ? (shape[0] as Shape) : (shape as Shape);
}

/** The serialization of an activation by name, as tfjs's own layers keep it. */
export interface NamedActivation {
  apply(x: tf.Tensor): tf.Tensor;
  getClassName(): string;
}

/** The activation that a name stands for, as a tfjs layer would find it. */
export function activationOf(name: unknown): NamedActivation {
  const layer = tfl.layers.activation({ activation: (name ?? 'linear') as 'linear' });
  return (layer as unknown as { activation: NamedActivation }).activation;
}

type LayerConstructor = tf.serialization.SerializableConstructor<tf.serialization.Serializable> & {
  className: string;
};

/** Makes classes known to tfjs by their `className`, so that a file that names them can be loaded. */
export function registerLayers(...classes: readonly unknown[]): void {
  for (const layer of classes) {
    tf.serialization.registerClass(
      layer as LayerConstructor as unknown as tf.serialization.SerializableConstructor<tf.serialization.Serializable>,
    );
  }
}
