import {
  div,
  fill,
  Mean,
  mul,
  type NamedAttrMap,
  registerGradient,
  reshape,
  Sum,
  type Tensor,
  util,
} from '@tensorflow/tfjs-core';

/**
 * The gradients of sum and mean, with the ones that they are multiplied by left to the backend. TensorFlow.js
 * writes these out on the host, one for every element that was summed: half a second a step in a ResNet-18
 * with batch normalisation. A `fill` costs nothing here, and no more than before on the other backends.
 */
export function registerSumGradients(): void {
  for (const kernelName of [Sum, Mean]) {
    registerGradient({
      kernelName,
      inputsToSave: ['x'],
      gradFunc: (dy, saved, attributes) => ({
        x: () => spread(dy as Tensor, saved[0]!, attributes, kernelName),
      }),
    });
  }
}

/** dy, repeated along the axes that were summed; for a mean divided by the number of elements. */
function spread(dy: Tensor, x: Tensor, { axis }: NamedAttrMap, kernelName: string): Tensor {
  const axes = util.parseAxisParam(axis as number | number[], x.shape);
  const kept = x.shape.map((size, i) => (axes.includes(i) ? 1 : size));
  const repeated = mul(reshape(dy, kept), fill(x.shape, 1));
  const count = util.sizeFromShape(axes.map((i) => x.shape[i]!));
  return kernelName === Mean ? div(repeated, count) : repeated;
}
