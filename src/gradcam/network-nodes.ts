import type * as tfl from '@tensorflow/tfjs-layers';
import { activationName } from './layer.ts';
import { flatten } from './layer-graph.ts';

/** A call of a layer, or an input, as a drawing of the network shows it. */
export interface NetworkNode {
  /** Of no other node: the layer's path, `backbone/conv5` inside a nested model; `shared#0` for an earlier call. */
  readonly name: string;
  /** Kind of layer: `Conv2D`, `InputLayer`. */
  readonly op: string;
  /** Names of the nodes whose values it reads. */
  readonly inputs: readonly string[];
  /** Of what it answers, with the batch; `null` where the model leaves a size open. */
  readonly shape: readonly (number | null)[];
  /** Number of its weights; 0 at further calls of a layer that has been counted. */
  readonly parameters: number;
  /** What it ends in, where it is not linear. */
  readonly activation?: string;
  /** Extent of its window, such as [3, 3]. */
  readonly window?: readonly number[];
  /** Where it is not 1 everywhere. */
  readonly strides?: readonly number[];
}

/** A model as a list of calls in the order of execution, nested models opened. */
export function networkNodes(model: tfl.LayersModel): NetworkNode[] {
  const graph = flatten(model);
  const shapes = new Map(graph.sites.map(({ slot, shape }) => [slot, shape]));
  const producers = new Map<number, string>();
  const counted = new Set<tfl.LayerVariable>();
  const nodes: NetworkNode[] = graph.inputs.map(({ name, shape, slot }) => {
    producers.set(slot, name);
    return { name, op: 'InputLayer', inputs: [], shape, parameters: 0 };
  });

  for (const step of graph.steps) {
    const same = graph.steps.filter(({ path }) => path === step.path);
    const name = step === same.at(-1) ? step.path : `${step.path}#${same.indexOf(step)}`;
    const fresh = step.layer.weights.filter((weight) => !counted.has(weight));
    for (const weight of fresh) counted.add(weight);
    for (const slot of step.outputs) producers.set(slot, name);
    nodes.push({
      name,
      op: step.layer.getClassName(),
      inputs: step.inputs.map((slot) => producers.get(slot)!),
      shape: shapes.get(step.outputs[0]!) ?? [],
      parameters: fresh.reduce((sum, { shape }) => sum + shape.reduce((size: number, n) => size * n!, 1), 0),
      ...geometry(step.layer),
    });
  }
  return nodes;
}

function geometry(layer: tfl.layers.Layer): Pick<NetworkNode, 'activation' | 'window' | 'strides'> {
  const { kernelSize, poolSize, strides } = layer as unknown as Record<string, unknown>;
  const window = kernelSize ?? poolSize;
  const activation = activationName(layer);
  return {
    ...(activation !== undefined && activation !== 'linear' && { activation }),
    ...(Array.isArray(window) && { window }),
    ...(Array.isArray(strides) && strides.some((stride) => stride !== 1) && { strides }),
  };
}
