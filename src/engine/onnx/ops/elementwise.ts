import { backend_util } from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../graph/graph-builder.ts';
import { type ElementType, type LazyNode, operation, type Shape, uniform } from '../graph/lazy-node.ts';
import type { Lowered, Lowering } from '../graph/lowering.ts';

export type Emit = (graph: GraphBuilder, names: readonly string[]) => string;

export interface ElementwiseOptions {
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
    if (dtype === 'bool') return g.truth(a!, x.dtype);
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

/** The ONNX operator of this name. */
export const op =
  (type: string): Emit =>
  (g, names) =>
    g.node(type, names);

export function divide(a: LazyNode, b: LazyNode): LazyNode {
  return elementwise('Div', [a, b], op('Div'));
}

export function maximum(a: LazyNode, b: LazyNode): LazyNode {
  return elementwise('Max', [a, b], op('Max'));
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

export function negative(x: LazyNode): LazyNode {
  return elementwise('Neg', [x], op('Neg'));
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
