import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError } from '../errors/index.ts';
import { isModel, type Layer } from './layer.ts';
import { addLogits } from './logits.ts';

/** One call of one layer. Values are numbered: a slot holds one tensor of the running model. */
export interface Step {
  readonly layer: Layer;
  /** Where the layer stands: `conv5`, or `backbone/conv5` inside a nested model. */
  readonly path: string;
  /** Index among the calls of the whole model; what a layer's random seed is derived from. */
  readonly position: number;
  /** Arguments given when the layer was called on symbolic tensors. */
  readonly callArgs: Record<string, unknown>;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/** A place in the model that can be named: an input, a call of a layer, or a call of a nested model. */
export interface Site {
  readonly path: string;
  readonly layer: Layer;
  readonly slot: number;
  /** Symbolic shape with the batch; `null` where the model leaves a size open. */
  readonly shape: readonly (number | null)[];
  readonly kind: 'input' | 'layer' | 'model';
}

/** A layers-model as a flat list of layer calls in the order of execution, nested models opened. */
export interface LayerGraph {
  /** How many values there are. */
  readonly slots: number;
  readonly steps: readonly Step[];
  readonly sites: readonly Site[];
  readonly inputs: readonly {
    readonly name: string;
    readonly shape: readonly (number | null)[];
    readonly slot: number;
  }[];
  /** Per output: its value, and the value before a final softmax or sigmoid (the same slot without one). */
  readonly outputs: readonly {
    readonly name: string;
    readonly shape: readonly (number | null)[];
    readonly slot: number;
    readonly logits: number;
  }[];
}

interface CachedGraph {
  graph: LayerGraph;
  outputs: readonly tfl.SymbolicTensor[];
}

const graphs = new WeakMap<tfl.LayersModel, CachedGraph>();

/**
 * The layer graph of a model, computed once and again only when layers were added to a `Sequential`.
 *
 * @throws {ModelError} when the model has no outputs yet, or is not a layers-model
 */
export function layerGraph(model: tfl.LayersModel): LayerGraph {
  const cached = graphs.get(model);
  if (cached?.outputs.every((output, i) => output === model.outputs[i])) {
    return cached.graph;
  }
  if (!isModel(model)) {
    throw new ModelError(
      'expected a layers-model; this one has no layers (a graph-model?), so there is none to make a map of',
    );
  }
  if (model.outputs.length === 0) {
    throw new ModelError(
      `Model "${model.name}": expected a model that knows its input shape, found no outputs`,
    );
  }
  const graph = addLogits(flatten(model));
  graphs.set(model, { graph, outputs: [...model.outputs] });
  return graph;
}

/** Walks back from the outputs of the model; what they do not need is left out. */
export function flatten(model: tfl.LayersModel): LayerGraph {
  const steps: Step[] = [];
  const sites: Site[] = [];
  let slots = 0;
  const newSlot = () => slots++;

  /** The slots of a model's outputs, for one call of it. */
  const open = (nested: tfl.LayersModel, inputs: readonly number[], prefix: string): number[] => {
    const slotOf = new Map<number, number>();
    nested.inputs.forEach((tensor, i) => {
      slotOf.set(tensor.id, inputs[i]!);
    });

    const [first] = nested.layers;
    if (nested.getClassName() === 'Sequential' && first && isModel(first)) {
      // A Sequential takes over the tensors of a model that comes first: no call of it is on record.
      slotOf.set(first.outputs[0]!.id, call(first, inputs, prefix, first.outputs)[0]!);
    }

    const resolve = (tensor: tfl.SymbolicTensor): number => {
      const known = slotOf.get(tensor.id);
      if (known !== undefined) return known;
      const node = tensor.sourceLayer.inboundNodes[tensor.nodeIndex]!;
      const arguments_ = node.inputTensors.map(resolve);
      const outputs = call(node.outboundLayer, arguments_, prefix, node.outputTensors, node.callArgs);
      node.outputTensors.forEach((output, i) => {
        slotOf.set(output.id, outputs[i]!);
      });
      return slotOf.get(tensor.id)!;
    };
    return nested.outputs.map(resolve);
  };

  const call = (
    layer: Layer,
    inputs: readonly number[],
    prefix: string,
    symbolic: readonly tfl.SymbolicTensor[],
    callArgs: Record<string, unknown> = {},
  ): readonly number[] => {
    const path = prefix + layer.name;
    const nested = isModel(layer);
    const outputs = nested ? open(layer, inputs, `${path}/`) : symbolic.map(newSlot);
    if (!nested) {
      // tfjs leaves the mask of an earlier run in here.
      const { mask: _stale, ...rest } = callArgs;
      steps.push({ layer, path, position: steps.length, callArgs: rest, inputs, outputs });
    }
    sites.push({
      path,
      layer,
      slot: outputs[0]!,
      shape: symbolic[0]!.shape,
      kind: nested ? 'model' : 'layer',
    });
    return outputs;
  };

  const inputs = model.inputs.map((tensor) => {
    const slot = newSlot();
    sites.push({
      path: tensor.sourceLayer.name,
      layer: tensor.sourceLayer,
      slot,
      shape: tensor.shape,
      kind: 'input',
    });
    return { name: tensor.sourceLayer.name, shape: tensor.shape, slot };
  });
  const outputs = open(
    model,
    inputs.map(({ slot }) => slot),
    '',
  ).map((slot, i) => ({
    name: model.outputNames[i] ?? model.outputs[i]!.sourceLayer.name,
    shape: model.outputs[i]!.shape,
    slot,
    logits: slot,
  }));
  return { slots, steps, sites, inputs, outputs };
}
