import * as tfl from '@tensorflow/tfjs-layers';

/** A layer of a tfjs layers-model. */
export type Layer = tfl.layers.Layer;

/**
 * Whether a layer is itself a model. Asked by shape and not by `instanceof`, so that a model made by another
 * copy of tfjs-layers is understood too.
 */
export function isModel(layer: Layer): layer is tfl.LayersModel {
  const { layers, inputs, outputs } = layer as Partial<tfl.LayersModel>;
  return Array.isArray(layers) && Array.isArray(inputs) && Array.isArray(outputs);
}

/**
 * The layer as it would behave with some fields replaced: it shares the weights and everything else with the
 * original, which stays untouched.
 */
export function withFields<T extends Layer>(layer: T, fields: Record<string, unknown>): T {
  return Object.create(
    layer,
    Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, { value, writable: true }])),
  );
}

/** The name of the activation that a layer ends in (`relu`, `softmax`), `undefined` when it has none. */
export function activationName(layer: Layer): string | undefined {
  const { activation } = layer as { activation?: { getClassName?(): string } };
  return activation?.getClassName?.();
}

/** The layer without the activation it ends in: a dense or convolutional layer that answers its raw sum. */
export function withoutActivation<T extends Layer>(layer: T): T {
  const linear = tfl.layers.activation({ activation: 'linear', name: `${layer.name}_linear` });
  return withFields(layer, { activation: (linear as unknown as { activation: unknown }).activation });
}
