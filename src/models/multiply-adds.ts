import * as tfl from '@tensorflow/tfjs-layers';

type Shape = (number | null)[];
type Layer = tfl.layers.Layer;

/**
 * Multiplications (each with its addition) of one forward pass of one image: those of convolutions, depthwise,
 * separable and transposed ones included, and of dense layers; outputs times the weights that each of them sees.
 * Biases, normalisation, activations, pooling and other element-wise work are not counted, as is usual where networks
 * are compared by them.
 *
 * Counted along the graph: a layer that is used several times counts each time, nested models are opened.
 *
 * @param inputShapes of each input without the batch, for a model that leaves sizes open; 0 in all where they stay open
 */
export function countMultiplyAdds(model: tfl.LayersModel, inputShapes?: readonly number[][]): number {
  let sum = 0;

  /** Shapes of a model's outputs, its layers counted on the way. */
  const open = (nested: tfl.LayersModel, inputs: readonly Shape[]): Shape[] => {
    const known = new Map(nested.inputs.map(({ id }, i) => [id, inputs[i]!]));
    const [first] = nested.layers;
    if (nested.getClassName() === 'Sequential' && first instanceof tfl.LayersModel) {
      // A Sequential takes over the tensors of a model that comes first: no call of it is on record.
      known.set(first.outputs[0]!.id, call(first, inputs)[0]!);
    }
    const shapeOf = (tensor: tfl.SymbolicTensor): Shape => {
      const found = known.get(tensor.id);
      if (found) return found;
      const node = tensor.sourceLayer.inboundNodes[tensor.nodeIndex]!;
      const outputs = call(node.outboundLayer, node.inputTensors.map(shapeOf));
      for (const [i, { id }] of node.outputTensors.entries()) known.set(id, outputs[i]!);
      return known.get(tensor.id)!;
    };
    return nested.outputs.map(shapeOf);
  };

  const call = (layer: Layer, inputs: readonly Shape[]): Shape[] => {
    if (layer instanceof tfl.LayersModel) return open(layer, inputs);
    const result = layer.computeOutputShape(inputs.length === 1 ? inputs[0]! : [...inputs]);
    const outputs = Array.isArray(result[0]) ? (result as Shape[]) : [result as Shape];
    sum += multiplyAdds(layer, inputs[0]!, outputs[0]!);
    return outputs;
  };

  open(
    model,
    model.inputs.map(({ shape }, i) => [1, ...(inputShapes?.[i] ?? shape.slice(1))]),
  );
  return sum;
}

function multiplyAdds(layer: Layer, input: Shape, output: Shape): number {
  const kernels = layer.weights.map(({ shape }) => shape).filter((shape) => shape.length >= 2);
  const positions = product(output.slice(1, -1));
  switch (layer.getClassName()) {
    case 'Dense':
    case 'Conv1D':
    case 'Conv2D':
    case 'Conv3D':
    case 'DepthwiseConv2D':
    case 'SeparableConv2D':
    case 'GroupedConv2D':
    case 'DilatedDepthwiseConv2D':
    case 'MultipliedSeparableConv2D':
      return positions * kernels.reduce((total, kernel) => total + product(kernel), 0);
    case 'Conv2DTranspose':
    case 'Conv3DTranspose':
      return product(input.slice(1, -1)) * product(kernels[0]!);
    // Queries with keys, and weights with values: N x N products of C channels each.
    case 'AttentionWeights':
      return output[2]! * output[3]! * (input.at(-1)! / 3);
    case 'AttentionMix':
      return input[2]! * product(output.slice(1));
    default:
      return 0;
  }
}

/** 0 where an extent is open. */
function product(shape: Shape): number {
  return shape.reduce((total: number, extent) => total * (extent ?? 0), 1);
}
