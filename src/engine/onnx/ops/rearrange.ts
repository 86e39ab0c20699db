import { util } from '@tensorflow/tfjs-core';
import { physicalAxes, plainLayout } from '../graph/layout.ts';
import { type LazyNode, leaf, operation, type Shape, uniform, valuesOf } from '../graph/lazy-node.ts';
import type { Lowering } from '../graph/lowering.ts';

/** Exchanges axes: only the bookkeeping of the layout changes, nothing is moved until someone needs it. */
export function transpose(x: LazyNode, perm: readonly number[]): LazyNode {
  const shape = perm.map((axis) => x.shape[axis]!);
  if (x.uniform !== undefined) return uniform(x.uniform, shape, x.dtype);
  return operation({
    kind: 'Transpose',
    key: perm.join(),
    inputs: [x],
    shape,
    dtype: x.dtype,
    lower: (l, [input]) => {
      const { name, layout, shape: stored } = l.value(input!);
      const axes = layout.axes.map((axis) => perm.indexOf(axis));
      return { name, layout: { axes, block: layout.block }, shape: perm.map((axis) => stored[axis]!) };
    },
  });
}

/** x[begin : end : stride] along every axis; strides may be negative. */
export function slice(x: LazyNode, begin: Shape, size: Shape, strides?: Shape): LazyNode {
  if (x.uniform !== undefined) return uniform(x.uniform, size, x.dtype);
  const steps = strides ?? size.map(() => 1);
  const cut = size.flatMap((length, axis) => (length === x.shape[axis] && steps[axis] === 1 ? [] : [axis]));
  if (cut.length === 0) return x;
  return operation({
    kind: 'Slice',
    key: `${begin.join()}/${size.join()}/${steps.join()}`,
    inputs: [x],
    shape: size,
    dtype: x.dtype,
    lower: (l, [input]) => {
      const known = l.value(input!);
      const inBlocks = known.layout.block > 1 && cut.includes(known.layout.axes.at(-1)!);
      const layout = inBlocks ? plainLayout(x.shape.length) : known.layout;
      const name = l.as(input!, layout);
      const starts = cut.map((axis) => begin[axis]!);
      // ONNX counts an end from the back when it is negative: "before the first element" is far below zero.
      const ends = cut.map((axis) => {
        const end = begin[axis]! + size[axis]! * steps[axis]!;
        return end < 0 ? -(2 ** 31) : end;
      });
      const axes = cut.map((axis) => physicalAxes(layout, axis)[0]!);
      const { graph } = l;
      const inputs = [starts, ends, axes, cut.map((axis) => steps[axis]!)].map((list) => graph.ints(list));
      const cropped = { name: graph.node('Slice', [name, ...inputs]), layout, shape: size };
      return cutsBorder(l, input!, begin, size, steps)
        ? { ...cropped, whereInputPositive: known.withoutBorder! }
        : cropped;
    },
  });
}

/** Whether a slice of the gradient of a pooling cuts off just the zeros that were put around what was pooled. */
function cutsBorder(l: Lowering, gradient: LazyNode, begin: Shape, size: Shape, steps: Shape): boolean {
  const { withoutBorder } = l.value(gradient);
  const padded = gradient.inputs[1];
  if (withoutBorder === undefined || padded === undefined) return false;
  if (l.usersOf(gradient).length > 1 || l.isRoot(gradient) || steps.some((step) => step !== 1)) return false;
  const { unpadded } = l.value(padded);
  return (
    unpadded?.node === withoutBorder.input &&
    util.arraysEqual(begin as number[], unpadded.before as number[]) &&
    util.arraysEqual(size as number[], withoutBorder.input.shape as number[])
  );
}

/** Reverses the order along the given axes. */
export function reverse(x: LazyNode, axes: readonly number[]): LazyNode {
  if (axes.length === 0) return x;
  const begin = x.shape.map((size, axis) => (axes.includes(axis) ? size - 1 : 0));
  const strides = x.shape.map((size, axis) => (axes.includes(axis) && size > 0 ? -1 : 1));
  return axes.every((axis) => x.shape[axis]! <= 1) ? x : slice(x, begin, x.shape, strides);
}

