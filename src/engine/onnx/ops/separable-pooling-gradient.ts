import type { GraphBuilder } from '../graph/graph-builder.ts';
import { blockedLayout, NCHWC, physicalShape } from '../graph/layout.ts';
import type { LazyNode } from '../graph/lazy-node.ts';
import type { Lowered, Lowering } from '../graph/lowering.ts';
import { axesOf, type Pooling, pooledBlocks } from './pooling.ts';
import { wherePositive } from './rectifiers.ts';

/** How a window walks along one axis of an image: element s·i + t − before is what tap t of window i sees. */
interface Walk {
  readonly kernel: number;
  readonly stride: number;
  readonly before: number;
  readonly after: number;
  readonly inputs: number;
  readonly outputs: number;
}

/** Images in blocks with their shape, [planes, H, W, b]; the planes are batch and outer channels together. */
interface Planes {
  readonly name: string;
  readonly count: number;
  readonly spatial: readonly [number, number];
  readonly block: number;
}

/**
 * Whether the gradient of a max pooling can be found one axis after the other: images in blocks whose size is that of
 * the result times the stride.
 *
 * @param masked whether only maxima above 0 count. Else a border, which is read as zeros here, could win.
 */
export function isSeparable(l: Lowering, pool: Pooling, masked: boolean): boolean {
  const { channels, spatial } = axesOf(pool);
  if (l.isDevice || l.block === 1 || spatial.length !== 2) return false;
  if (pool.inputShape[channels]! % l.block !== 0 || pool.window.dilations.some((d) => d !== 1)) return false;
  return walksOf(pool).every(
    ({ kernel, stride, before, after, inputs, outputs }) =>
      kernel >= stride && kernel <= 4 && inputs === stride * outputs && (masked || before + after === 0),
  );
}

/**
 * The gradient of a max pooling where the maxima are positive (`masked`) or of all of them. The maximum of a window is
 * that of the maxima of its rows, so that the gradient first finds the row, then the column within the row:
 *
 *     h[y, j] = max_t x[y, s·j + t],   m[i, j] = max_t h[s·i + t, j]
 *
 * The first of equals wins along either axis, as in a search row by row. What loses is found by a depthwise convolution
 * that ends in a hard sigmoid, on all threads and without slices; one with a single 1 moves what overlaps. An infinite
 * pixel makes NaN of what shares a window with it.
 */
export function separableGradient(
  l: Lowering,
  dy: LazyNode,
  x: LazyNode,
  pool: Pooling,
  masked: boolean,
): Lowered {
  const { graph, block } = l;
  const axes = axesOf(pool);
  const layout = blockedLayout(axes.channels, axes.spatial, block);
  const physical = physicalShape(pool.inputShape, layout);
  const [rows, columns] = walksOf(pool);
  const count = physical[0]! * physical[1]!;
  const planes = (name: string, height: number, width: number): Planes => ({
    name: graph.reshape(name, [count, height, width, block]),
    count,
    spatial: [height, width],
    block,
  });
  const image = planes(l.as(x, layout), rows.inputs, columns.inputs);
  const whole = planes(pooledBlocks(l, 'MaxPool', x, pool), rows.outputs, columns.outputs);
  const inRows = planes(rowMaxima(graph, image, columns), rows.inputs, columns.outputs);
  const derivative = planes(l.as(dy, layout), rows.outputs, columns.outputs);
  const start = masked
    ? { ...derivative, name: wherePositive(graph, derivative.name, whole.name) }
    : derivative;
  const ofRows = axisGradient(graph, start, whole, inRows, 0, rows);
  const ofPixels = axisGradient(graph, ofRows, inRows, image, 1, columns);
  return { name: graph.reshape(ofPixels.name, physical), layout, shape: pool.inputShape };
}

function walksOf({ window, inputShape, outputShape, channelsLast }: Pooling): [Walk, Walk] {
  const first = channelsLast ? 1 : 2;
  return [0, 1].map((i) => {
    const [inputs, outputs] = [inputShape[first + i]!, outputShape[first + i]!];
    const [kernel, stride, before] = [window.kernel[i]!, window.strides[i]!, window.before[i]!];
    // What the last window reaches beyond the image; more border than that is in no window.
    const after = Math.max(0, stride * (outputs - 1) + kernel - before - inputs);
    return { kernel, stride, before, after, inputs, outputs };
  }) as [Walk, Walk];
}

/** The maxima of the windows within every row. */
function rowMaxima(graph: GraphBuilder, image: Planes, { kernel, stride, before, after }: Walk): string {
  const attributes = {
    kernel_shape: [1, kernel],
    strides: [1, stride],
    dilations: [1, 1],
    pads: [0, before, 0, after],
  };
  return graph.node('MaxPool', [asImage(graph, image)], attributes, NCHWC);
}

const asImage = (graph: GraphBuilder, { name, count, spatial, block }: Planes): string =>
  graph.reshape(name, [count, block, ...spatial]);

