import { util } from '@tensorflow/tfjs-core';
import { blockedLayout, convertLayout, permuted, physicalShape } from '../graph/layout.ts';
import { type LazyNode, operation, uniform } from '../graph/lazy-node.ts';
import type { Lowered, Lowering } from '../graph/lowering.ts';
import { zerosAsBorder } from './borders.ts';
import { interleavePhases } from './convolution/strided-gradient.ts';
import { axesOf, keyOf, type Pooling, pooled, pooledBlocks } from './pooling.ts';
import { pooledQuarters, quarterGradient } from './quartered-pooling.ts';
import { wherePositive } from './rectifiers.ts';
import { isSeparable, separableGradient } from './separable-pooling-gradient.ts';
import {
  type ActivationAxes,
  activationAxes,
  channelsFirst,
  windowAttributes,
  windowExtent,
} from './window.ts';

/** Sends every element of dy to the place of the maximum that it came from; overlapping windows add up. */
export function maxPoolGradient(dy: LazyNode, x: LazyNode, pool: Pooling): LazyNode {
  if (dy.size === 0) return uniform(0, pool.inputShape, 'float32');
  return operation({
    kind: 'MaxPoolGradient',
    key: keyOf(pool),
    inputs: [dy, x],
    shape: pool.inputShape,
    dtype: 'float32',
    lower: (l, [derivative, input]) => {
      const gradient = (masked: boolean): Lowered =>
        isSeparable(l, pool, masked)
          ? separableGradient(l, derivative!, input!, pool, masked)
          : isCompared(l, pool)
            ? comparedGradient(l, derivative!, input!, pool, masked)
            : isHalving(pool)
              ? halvingGradient(l, derivative!, input!, pool, masked)
              : scatteredGradient(l, derivative!, input!, pool, masked);
      const [image, walk] = zerosAsBorder(l, input!, pool);
      const quarters = isHalving(pool) ? pooledQuarters(l, input!, pool) : null;
      const lower = (): Lowered => separableGradient(l, derivative!, image, walk, true);
      return {
        ...gradient(false),
        whereInputPositive: {
          input: input!,
          lower: () => (quarters === null ? gradient(true) : quarterGradient(l, derivative!, quarters, pool)),
        },
        ...(image !== input && isSeparable(l, walk, true) ? { withoutBorder: { input: image, lower } } : {}),
      };
    },
  });
}

/** Maximum and the place of the first maximum, as a flat index into the channels-first input. */
export function maxWithIndices(l: Lowering, x: LazyNode, pool: Pooling): readonly string[] {
  const attributes = windowAttributes(pool.window);
  return l.graph.nodes('MaxPool', [l.as(x, channelsFirst(axesOf(pool)))], 2, { attributes });
}

/** Windows of 2 x 2 that cover the image side by side, without a rest. */
export function isHalving({ window, inputShape, outputShape, channelsLast }: Pooling): boolean {
  const { spatial } = activationAxes(inputShape.length, channelsLast);
  return (
    spatial.length === 2 &&
    spatial.every(
      (axis, i) =>
        window.kernel[i] === 2 &&
        window.strides[i] === 2 &&
        window.before[i] === 0 &&
        inputShape[axis] === 2 * outputShape[axis]!,
    )
  );
}

/**
 * The gradient of a 2 x 2 pooling by comparing instead of searching: the bottom row wins where its maximum is
 * greater than the top's, the right element of a row where it is greater than the left one. So the first of
 * equal elements wins, as in the search.
 */
