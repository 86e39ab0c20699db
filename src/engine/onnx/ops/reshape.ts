import { blockedAxis, type Layout, permuted } from '../graph/layout.ts';
import { type LazyNode, operation, type Shape, uniform } from '../graph/lazy-node.ts';

/**
 * The same elements in another shape. When the shapes differ only in axes of size 1, the value keeps its
 * layout; otherwise it is brought to plain order.
 */
export function reshape(x: LazyNode, shape: Shape): LazyNode {
  if (x.uniform !== undefined) return uniform(x.uniform, shape, x.dtype);
  return operation({
    kind: 'Reshape',
    inputs: [x],
    shape,
    dtype: x.dtype,
    lower: (l, [input]) => {
      const value = l.value(input!);
      const layout = carryLayout(input!.shape, shape, value.layout);
      if (layout === null) return l.result(l.graph.reshape(l.plain(input!), shape), shape);
      const stored = carryShape(input!.shape, shape, value.shape);
      return { name: l.graph.reshape(value.name, physical(stored, layout)), layout, shape: stored };
    },
  });
}

/** The layout after a reshape that only adds or removes axes of size 1, or null. */
function carryLayout(from: Shape, to: Shape, layout: Layout): Layout | null {
  if (blockedAxis(layout) !== -1) return null;
  const oldAxes = wide(from);
  const newAxes = wide(to);
  if (oldAxes.length !== newAxes.length || oldAxes.some((axis, i) => from[axis] !== to[newAxes[i]!]))
    return null;
  const kept = layout.axes.filter((axis) => from[axis] !== 1).map((axis) => newAxes[oldAxes.indexOf(axis)]!);
  const ones = to.flatMap((size, axis) => (size === 1 ? [axis] : []));
  // Plain stays plain: the axes of size 1 go where the shape has them.
  if (kept.every((axis, i) => i === 0 || axis > kept[i - 1]!)) return permuted(to.map((_, axis) => axis));
  return permuted([...ones, ...kept]);
}

function carryShape(from: Shape, to: Shape, stored: Shape): Shape {
  const sizes = wide(from).map((axis) => stored[axis]!);
  let next = 0;
  return to.map((size) => (size === 1 ? 1 : sizes[next++]!));
}

function wide(shape: Shape): number[] {
  return shape.flatMap((size, axis) => (size === 1 ? [] : [axis]));
}

function physical(shape: Shape, layout: Layout): number[] {
  return layout.axes.map((axis) => shape[axis]!);
}
