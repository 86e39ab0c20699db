import type { GraphBuilder } from '../graph/graph-builder.ts';
import { type LazyNode, type Lower, operation, uniform } from '../graph/lazy-node.ts';
import type { Lowered, Lowering } from '../graph/lowering.ts';
import { type Emit, elementwise, floatFunction, maximum, op } from './elementwise.ts';
import { emitIsBelow, emitIsPositive, emitRelu } from './relu.ts';

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

export function isStep(node: LazyNode): boolean {
  return node.kind === 'Heaviside' && node.isPending;
}

/** x > 0 ? value : 0 */
export function wherePositive(graph: GraphBuilder, value: string, x: string): string {
  return graph.node('Mul', [value, emitIsPositive(graph, x)]);
}

/**
 * The derivative of relu6 as TensorFlow.js writes it, `(x <= 6) * step(x)`: the x of it, or null.
 */
export function relu6Argument(a: LazyNode, b: LazyNode): LazyNode | null {
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
export function relu6Derivative(x: LazyNode): LazyNode {
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
export function maskPositive(value: LazyNode, x: LazyNode): LazyNode {
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
    if (whereInputPositive?.input === positive && alone) return whereInputPositive.lower();
    return plain.lower!(l, [v!, positive]);
  };
  return operation({ kind: 'MaskPositive', inputs: [value, x], shape, dtype, lower });
}

export function isNumber(node: LazyNode, value: number): boolean {
  return node.size === 1 && node.shape.length === 0 && (node.uniform ?? node.values?.[0]) === value;
}

/** The x of `6 <= relu(x)` as numbers: what the gradient of min(6, relu(x)) compares. */
export function cappedArgument(node: LazyNode): LazyNode | null {
  const [comparison] = node.inputs;
  if (node.kind !== 'Cast' || comparison?.kind !== 'LessOrEqual') return null;
  const [limit, value] = comparison.inputs;
  if (limit === undefined || value === undefined || !isNumber(limit, 6)) return null;
  return isRelu(value) && value.isPending ? value.inputs[0]! : null;
}

/** 1 where relu(x) < 6; read from the relu6, so that neither x nor its relu need be kept. */
export function isBelowSix(x: LazyNode): LazyNode {
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

export function isRelu(node: LazyNode): boolean {
  return node.kind === 'Relu';
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

/** min(max(x, 0), 6) */
export function relu6(x: LazyNode): LazyNode {
  if (x.dtype !== 'float32') return elementwise('Min', [relu(x), uniform(6, [], x.dtype)], op('Min'));
  return elementwise('Relu6', [x], (g, [a]) => emitRelu(g, a!, 6), {
    lower: (l, [input]) => endsInRelu(l, input!)?.({ relu: true, ceiling: 6 }) ?? null,
  });
}
