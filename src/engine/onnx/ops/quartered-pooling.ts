import { plainLayout } from '../graph/layout.ts';
import type { LazyNode, Shape } from '../graph/lazy-node.ts';
import type { Lowered, Lowering, Quarters } from '../graph/lowering.ts';
import { keyOf, type Pooling } from './pooling.ts';
import { wherePositive } from './rectifiers.ts';
import { emitIsZero } from './relu.ts';

/**
 * The relu of a convolution in quarters (quartered-convolution.ts), where a training reads it for nothing but a pooling
 * of 2 x 2 and the relu's gradient behind that pooling.
 *
 * @returns null where someone needs the image
 */
export function pooledQuarters(l: Lowering, x: LazyNode, pool: Pooling): Quarters | null {
  const { quarters } = l.value(x);
  if (quarters === undefined || x.kind !== 'Relu' || l.isRoot(x)) return null;
  const users = l.usersOf(x);
  const isOfPool = ({ kind, signature }: LazyNode): boolean =>
    ['MaxPool', 'MaxPoolGradient'].includes(kind) && signature.includes(`{${keyOf(pool)}}`);
  const gradients = users.filter(({ kind }) => kind === 'MaxPoolGradient');
  if (gradients.length === 0 || !users.every(isOfPool)) return null;
  const areMasked = gradients.every((gradient) => {
    const [user, ...others] = l.usersOf(gradient);
    if (user === undefined || others.length > 0 || l.isRoot(gradient)) return false;
    return user.kind === 'MaskPositive' && user.inputs[0] === gradient && user.inputs[1] === x.inputs[0];
  });
  return areMasked ? quarters() : null;
}

/** The maxima: of the four places. */
export function quarterMaximum(l: Lowering, { name, layout, shape }: Quarters, pool: Pooling): Lowered {
  const maximum = l.graph.node('ReduceMax', [name, l.graph.ints([1])], { keepdims: 0 });
  return { name: l.graph.reshape(maximum, quarterShape({ layout, shape })), layout, shape: pool.outputShape };
}

/**
 * The gradient where the maximum is positive, in quarters. A place wins that reached the maximum while none before it
 * did; a product counts:
 *
 *     won_i = max(0, reached_i − Σ_{j<i} reached_j)
 */
export function quarterGradient(l: Lowering, dy: LazyNode, values: Quarters, pool: Pooling): Lowered {
  const { graph } = l;
  const { layout, shape } = values;
  const batch = shape[0]!;
  const maximum = graph.reshape(quarterMaximum(l, values, pool).name, [batch, 1, -1]);
  const derivative = wherePositive(graph, graph.reshape(l.as(dy, layout), [batch, 1, -1]), maximum);
  const reached = emitIsZero(graph, graph.node('Sub', [maximum, values.name]));
  const weights = [0, 1, 2, 3].flatMap((i) => [0, 1, 2, 3].map((j) => (i === j ? 1 : -Number(j < i))));
  const counted = graph.node('MatMul', [graph.constant('float32', [4, 4], weights), reached]);
  const won = graph.node('Relu', [counted]);
  const name = graph.node('Mul', [won, derivative]);
  const gradient = { name, layout, shape };
  let whole: string | null = null;
  return {
    layout: plainLayout(4),
    shape: pool.inputShape,
    get name() {
      whole ??= putTogether(l, gradient, pool.inputShape);
      return whole;
    },
    quarters: () => gradient,
  };
}

/** Σ over batch and positions, one number per channel, [C]. */
export function sumOfQuarters(l: Lowering, { name, layout, shape }: Quarters): string {
  const { graph } = l;
  const [batch, ...one] = quarterShape({ layout, shape }) as [number, ...number[]];
  const places = graph.reshape(name, [batch, 4, ...one]);
  // [N, 4, C, H, W] or [N, 4, C/b, H, W, b]: the positions first.
  const perImage = graph.node('ReduceSum', [places, graph.ints([3, 4])], { keepdims: 0 });
  const sum = graph.node('ReduceSum', [perImage, graph.ints([0, 1])], { keepdims: 0 });
  return graph.reshape(sum, [shape[3]! / 4]);
}

/** The image that the quarters are of, as TensorFlow.js has it. */
function putTogether(l: Lowering, { name, layout, shape }: Quarters, full: Shape): string {
  const { graph } = l;
  const [batch, ...one] = quarterShape({ layout, shape }) as [number, ...number[]];
  const places = graph.reshape(name, [batch, 2, 2, ...one]);
  // [N, r, s, C, H, W(, b)] → [N, H, r, W, s, C(, b)]
  const perm = [0, 4, 1, 5, 2, 3, ...(layout.block > 1 ? [6] : [])];
  return graph.reshape(graph.node('Transpose', [places], { perm }), full);
}

/** The physical shape of one quarter. */
function quarterShape({ layout, shape }: Omit<Quarters, 'name'>): number[] {
  const [batch, height, width, channels] = shape as [number, number, number, number];
  const own = channels / 4;
  return layout.block > 1
    ? [batch, own / layout.block, height, width, layout.block]
    : [batch, own, height, width];
}