export type PadMode = 'constant' | 'reflect' | 'edge';

/** Adds `before[i]` and `after[i]` elements along axis i. */
export function pad(
  x: LazyNode,
  before: Shape,
  after: Shape,
  value: number,
  mode: PadMode = 'constant',
): LazyNode {
  const shape = x.shape.map((size, axis) => size + before[axis]! + after[axis]!);
  if (util.arraysEqual(shape, x.shape as number[])) return x;
  if (x.size === 0) return uniform(value, shape, x.dtype);
  return operation({
    kind: 'Pad',
    key: `${before.join()}/${after.join()}/${value}/${mode}`,
    inputs: [x],
    shape,
    dtype: x.dtype,
    lower: (l, [input]) => {
      const known = l.value(input!).layout;
      const channels = known.block > 1 ? known.axes.at(-1)! : -1;
      const cutsBlocks = channels >= 0 && shape[channels] !== x.shape[channels];
      const layout = cutsBlocks ? plainLayout(shape.length) : known;
      const blocked = cutsBlocks ? -1 : channels;
      const rank = layout.axes.length;
      const last = layout.block > 1 ? rank - 1 : -1;
      const amounts = [before, after].flatMap((list) =>
        layout.axes.map((axis, p) => (p === last || axis === blocked ? 0 : list[axis]!)),
      );
      const { graph } = l;
      const source = l.as(input!, layout);
      const isBool = x.dtype === 'bool';
      const operand = isBool ? graph.cast(source, 'int32') : source;
      const fill = graph.fill(value, isBool ? 'int32' : x.dtype);
      const padded = graph.node('Pad', [operand, graph.ints(amounts), fill], { mode });
      const name = isBool ? graph.cast(padded, 'bool') : padded;
      const isBorder = mode === 'constant' && value === 0;
      return { name, layout, shape, ...(isBorder ? { unpadded: { node: input!, before, after } } : {}) };
    },
  });
}

/** Joins tensors along `axis`. Inputs without elements are dropped. */
export function concat(list: readonly LazyNode[], axis: number): LazyNode {
  const parts = list.filter((part) => part.size > 0);
  const shape = [...list[0]!.shape];
  shape[axis] = list.reduce((sum, part) => sum + part.shape[axis]!, 0);
  if (parts.length === 1) return parts[0]!;
  return operation({
    kind: 'Concat',
    key: `${axis}`,
    inputs: parts,
    shape,
    dtype: list[0]!.dtype,
    lower: (l, nodes) => {
      const first = l.value(nodes[0]!).layout;
      const layout = first.block > 1 ? plainLayout(shape.length) : first;
      const names = nodes.map((node) => l.as(node, layout));
      return { name: l.graph.node('Concat', names, { axis: layout.axes.indexOf(axis) }), layout, shape };
    },
  });
}

/** Repeats x along every axis. Repeating an axis of size 1 is a broadcast, which is not written out. */
export function tile(x: LazyNode, repeats: Shape): LazyNode {
  const shape = x.shape.map((size, axis) => size * repeats[axis]!);
  if (x.uniform !== undefined) return uniform(x.uniform, shape, x.dtype);
  if (repeats.every((n) => n === 1)) return x;
  const isBroadcast = repeats.every((n, axis) => n === 1 || x.shape[axis] === 1);
  return operation({
    kind: 'Tile',
    key: repeats.join(),
    inputs: [x],
    shape,
    dtype: x.dtype,
    lower: (l, [input]) => {
      if (!isBroadcast)
        return l.result(l.graph.node('Tile', [l.plain(input!), l.graph.ints(repeats)]), shape);
      const { name, layout, shape: stored } = l.value(input!);
      return { name, layout, shape: stored };
    },
  });
}

/** A tensor of rank 1 with the numbers start, start + step, … */
export function sequence(start: number, step: number, count: number, dtype: 'float32' | 'int32'): LazyNode {
  const values = valuesOf(dtype, count);
  for (let i = 0; i < count; i++) values[i] = start + i * step;
  return leaf(values, [count], dtype);
}