function halvingGradient(l: Lowering, dy: LazyNode, x: LazyNode, pool: Pooling, masked: boolean): Lowered {
  const { graph } = l;
  const axes = axesOf(pool);
  const layout = permuted([0, ...axes.spatial, axes.channels]);
  const physical = physicalShape(pool.inputShape, layout);
  const [height, width, inner] = physical.slice(-3) as [number, number, number];
  const rows = util.sizeFromShape(physical.slice(0, -3)) * (height / 2);
  const cells = graph.reshape(l.as(x, layout), [rows, 2, width / 2, 2, inner]);
  const cellGradient = graph.reshape(l.as(dy, layout), [rows, 1, width / 2, 1, inner]);
  const element = (row: number, column: number): string =>
    graph.node('Slice', [
      cells,
      ...[
        [row, column],
        [row + 1, column + 1],
        [1, 3],
      ].map((list) => graph.ints(list)),
    ]);
  /** Splits `gradient` between two rivals: [what the first gets, what the second gets]. */
  const split = (gradient: string, first: string, second: string): [string, string] => {
    const lead = graph.node('Sub', [second, first]);
    const won = wherePositive(graph, gradient, lead);
    return [graph.node('Sub', [gradient, won]), won];
  };
  const quarters = [0, 1].map((row) => [element(row, 0), element(row, 1)] as const);
  const maxima = quarters.map((row) => graph.node('Max', [...row]));
  const d = masked ? wherePositive(graph, cellGradient, graph.node('Max', maxima)) : cellGradient;
  const halves = split(d, maxima[0]!, maxima[1]!).map((half, row) =>
    graph.node('Concat', split(half, ...quarters[row]!), { axis: 3 }),
  );
  const name = graph.reshape(graph.node('Concat', halves, { axis: 1 }), physical);
  return { name, layout, shape: pool.inputShape };
}

/** More taps than this are searched, not compared one after the other. */
const MOST_COMPARED = 16;

/**
 * Whether the gradient is found by comparing: images in blocks, small windows; and on a device always, whose MaxPool
 * tells no places.
 */
export function isCompared(l: Lowering, pool: Pooling): boolean {
  const { channels, spatial } = axesOf(pool);
  const { kernel, dilations } = pool.window;
  if (l.isDevice) return spatial.length === 2 && dilations.every((d) => d === 1);
  if (l.block === 1 || spatial.length !== 2 || pool.inputShape[channels]! % l.block !== 0) return false;
  return util.sizeFromShape(kernel as number[]) <= MOST_COMPARED && dilations.every((d) => d === 1);
}

/**
 * The gradient in blocks (on a device with channels last), tap by tap: what a tap sees of the input gets dy where it is the maximum and no tap
 * before it was, so that the first of equal elements wins, as in the search. Taps that lie at the same place
 * under the stride add up (shifted), and the places are put next to each other.
 */
