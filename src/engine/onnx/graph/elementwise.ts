import { backend_util } from '@tensorflow/tfjs-core';
import { channelSum, productOfImages } from './channel-sum.ts';
import type { GraphBuilder } from './graph-builder.ts';
import {
  type ElementType,
  type LazyNode,
  type Lower,
  operation,
  type Shape,
  scalar,
  uniform,
} from './lazy-node.ts';
import type { Epilogue, Lowered, Lowering } from './lowering.ts';
import { lowerProduct } from './product.ts';
import { emitIsBelow, emitIsPositive, emitRelu } from './relu.ts';

type Emit = (graph: GraphBuilder, names: readonly string[]) => string;

interface ElementwiseOptions {
  /** Type of the result. @default the type of the first input */
  readonly dtype?: ElementType;
  /** Attributes that `emit` writes into the graph. */
  readonly key?: string;
  /** Another way to lower it, tried first. */
  readonly lower?: (l: Lowering, nodes: readonly LazyNode[], shape: Shape) => Lowered | null;
}

/** An operation that works element by element, with broadcasting. */
export function elementwise(
  kind: string,
  inputs: readonly LazyNode[],
  emit: Emit,
  options: ElementwiseOptions = {},
): LazyNode {
  const shape = inputs.reduce<number[]>(
    (total, input) => backend_util.assertAndGetBroadcastShape(total, input.shape as number[]),
    [],
  );
  return operation({
    kind,
    key: options.key,
    inputs,
    shape,
    dtype: options.dtype ?? inputs[0]!.dtype,
    lower: (l, nodes) =>
      options.lower?.(l, nodes, shape) ?? l.elementwise(nodes, shape.length, (names) => emit(l.graph, names)),
  });
}

/** The same values in another type, by the rules of TensorFlow: to bool is `!= 0`, to int32 truncates. */
export function cast(x: LazyNode, dtype: ElementType): LazyNode {
  if (x.dtype === dtype) return x;
  if (x.uniform !== undefined) {
    return uniform(dtype === 'bool' ? Number(x.uniform !== 0) : castNumber(x.uniform, dtype), x.shape, dtype);
  }
  const emit: Emit = (g, [a]) => {
    if (dtype !== 'int32' || x.dtype !== 'float32') return g.cast(a!, dtype);
    // A NaN becomes 0, as in a typed array; ONNX leaves it undefined.
    return g.cast(g.node('Where', [g.node('IsNaN', [a!]), g.fill(0, 'float32'), a!]), dtype);
  };
  return elementwise('Cast', [x], emit, { dtype, key: x.dtype });
}

function castNumber(value: number, dtype: ElementType): number {
  return dtype === 'int32' ? Math.trunc(value) || 0 : value;
}

/** Brings float32 in: what ONNX computes in floats only, TensorFlow.js accepts for integers too. */
export function asFloat(x: LazyNode): LazyNode {
  return cast(x, 'float32');
}

const op =
  (type: string): Emit =>
  (g, names) =>
    g.node(type, names);

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

/** Shapes [C], [1, …, 1, C] against [N, …, C]. */
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

function isStep(node: LazyNode): boolean {
  return node.kind === 'Heaviside' && node.isPending;
}

/** x > 0 ? value : 0 */
export function wherePositive(graph: GraphBuilder, value: string, x: string): string {
  return graph.node('Mul', [value, emitIsPositive(graph, x)]);
}

/**
 * The derivative of relu6 as TensorFlow.js writes it, `(x <= 6) * step(x)`: the x of it, or null.
 */
function relu6Argument(a: LazyNode, b: LazyNode): LazyNode | null {
  if (!isStep(b) || a.kind !== 'Cast' || !a.isPending) return null;
  const [x] = b.inputs as [LazyNode];
  const [comparison] = a.inputs as [LazyNode];
  if (comparison.kind !== 'LessOrEqual' || !comparison.isPending || comparison.inputs[0] !== x) return null;
  const limit = comparison.inputs[1]!;
  return limit.size === 1 && limit.shape.length <= x.shape.length && limit.values?.[0] === 6 ? x : null;
}

