import { backend_util } from '@tensorflow/tfjs-core';
import type { GraphBuilder } from './graph-builder.ts';
import { type ElementType, type LazyNode, operation, scalar, uniform } from './lazy-node.ts';

type Emit = (graph: GraphBuilder, names: readonly string[]) => string;

interface ElementwiseOptions {
  /** Type of the result. @default the type of the first input */
  readonly dtype?: ElementType;
  /** Attributes that `emit` writes into the graph. */
  readonly key?: string;
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
    lower: (l, nodes) => l.elementwise(nodes, shape.length, (names) => emit(l.graph, names)),
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

export function add(a: LazyNode, b: LazyNode): LazyNode {
  return elementwise('Add', [a, b], op('Add'));
}

export function subtract(a: LazyNode, b: LazyNode): LazyNode {
  return elementwise('Sub', [a, b], op('Sub'));
}

/**
 * a · b. The product of a gradient with a step function (`step(x)`, the gradient of relu) becomes a choice,
 * `x > 0 ? a : 0`: one pass less, and the comparison is shared by all who ask for it.
 */
export function multiply(a: LazyNode, b: LazyNode): LazyNode {
  if (isStep(b)) return maskPositive(a, b.inputs[0]!);
  if (isStep(a)) return maskPositive(b, a.inputs[0]!);
  return elementwise('Mul', [a, b], op('Mul'));
}

function isStep(node: LazyNode): boolean {
  return node.kind === 'Heaviside' && node.isPending;
}

function maskPositive(value: LazyNode, x: LazyNode): LazyNode {
  return elementwise('MaskPositive', [value, x], (g, [v, c]) =>
    g.node('Where', [g.node('Greater', [c!, g.fill(0, 'float32')]), v!, g.fill(0, 'float32')]),
  );
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

export function minimum(a: LazyNode, b: LazyNode): LazyNode {
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

export function relu(x: LazyNode): LazyNode {
  if (x.dtype !== 'float32') return maximum(x, uniform(0, [], x.dtype));
  return floatFunction('Relu', x);
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
  return elementwise('Prelu', [x, alpha], (g, [a, s]) =>
    g.node('Where', [g.node('Less', [a!, g.fill(0, 'float32')]), g.node('Mul', [a!, s!]), a!]),
  );
}
