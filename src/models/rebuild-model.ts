import type { serialization } from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { ModelError } from '../errors/index.ts';

type Layer = tfl.layers.Layer;
type Tensor = tfl.SymbolicTensor;
type CallArgs = Record<string, unknown>;
type LayerClass = { fromConfig(cls: unknown, config: serialization.ConfigDict): Layer };

/** What is changed on the way. */
export interface RebuildChanges {
  /** Shapes of the inputs without the batch dimension. @default those of the model */
  inputShapes?: (number | null)[][];
  /** Put between an input and the first layer. */
  afterInput?: (input: Tensor) => Tensor;
  /** Where the model ends. @default the outputs of the model */
  outputs?: Tensor[];
  /** Models inside of the model, from the outermost on, whose layers become layers of the model itself. */
  open?: readonly tfl.LayersModel[];
  /** Put after the outputs; `taken` are the names that layers have already. */
  afterOutputs?: (outputs: Tensor[], taken: ReadonlySet<string>) => Tensor[];
  /** The configuration of a layer, changed; or a layer instead of it; undefined leaves it as it is. */
  changeLayer?: (layer: Layer) => serialization.ConfigDict | Layer | undefined;
}

/**
 * Builds the model anew with changes, from fresh layers of the same names, configurations, weights and
 * `trainable` flags. A layer that was used several times stays shared, a nested model stays nested.
 *
 * Fresh layers, because in tfjs a layer that is applied again keeps its former place as well, and then has
 * no single output any more. The weights share their memory with the original until they are trained; each
 * model is disposed on its own.
 *
 * @throws {ModelError} when the weights of a layer do not fit the new input shape
 */
export function rebuildModel(model: tfl.LayersModel, changes: RebuildChanges = {}): tfl.LayersModel {
  const { inputShapes, afterInput = (x) => x, outputs = model.outputs, afterOutputs = (x) => x } = changes;
  const inputs = model.inputs.map(({ sourceLayer, shape, dtype }, i) =>
    tfl.input({
      name: sourceLayer.name,
      shape: (inputShapes?.[i] ?? shape.slice(1)) as number[],
      ...(dtype && { dtype }),
    }),
  );
  const made = new Map(model.inputs.map(({ id }, i) => [id, afterInput(inputs[i]!)]));
  const copies = new Map<Layer, Layer>();

  const resolve = (tensor: Tensor): Tensor => {
    const done = made.get(tensor.id);
    if (done) return done;
    const { sourceLayer, nodeIndex } = tensor;
    const node = sourceLayer.inboundNodes[nodeIndex]!;
    const from = node.inputTensors.map(resolve);
    let copy = copies.get(sourceLayer);
    if (!copy) {
      copy = copyLayer(sourceLayer, from, changes);
      copies.set(sourceLayer, copy);
    }
    const results = [apply(copy, from, node.callArgs ?? {})].flat();
    for (const [i, { id }] of node.outputTensors.entries()) made.set(id, results[i]!);
    copyWeights(sourceLayer, copy);
    return made.get(tensor.id)!;
  };

  for (const nested of changes.open ?? []) {
    const call = nested.inboundNodes.findLast((node) => node.inboundLayers.length > 0);
    // A Sequential takes over the tensors of a model that comes first: it is open already.
    for (const [i, tensor] of (call?.inputTensors ?? []).entries()) {
      made.set(nested.inputs[i]!.id, resolve(tensor));
    }
  }
  const ends = outputs.map(resolve);
  const taken = new Set(
    [...model.inputs.map(({ sourceLayer }) => sourceLayer), ...copies.keys()].map(({ name }) => name),
  );
  const names = [...copies.keys()].map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new ModelError(
      `Model "${model.name}": opened, it would have two layers "${twice}"; give them different names`,
    );
  }
  return tfl.model({ inputs, outputs: afterOutputs(ends, taken), name: model.name });
}

function copyLayer(layer: Layer, from: Tensor[], { changeLayer }: RebuildChanges): Layer {
  if (layer instanceof tfl.LayersModel) {
    const inputShapes = from.map(({ shape }) => shape.slice(1));
    return rebuildModel(layer, { inputShapes, ...(changeLayer && { changeLayer }) });
  }
  const changed = changeLayer?.(layer);
  if (changed instanceof tfl.layers.Layer) return changed;
  const { batchInputShape: _, ...config } = changed ?? layer.getConfig();
  // Weights that are made while a layer is frozen could never be trained again.
  config.trainable = true;
  const copy = (layer.constructor as unknown as LayerClass).fromConfig(layer.constructor, config);
  copy.setFastWeightInitDuringBuild(true);
  return copy;
}

function apply(layer: Layer, from: Tensor[], callArgs: CallArgs): Tensor | Tensor[] {
  try {
    return layer.apply(from.length === 1 ? from[0]! : from, callArgs) as Tensor | Tensor[];
  } catch (cause) {
    const shapes = from.map(({ shape }) => `[${shape}]`).join(', ');
    throw new ModelError(`Layer "${layer.name}" cannot take ${shapes}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function copyWeights(layer: Layer, copy: Layer): void {
  // The layers of a nested model have got theirs already.
  if (layer instanceof tfl.LayersModel || layer.weights.length === 0) return;
  for (const [i, { shape }] of layer.weights.entries()) {
    const wanted = copy.weights[i]?.shape;
    if (String(wanted) === String(shape)) continue;
    throw new ModelError(
      `Layer "${layer.name}" has weights [${shape}], the new input needs [${wanted}]; ` +
        'only a fully convolutional network takes another input size',
    );
  }
  copy.setWeights(layer.getWeights());
  copy.trainable = layer.trainable;
}