function comparedGradient(l: Lowering, dy: LazyNode, x: LazyNode, pool: Pooling, masked: boolean): Lowered {
  const { graph } = l;
  const axes = axesOf(pool);
  const layout = l.isDevice
    ? permuted([0, ...axes.spatial, axes.channels])
    : blockedLayout(axes.channels, axes.spatial, l.block);
  const physical = physicalShape(pool.inputShape, layout);
  const { kernel, strides, before } = pool.window;
  const block = physical.at(-1)!;
  const planes = util.sizeFromShape(physical.slice(0, -3));
  const inputs = axes.spatial.map((axis) => pool.inputShape[axis]!);
  const outputs = axes.spatial.map((axis) => pool.outputShape[axis]!);
  // Rows and columns of one place under the stride; all places together cover image and windows.
  const size = inputs.map((length, i) =>
    Math.ceil(Math.max(before[i]! + length, strides[i]! * (outputs[i]! - 1) + kernel[i]!) / strides[i]!),
  ) as [number, number];
  const border = size.map((length, i) => length * strides[i]! - before[i]! - inputs[i]!);
  const hasBorder = [...before, ...border].some((amount) => amount > 0);
  const image = graph.reshape(l.as(x, layout), [planes, ...inputs, block]);
  const around = graph.ints([0, ...before, 0, 0, ...border, 0]);
  const lowest = graph.fill(Number.NEGATIVE_INFINITY, 'float32');
  const padded = hasBorder ? graph.node('Pad', [image, around, lowest]) : image;
  const pooledShape = [planes, ...outputs, block];
  const pooledImage = (): string => {
    if (!l.isDevice) return pooledBlocks(l, 'MaxPool', x, pool);
    const { name, layout: given, shape } = pooled(l, 'MaxPool', x, pool);
    return convertLayout(graph, name, shape, given, layout);
  };
  const maximum = graph.reshape(pooledImage(), pooledShape);
  const d = graph.reshape(l.as(dy, layout), pooledShape);

  let rest = masked ? wherePositive(graph, d, maximum) : d;
  const places = strides.map((stride) => Array.from({ length: stride }, (_, i) => i));
  const sums = places[0]!.map(() => places[1]!.map((): string | null => null));
  const [rows, columns] = kernel as [number, number];
  for (let tap = 0; tap < rows * columns; tap++) {
    const at = [Math.floor(tap / columns), tap % columns];
    let won = rest;
    if (tap < rows * columns - 1) {
      const ends = at.map((start, i) => start + strides[i]! * (outputs[i]! - 1) + 1);
      const seen = graph.node('Slice', [
        padded,
        ...[at, ends, [1, 2], strides].map((list) => graph.ints(list)),
      ]);
      const left = wherePositive(graph, rest, graph.node('Sub', [maximum, seen]));
      won = graph.node('Sub', [rest, left]);
      rest = left;
    }
    const shift = at.map((start, i) => Math.floor(start / strides[i]!));
    const after = shift.map((start, i) => size[i]! - outputs[i]! - start);
    const isWhole = [...shift, ...after].every((amount) => amount === 0);
    const placed = isWhole ? won : graph.node('Pad', [won, graph.ints([0, ...shift, 0, 0, ...after, 0])]);
    const [row, column] = at.map((start, i) => start % strides[i]!) as [number, number];
    const known = sums[row]![column]!;
    sums[row]![column] = known === null ? placed : graph.node('Add', [known, placed]);
  }
  const zeros = (): string =>
    graph.node('Expand', [graph.fill(0, 'float32', [1]), graph.ints([planes, ...size, block])]);
  const parts = sums.map((row) => row.map((sum) => sum ?? zeros()));
  const whole = graph.reshape(interleavePhases(graph, parts, [planes, ...size, block]), [
    planes,
    ...size.map((length, i) => length * strides[i]!),
    block,
  ]);
  const ends = inputs.map((length, i) => before[i]! + length);
  const cropped = hasBorder
    ? graph.node('Slice', [whole, ...[before, ends, [1, 2]].map((list) => graph.ints(list))])
    : whole;
  return { name: graph.reshape(cropped, physical), layout, shape: pool.inputShape };
}

function scatteredGradient(l: Lowering, dy: LazyNode, x: LazyNode, pool: Pooling, masked: boolean): Lowered {
  const { graph } = l;
  const axes = axesOf(pool);
  const layout = channelsFirst(axes);
  const [maximum, places] = maxWithIndices(l, x, pool) as [string, string];
  const size = util.sizeFromShape(pool.inputShape as number[]);
  const physical = physicalShape(pool.inputShape, layout);
  const d = masked ? wherePositive(graph, l.as(dy, layout), maximum) : l.as(dy, layout);
  if (tiles(pool, axes)) {
    const { kernel, strides } = pool.window;
    const inputs = [d, places, graph.ints(physical)];
    const name = graph.node('MaxUnpool', inputs, { kernel_shape: kernel, strides });
    return { name, layout, shape: pool.inputShape };
  }
  const zeros = graph.node('Expand', [graph.fill(0, 'float32', [1]), graph.ints([size])]);
  const inputs = [zeros, graph.reshape(places, [-1]), graph.reshape(d, [-1])];
  const sum = graph.node('ScatterElements', inputs, { axis: 0, reduction: 'add' });
  return { name: graph.reshape(sum, physical), layout, shape: pool.inputShape };
}

/** Whether 2-D windows lie side by side within the input: then no two of them meet at one element. */
function tiles({ window, inputShape, outputShape }: Pooling, { spatial }: ActivationAxes): boolean {
  const extent = windowExtent(window);
  return (
    spatial.length === 2 &&
    spatial.every(
      (axis, i) =>
        window.strides[i]! >= extent[i]! &&
        (outputShape[axis]! - 1) * window.strides[i]! + extent[i]! <= inputShape[axis]!,
    )
  );
}
