import * as tfl from '@tensorflow/tfjs-layers';
import type { TokenLayout } from './layers/index.ts';
import { countMultiplyAdds } from './multiply-adds.ts';

type Shape = (number | null)[];

/** What a model is, in the numbers that are shown before training. */
export interface ModelDescription {
  name: string;
  /** [H,W,channels] of each input. */
  inputs: number[][];
  classes: number;
  parameters: number;
  trainableParameters: number;
  /** Of one forward pass of one image. */
  multiplyAdds: number;
  /** Layers that have maps: paths and shapes [h,w,K], from the input to the output. */
  targetLayers: { path: string; shape: number[] }[];
}

/** The numbers of a model, and the layers at which its attention can be looked at. */
export function describeModel(model: tfl.LayersModel): ModelDescription {
  const tokens = [...layersOf(model)]
    .map(({ layer }) => (layer as { tokenLayout?: TokenLayout }).tokenLayout)
    .find((layout) => layout !== undefined);
  return {
    name: model.name,
    inputs: model.inputs.map(({ shape }) => sizes(shape)),
    classes: model.outputs[0]!.shape.at(-1)!,
    parameters: countParameters(model),
    trainableParameters: countParameters(model, { trainableOnly: true }),
    multiplyAdds: countMultiplyAdds(model),
    targetLayers: [...layersOf(model)].flatMap(({ path, layer }) => {
      // Between tokens, not over the image.
      if (layer.getClassName() === 'AttentionWeights') return [];
      const shape = patchShape(sizes(outputShape(layer)), tokens);
      const isSpatial = shape.length >= 3 && shape.slice(0, -1).some((extent) => extent > 1);
      return isSpatial && layer.getClassName() !== 'InputLayer' ? [{ path, shape }] : [];
    }),
  };
}

/**
 * The number of weights, each shared weight once. The moving mean and variance of a normalisation count too,
 * unless only what is trained is asked for.
 */
export function countParameters(
  model: tfl.LayersModel,
  { trainableOnly = false }: { trainableOnly?: boolean } = {},
): number {
  const weights = new Set(trainableOnly ? model.trainableWeights : model.weights);
  return [...weights].reduce((sum, { shape }) => sum + product(shape), 0);
}

/** Every layer with its path, layers of nested models as `model/layer`, each once. */
export function* layersOf(
  model: tfl.LayersModel,
  prefix = '',
): Generator<{ path: string; layer: tfl.layers.Layer }> {
  for (const layer of model.layers) {
    const path = `${prefix}${layer.name}`;
    if (layer instanceof tfl.LayersModel) yield* layersOf(layer, `${path}/`);
    else yield { path, layer };
  }
}

/** [N,C] tokens as the [h,w,C] of their patches. */
function patchShape(shape: number[], layout: TokenLayout | undefined): number[] {
  if (!layout || shape.length !== 2) return shape;
  const [h, w] = layout.grid;
  return shape[0] === layout.prefix + h * w ? [h, w, shape[1]!] : shape;
}

function outputShape(layer: tfl.layers.Layer): Shape {
  return (layer.inboundNodes[0]?.outputShapes[0] ?? []) as Shape;
}

/** A shape without its batch dimension; 0 where it is open. */
function sizes(shape: Shape): number[] {
  return (shape[0] === null ? shape.slice(1) : shape).map((extent) => extent ?? 0);
}

function product(shape: Shape): number {
  return shape.reduce((total: number, extent) => total * (extent ?? 0), 1);
}
