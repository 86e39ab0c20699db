import * as tfl from '@tensorflow/tfjs-layers';
import { activationName, withoutActivation } from './layer.ts';
import type { LayerGraph, Step } from './layer-graph.ts';

/** Activations whose argument is the logit that the papers differentiate. */
const probabilityActivations = ['softmax', 'logSoftmax', 'sigmoid'];
/** Layers that only rearrange what they get, and may stand between the activation and the output. */
const rearranging = ['Reshape', 'Flatten', 'Permute'];

/**
 * Adds to each output of a graph the value before its final softmax or sigmoid.
 *
 * The explanation methods differentiate the raw class score s^c, not the probability (Grad-CAM: "the score
 * for class c, before the softmax"). A dense layer with an activation becomes two steps, the sum and the
 * activation; a run that needs only the logits leaves the second out.
 */
export function addLogits(graph: LayerGraph): LayerGraph {
  let { slots } = graph;
  const steps = [...graph.steps];

  const producer = (value: number) => steps.findIndex(({ outputs }) => outputs.includes(value));

  const outputs = graph.outputs.map((output) => {
    const after: Step[] = [];
    let index = producer(output.slot);
    while (index >= 0 && rearranging.includes(steps[index]!.layer.getClassName())) {
      after.unshift(steps[index]!);
      index = producer(steps[index]!.inputs[0]!);
    }
    const last = steps[index];
    if (!last || !endsInProbability(last)) return output;

    let logits = last.inputs[0]!;
    if (!isOnlyActivation(last)) {
      const name = activationName(last.layer)!;
      logits = slots++;
      const activation = tfl.layers.activation({
        activation: name as 'softmax',
        name: last.layer.name,
      });
      steps.splice(
        index,
        1,
        { ...last, layer: withoutActivation(last.layer), outputs: [logits] },
        { ...last, layer: activation, callArgs: {}, inputs: [logits] },
      );
    }
    for (const step of after) {
      steps.push({ ...step, inputs: [logits], outputs: [slots] });
      logits = slots++;
    }
    return { ...output, logits };
  });
  return { ...graph, slots, steps, outputs };
}

function isOnlyActivation({ layer }: Step): boolean {
  return ['Softmax', 'Activation'].includes(layer.getClassName());
}

function endsInProbability({ layer, outputs }: Step): boolean {
  const name = layer.getClassName() === 'Softmax' ? 'softmax' : activationName(layer);
  const splittable = ['Softmax', 'Activation', 'Dense', 'Conv1D', 'Conv2D', 'Conv3D'];
  return (
    outputs.length === 1 &&
    splittable.includes(layer.getClassName()) &&
    name !== undefined &&
    probabilityActivations.includes(name)
  );
}
