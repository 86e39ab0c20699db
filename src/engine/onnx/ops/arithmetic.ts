import { type LazyNode, operation, type Shape, scalar } from '../graph/lazy-node.ts';
import type { Epilogue, Lowered } from '../graph/lowering.ts';
import { channelSum, productOfImages } from './channel-sum.ts';
import { type ElementwiseOptions, elementwise, maximum, op } from './elementwise.ts';
import { lowerProduct } from './product.ts';
import {
  cappedArgument,
  isBelowSix,
  isNumber,
  isRelu,
  isStep,
  maskPositive,
  relu6,
  relu6Argument,
  relu6Derivative,
} from './rectifiers.ts';

/** Sums of images in blocks are not written out before someone needs them. */
const sumOptions = (type: 'Add' | 'Sub', { dtype }: LazyNode): ElementwiseOptions =>
  dtype === 'float32' ? { lower: (l, nodes, shape) => channelSum(l, nodes, shape, type) } : {};

/** a + b. One number per channel added to a convolution goes into the convolution. */
export function add(a: LazyNode, b: LazyNode): LazyNode {
  const sum = elementwise('Add', [a, b], op('Add'), sumOptions('Add', a));
  if (a.kind !== 'Conv' || !sum.isPending || !isPerChannel(b.shape, a.shape)) return sum;
  return operation({
    kind: 'BiasAdd',
    inputs: [a, b],
    shape: sum.shape,
    dtype: sum.dtype,
    lower: (l, [x, bias]) => {
      const { withEpilogue } = l.value(x!);
      if (withEpilogue === undefined || l.usersOf(x!).length > 1 || l.isRoot(x!))
        return sum.lower!(l, [x!, bias!]);
      const fused = (epilogue: Epilogue): Lowered => withEpilogue({ ...epilogue, bias: bias! });
      return { ...fused({}), withEpilogue: fused };
    },
  });
}

/** Shapes [C], [1, …, 1, C] against [N,…,C]. */
function isPerChannel(shape: Shape, activation: Shape): boolean {
  return shape.at(-1) === activation.at(-1) && shape.slice(0, -1).every((size) => size === 1);
}

export function subtract(a: LazyNode, b: LazyNode): LazyNode {
  const capped = isNumber(a, 1) ? cappedArgument(b) : null;
  if (capped !== null) return isBelowSix(capped);
  return elementwise('Sub', [a, b], op('Sub'), sumOptions('Sub', a));
}

/**
 * a · b. The product of a gradient with a step function (`step(x)`, the gradient of relu) becomes a choice,
 * `x > 0 ? a : 0`: one pass less, and the comparison is shared by all who ask for it.
 */
export function multiply(a: LazyNode, b: LazyNode): LazyNode {
  const clipped = relu6Argument(a, b) ?? relu6Argument(b, a);
  if (clipped !== null) return relu6Derivative(clipped);
  if (isStep(b)) return maskPositive(a, b.inputs[0]!);
  if (isStep(a)) return maskPositive(b, a.inputs[0]!);
  const product = elementwise('Mul', [a, b], op('Mul'));
  if (!product.isPending) return product;
  const { shape, dtype } = product;
  return operation({
    kind: 'Mul',
    inputs: [a, b],
    shape,
    dtype,
    lower: (l, inputs) => lowerProduct(l, inputs, shape),
  });
}

/** x · x */
export function square(x: LazyNode): LazyNode {
  return elementwise('Square', [x], (g, [a]) => g.node('Mul', [a!, a!]), {
    lower: (l, [input], shape) => {
      const value = l.value(input!);
      return productOfImages([value], shape, () => l.graph.node('Mul', [value.name, value.name]));
    },
  });
}

/** The smaller of the two; min(6, relu(x)), as tf.layers writes its relu6, is one operation. */
export function minimum(a: LazyNode, b: LazyNode): LazyNode {
  if (isNumber(a, 6) && isRelu(b) && b.isPending) return relu6(b.inputs[0]!);
  return elementwise('Min', [a, b], op('Min'));
}

/** x within [low, high]; the bounds are inputs of the graph, so that they may change without a new program. */
export function clip(x: LazyNode, low: number, high: number): LazyNode {
  return minimum(maximum(x, scalar(low, x.dtype)), scalar(high, x.dtype));
}