/**
 * 1 where 0 < x ≤ 6. Where the relu6 of x is part of a sum over channels, x itself is not there, and 6 itself
 * counts as above (as in PyTorch): nothing else is known of a value that reached the ceiling.
 */
function relu6Derivative(x: LazyNode): LazyNode {
  return operation({
    kind: 'Relu6Derivative',
    inputs: [x],
    shape: x.shape,
    dtype: 'float32',
    lower: (l, [input]) => {
      const { graph } = l;
      const clipped = l.usersOf(input!).find(({ kind }) => kind === 'Relu6');
      if (clipped !== undefined) l.demand(clipped);
      const isFused = clipped !== undefined && endsInRelu(l, input!) !== null;
      const source = isFused ? clipped : input!;
      const { name, layout, shape } = l.value(source);
      const below = emitIsBelow(graph, name, 6, !isFused);
      return { name: graph.node('Mul', [emitIsPositive(graph, name), below]), layout, shape };
    },
  });
}

/**
 * The gradient of relu. Where the relu of x is in the graph too, it is read instead of x (its sign is the
 * same), so that x itself need not be kept; and where the value is the gradient of a max pooling over that
 * relu, the pooled maxima are masked instead of the whole.
 */
function maskPositive(value: LazyNode, x: LazyNode): LazyNode {
  const masked = (inputs: readonly LazyNode[]): LazyNode =>
    elementwise('MaskPositive', inputs, (g, [v, c]) => wherePositive(g, v!, c!));
  const plain = masked([value, x]);
  const { shape, dtype } = plain;
  if (!plain.isPending) return plain;
  const lower: Lower = (l, [v, c]) => {
    const users = l.usersOf(c!);
    const positive = users.find(({ kind }) => kind === 'Relu6') ?? users.find(isRelu) ?? c!;
    l.demand(positive);
    const { whereInputPositive } = l.value(v!);
    const alone = l.usersOf(v!).length === 1 && !l.isRoot(v!);
    if (whereInputPositive !== undefined && alone && v!.inputs[1] === positive) return whereInputPositive();
    return plain.lower!(l, [v!, positive]);
  };
  return operation({ kind: 'MaskPositive', inputs: [value, x], shape, dtype, lower });
}

function isNumber(node: LazyNode, value: number): boolean {
  return node.size === 1 && node.shape.length === 0 && (node.uniform ?? node.values?.[0]) === value;
}

/** The x of `6 <= relu(x)` as numbers: what the gradient of min(6, relu(x)) compares. */
function cappedArgument(node: LazyNode): LazyNode | null {
  const [comparison] = node.inputs;
  if (node.kind !== 'Cast' || comparison?.kind !== 'LessOrEqual') return null;
  const [limit, value] = comparison.inputs;
  if (limit === undefined || value === undefined || !isNumber(limit, 6)) return null;
  return isRelu(value) && value.isPending ? value.inputs[0]! : null;
}

/** 1 where relu(x) < 6; read from the relu6, so that neither x nor its relu need be kept. */
function isBelowSix(x: LazyNode): LazyNode {
  return operation({
    kind: 'IsBelowSix',
    inputs: [x],
    shape: x.shape,
    dtype: 'float32',
    lower: (l, [input]) => {
      const capped = l.usersOf(input!).find(({ kind }) => kind === 'Relu6') ?? input!;
      l.demand(capped);
      const { name, layout, shape } = l.value(capped);
      return { name: emitIsBelow(l.graph, name, 6, false), layout, shape };
    },
  });
}

function isRelu(node: LazyNode): boolean {
  return node.kind === 'Relu';
}

/** x > 0 ? 1 : alpha, and NaN for NaN. */
export function step(x: LazyNode, alpha: number): LazyNode {
  const choose: Emit = (g, [a]) =>
    g.node('Where', [
      g.node('Greater', [a!, g.fill(0, 'float32')]),
      g.fill(1, 'float32'),
      g.node('Where', [g.node('IsNaN', [a!]), a!, g.fill(alpha, 'float32')]),
    ]);
  return elementwise(alpha === 0 ? 'Heaviside' : 'Step', [x], choose, { key: `${alpha}` });
}