/**
 * Sends dy[i] to the first x[s·i + t − before] that is the maximum y[i], along one axis.
 *
 * @param dy of the shape of `y`
 */
function axisGradient(
  graph: GraphBuilder,
  dy: Planes,
  y: Planes,
  x: Planes,
  axis: 0 | 1,
  walk: Walk,
): Planes {
  const { kernel, stride, before } = walk;
  let rest = dy.name;
  const parts = Array.from({ length: stride }, (): { won: string; shift: number }[] => []);
  for (let tap = 0; tap < kernel; tap++) {
    let won = rest;
    if (tap < kernel - 1) {
      const left = graph.node('Mul', [rest, losers(graph, x, y, axis, walk, tap)]);
      won = graph.node('Sub', [rest, left]);
      rest = left;
    }
    const shift = Math.floor((tap - before) / stride);
    parts[tap - before - shift * stride]!.push({ won, shift });
  }
  const sums = parts.map((list) => shiftedSum(graph, list, y, axis));
  return { ...x, name: sideBySide(graph, sums, y, axis) };
}

/** 1 where the maximum y[i] is above what the tap sees of x, else 0. */
function losers(graph: GraphBuilder, x: Planes, y: Planes, axis: 0 | 1, walk: Walk, tap: number): string {
  const { kernel, stride, before, after } = walk;
  const activation = { activation: 'HardSigmoid', activation_params: { floats: [3e38, 0] } };
  // Of two, the first loses where the second is greater: that needs no maxima.
  const isPair = kernel === 2 && before + after === 0;
  const weights = isPair ? [-1, 1] : Array.from({ length: kernel }, (_, i) => (i === tap ? -1 : 0));
  const sum = isPair ? null : asImage(graph, y);
  const name = depthwise(graph, x, axis, { weights, stride, before, after, sum, attributes: activation });
  return graph.reshape(name, [y.count, ...y.spatial, y.block]);
}

/** Σ won[j − shift] */
function shiftedSum(
  graph: GraphBuilder,
  parts: readonly { won: string; shift: number }[],
  like: Planes,
  axis: 0 | 1,
): string {
  const ordered = parts.toSorted((a, b) => Math.abs(a.shift) - Math.abs(b.shift));
  const shape = [like.count, ...like.spatial, like.block];
  return ordered.reduce<string | null>((sum, { won, shift }) => {
    if (shift === 0) return sum === null ? won : graph.node('Add', [sum, won]);
    const size = Math.abs(shift) + 1;
    const weights = Array.from({ length: size }, (_, i) => Number(i === (shift > 0 ? 0 : size - 1)));
    const moved = depthwise(graph, { ...like, name: won }, axis, {
      weights,
      stride: 1,
      before: Math.max(0, shift),
      after: Math.max(0, -shift),
      sum: sum === null ? null : asImage(graph, { ...like, name: sum }),
    });
    return graph.reshape(moved, shape);
  }, null)!;
}

interface Depthwise {
  readonly weights: readonly number[];
  readonly stride: number;
  readonly before: number;
  readonly after: number;
  /** Is added to the result. */
  readonly sum: string | null;
  readonly attributes?: { activation: string; activation_params: { floats: number[] } };
}

/** A convolution of every channel with the same few numbers along one axis. */
function depthwise(graph: GraphBuilder, x: Planes, axis: 0 | 1, options: Depthwise): string {
  const { weights, stride, before, after, sum, attributes } = options;
  const { block } = x;
  const along = (value: number, other: number): number[] => (axis === 0 ? [value, other] : [other, value]);
  const kernel = along(weights.length, 1);
  const filter = graph.constant(
    'float32',
    [block, 1, ...kernel],
    weights.flatMap((weight) => new Array<number>(block).fill(weight)),
  );
  const window = {
    kernel_shape: kernel,
    strides: along(stride, 1),
    dilations: [1, 1],
    pads: [...along(before, 0), ...along(after, 0)],
  };
  const operands = [asImage(graph, x), filter, ...(sum === null ? [] : ['', sum])];
  return graph.node('Conv', operands, { ...window, group: block, ...attributes }, NCHWC);
}

/** Puts what lies at the same place under the stride next to each other. */
function sideBySide(graph: GraphBuilder, parts: readonly string[], like: Planes, axis: 0 | 1): string {
  if (parts.length === 1) return parts[0]!;
  const { count, block } = like;
  const [height, width] = like.spatial;
  const cells = axis === 0 ? [count * height, 1, width * block] : [count, 1, height * width * block];
  const joined = graph.node(
    'Concat',
    parts.map((name) => graph.reshape(name, cells)),
    { axis: 1 },
  );
  if (axis === 0) return graph.reshape(joined, [count, height * parts.length, width, block]);
  // As if the parts were blocks of channels, which are put in order on all threads.
  const blocks = graph.reshape(joined, [count, parts.length * block, height, width]);
  const last = graph.node(
    'ReorderOutput',
    [blocks],
    { channels: parts.length * block, channels_last: 1 },
    NCHWC,
  );
  return graph.reshape(last, [count, height, width * parts.length, block]);
}
