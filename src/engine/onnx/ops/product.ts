import { util } from '@tensorflow/tfjs-core';
import { sameLayout } from '../graph/layout.ts';
import type { LazyNode, Shape } from '../graph/lazy-node.ts';
import type { Lowered, Lowering } from '../graph/lowering.ts';
import { leavesChannels, productOfImages, scaledChannels } from './channel-sum.ts';

/**
 * The factors of a product, through nested products that nobody else reads. With `axes`, also through those
 * one of whose factors does not change along these axes: such a product need not be written out to be summed.
 */
function factorsOf(
  l: Lowering,
  inputs: readonly LazyNode[],
  shape: Shape,
  axes: readonly number[],
): LazyNode[] {
  const factors: LazyNode[] = [];
  const waiting = [...inputs].reverse();
  while (waiting.length > 0) {
    const factor = waiting.pop()!;
    const isProduct = factor.kind === 'Mul' && factor.isPending && factor.shape.length === shape.length;
    const alone = l.usersOf(factor).length === 1 && !l.isRoot(factor);
    const scaled = axes.length > 0 && factor.inputs.some((input) => isConstantAlong(l, input, axes, shape));
    if (isProduct && (alone || scaled)) waiting.push(...[...factor.inputs].reverse());
    else factors.push(factor);
  }
  return factors;
}

function isConstantAlong(l: Lowering, node: LazyNode, axes: readonly number[], shape: Shape): boolean {
  const stored = l.value(node).shape;
  const missing = shape.length - stored.length;
  return axes.every((axis) => axis < missing || stored[axis - missing] === 1);
}

function multiplied(l: Lowering, factors: readonly Lowered[], rank: number): Lowered {
  return l.combine(factors, rank, (names) => names.reduce((a, b) => l.graph.node('Mul', [a, b])));
}

/**
 * A product, the small factors first: x · c₁ · c₂ with per-channel numbers c is x · (c₁ · c₂), one pass over
 * x and not two.
 */
export function lowerProduct(l: Lowering, inputs: readonly LazyNode[], shape: Shape): Lowered {
  const sizeOf = (value: Lowered): number => util.sizeFromShape(value.shape as number[]);
  const nodes = factorsOf(l, inputs, shape, []);
  const factors = nodes.map((node) => l.value(node));
  const largest = Math.max(...factors.map(sizeOf));
  const small = factors.filter((value) => sizeOf(value) < largest);
  const large = factors.filter((value) => sizeOf(value) === largest);
  if (large.length === 1 && small.length > 0) {
    const node = nodes[factors.indexOf(large[0]!)]!;
    const isShared = l.usersOf(node).length > 1 || l.isRoot(node);
    const product = scaledChannels(l, large[0]!, multiplied(l, small, shape.length), shape, isShared);
    if (product !== null) return product;
  }
  if (small.length === 0) {
    const write = (): string => multiplied(l, factors, shape.length).name;
    const product = productOfImages(factors, shape, write);
    if (product !== null) return product;
  }
  if (small.length < 2) return multiplied(l, factors, shape.length);
  return multiplied(l, [...large, multiplied(l, small, shape.length)], shape.length);
}

/** The parts of a sum over a product: what varies along the axes is summed, the rest is multiplied after. */
export interface SplitProduct {
  /** Or the two factors, where these are images in blocks of which only the channels are left. */
  readonly varying: Lowered | { readonly pair: readonly [Lowered, Lowered] };
  readonly constant: Lowered | null;
}

/**
 * Takes out of a product what does not change along `axes`: Σ c · x · y = c · Σ x · y. The gradients of a
 * batch normalisation are several such sums over the same x · y, which is then computed once.
 *
 * @returns null when there is nothing to take out
 */
export function splitProduct(l: Lowering, product: LazyNode, axes: readonly number[]): SplitProduct | null {
  const isSquare = product.kind === 'Square';
  if ((product.kind !== 'Mul' && !isSquare) || !product.isPending) return null;
  const rank = product.shape.length;
  const inputs = isSquare ? [product.inputs[0]!, product.inputs[0]!] : product.inputs;
  const factors = factorsOf(l, inputs, product.shape, axes);
  const isConstant = (node: LazyNode): boolean => isConstantAlong(l, node, axes, product.shape);
  const constant = factors.filter(isConstant).map((node) => l.value(node));
  const varying = factors.filter((node) => !isConstant(node)).map((node) => l.value(node));
  if (varying.length === 0) return null;
  const pair =
    varying.length === 2 &&
    varying.every((value) => leavesChannels(value, axes, product.shape)) &&
    sameLayout(varying[0]!.layout, varying[1]!.layout);
  if (constant.length === 0 && !pair) return null;
  // In one order, whatever the order of the product: equal products are then written once.
  if (!pair && varying.length > 1) varying.sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    varying: pair ? { pair: varying as [Lowered, Lowered] } : multiplied(l, varying, rank),
    constant: constant.length > 0 ? multiplied(l, constant, rank) : null,
  };
}