export function divide(a: LazyNode, b: LazyNode): LazyNode {
  return elementwise('Div', [a, b], op('Div'));
}

export function maximum(a: LazyNode, b: LazyNode): LazyNode {
  return elementwise('Max', [a, b], op('Max'));
}

/** The smaller of the two; min(6, relu(x)), as tf.layers writes its relu6, is one operation. */
export function minimum(a: LazyNode, b: LazyNode): LazyNode {
  if (isNumber(a, 6) && isRelu(b) && b.isPending) return relu6(b.inputs[0]!);
  return elementwise('Min', [a, b], op('Min'));
}

/** condition ? a : b */
export function select(condition: LazyNode, a: LazyNode, b: LazyNode): LazyNode {
  return elementwise('Where', [condition, a, b], op('Where'), { dtype: a.dtype });
}

/** A comparison or a logical operation: the result is bool. */
export function predicate(type: string, inputs: readonly LazyNode[]): LazyNode {
  return elementwise(type, inputs, op(type), { dtype: 'bool' });
}

/** A function of one float, by the name of its ONNX operator. */
export function floatFunction(type: string, x: LazyNode): LazyNode {
  return elementwise(type, [asFloat(x)], op(type));
}

/** max(x, 0); at the end of a convolution or of a sum over channels it is part of that. */
export function relu(x: LazyNode): LazyNode {
  if (x.dtype !== 'float32') return maximum(x, uniform(0, [], x.dtype));
  const plain = floatFunction('Relu', x);
  if (!plain.isPending) return plain;
  return operation({
    kind: 'Relu',
    inputs: [x],
    shape: x.shape,
    dtype: x.dtype,
    lower: (l, [input]) => endsInRelu(l, input!)?.({ relu: true }) ?? plain.lower!(l, [input!]),
  });
}

/** What only ends in a relu can end in it at once; its gradients read the relu. */
const RELUS: readonly string[] = ['Relu', 'Relu6', 'MaskPositive', 'Relu6Derivative', 'IsBelowSix'];

function endsInRelu(l: Lowering, x: LazyNode): Lowered['withEpilogue'] | null {
  const isNeeded = l.isRoot(x) || l.usersOf(x).some(({ kind }) => !RELUS.includes(kind));
  return isNeeded ? null : (l.value(x).withEpilogue ?? null);
}

export function negative(x: LazyNode): LazyNode {
  return elementwise('Neg', [x], op('Neg'));
}

/** min(max(x, 0), 6) */
export function relu6(x: LazyNode): LazyNode {
  if (x.dtype !== 'float32') return minimum(relu(x), uniform(6, [], x.dtype));
  return elementwise('Relu6', [x], (g, [a]) => emitRelu(g, a!, 6), {
    lower: (l, [input]) => endsInRelu(l, input!)?.({ relu: true, ceiling: 6 }) ?? null,
  });
}

/** x within [low, high]; the bounds are inputs of the graph, so that they may change without a new program. */
export function clip(x: LazyNode, low: number, high: number): LazyNode {
  return minimum(maximum(x, scalar(low, x.dtype)), scalar(high, x.dtype));
}

export function leakyRelu(x: LazyNode, alpha: number): LazyNode {
  return elementwise(
    'LeakyRelu',
    [asFloat(x)],
    (g, [a]) => g.node('LeakyRelu', [a!], { alpha: { float: alpha } }),
    {
      key: `${alpha}`,
    },
  );
}

export function prelu(x: LazyNode, alpha: LazyNode): LazyNode {
  return elementwise('Prelu', [asFloat(x), asFloat(alpha)], (g, [a, s]) =>
    g.node('Where', [g.node('Less', [a!, g.fill(0, 'float32')]), g.node('Mul', [a!, s!]), a!]),
  );
}
