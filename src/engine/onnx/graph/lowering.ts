import { util } from '@tensorflow/tfjs-core';
import { DeviceGraph } from './device-graph.ts';
import { GraphBuilder } from './graph-builder.ts';
import {
  convertLayout,
  isPlain,
  type Layout,
  physicalShape,
  plainLayout,
  withLeadingAxes,
} from './layout.ts';
import type { LazyNode, Shape } from './lazy-node.ts';
import type { Trace } from './trace.ts';

/**
 * A value in the ONNX graph. `shape` is the logical shape of what is stored; where it has size 1 and the
 * node's shape has more, the value stands for its broadcast, which is not written out until someone needs it.
 */
export interface Lowered {
  readonly name: string;
  readonly layout: Layout;
  readonly shape: Shape;
  /** Set by operations that can end with a bias and a relu: gives their value with these in it. */
  readonly withEpilogue?: (epilogue: Epilogue) => Lowered;
  /**
   * Set by the gradient of a max pooling: gives its value where the pooled input is positive, 0 elsewhere.
   * That is cheaper than to mask the result, because it can be decided on the maxima.
   */
  readonly whereInputPositive?: MaskedGradient;
  /** The same without the zeros that were put around the input: for whoever cuts them off. */
  readonly withoutBorder?: MaskedGradient;
  /** Set where the value can be had in quarters, or is: gives them. */
  readonly quarters?: () => Quarters;
  /** Set by a padding with zeros: the value without them. A window that has borders of its own needs no more. */
  readonly unpadded?: { readonly node: LazyNode; readonly before: Shape; readonly after: Shape };
}

/**
 * An image by the places within windows of 2 x 2, [N, 4, rest]: as a value of half the height and width with four times
 * the channels, of which those of one place come after the other.
 */
export interface Quarters {
  readonly name: string;
  /** Channels first, or blocks that the channels of one place fill. */
  readonly layout: Layout;
  /** [N, H/2, W/2, 4 · C] */
  readonly shape: Shape;
}

/** A gradient that is masked by the sign of what it is the gradient of. */
export interface MaskedGradient {
  readonly input: LazyNode;
  readonly lower: () => Lowered;
}

/** What may be folded into the end of a convolution. */
export interface Epilogue {
  /** One number per channel. */
  readonly bias?: LazyNode;
  readonly relu?: boolean;
  /** Where the relu ends. @default nowhere */
  readonly ceiling?: number;
}

/** Turns lazy nodes into ONNX nodes, keeping track of the layout of every value. */
export class Lowering {
  readonly graph: GraphBuilder;
  /** How many channels make a block in ONNX Runtime's blocked layout; 1 where there is none. */
  readonly block: number;
  /** How many threads will compute the graph. */
  readonly threads: number;
  /** Whether the graph is to hold for batches of any size: without lists of what lies where in a batch. */
  readonly anyBatch: boolean;
  /** Whether a device computes: without what pays only on the threads of a processor, such as Winograd's tiles. */
  readonly isDevice: boolean;
  /** Sums over channels that were written out, by their parts (channel-sum.ts). */
  readonly written = new Map<string, string>();
  readonly #trace: Pick<Trace, 'users' | 'roots'>;
  readonly #values = new Map<LazyNode, Lowered>();

  constructor(
    trace: Pick<Trace, 'users' | 'roots'>,
    {
      block,
      threads = 1,
      anyBatch = false,
      isDevice = false,
    }: { block: number; threads?: number; anyBatch?: boolean; isDevice?: boolean },
  ) {
    this.isDevice = isDevice;
    this.graph = isDevice ? new DeviceGraph() : new GraphBuilder();
    this.#trace = trace;
    this.block = block;
    this.threads = threads;
    this.anyBatch = anyBatch;
  }

  /** Who reads the value of a node. */
  usersOf(node: LazyNode): readonly LazyNode[] {
    return this.#trace.users.get(node) ?? [];
  }

  /** Whether the value of a node is asked for from outside. */
  isRoot(node: LazyNode): boolean {
    return this.#trace.roots.includes(node);
  }

  define(node: LazyNode, value: Lowered): void {
    this.#values.set(node, value);
  }

  /** Lowers a node, unless that has happened; its inputs must have been lowered. */
  demand(node: LazyNode): void {
    if (node.lower !== null && !this.#values.has(node)) this.define(node, node.lower(this, node.inputs));
  }

  /** The value in whatever layout it has, possibly not broadcast yet. */
  value(node: LazyNode): Lowered {
    const known = this.#values.get(node);
    if (known !== undefined) return known;
    if (node.uniform === undefined)
      throw new Error(`engine onnx: ${node.signature} was used before it was lowered`);
    const shape = node.shape.map(() => 1);
    const lowered = {
      name: this.graph.fill(node.uniform, node.dtype, shape),
      layout: plainLayout(shape.length),
      shape,
    };
    this.#values.set(node, lowered);
    return lowered;
  }

  /** The name of the whole value in the layout asked for. */
  as(node: LazyNode, layout: Layout): string {
    const value = this.value(node);
    const small = convertLayout(
      this.graph,
      value.name,
      value.shape,
      value.layout,
      layout,
      node.dtype === 'float32',
    );
    if (util.arraysEqual(value.shape as number[], node.shape as number[])) return small;
    return this.graph.node('Expand', [small, this.graph.ints(physicalShape(node.shape, layout))]);
  }

  /** The name of the whole value in the order of its logical shape. */
  plain(node: LazyNode): string {
    return this.as(node, plainLayout(node.shape.length));
  }

  /** The whole value in the layout it has. */
  whole(node: LazyNode): Lowered {
    const { layout } = this.value(node);
    return { name: this.as(node, layout), layout, shape: node.shape };
  }

  /** A result in plain order. */
  result(name: string, shape: Shape): Lowered {
    return { name, layout: plainLayout(shape.length), shape };
  }

  /**
   * Lowers an operation that works element by element with broadcasting: all operands are brought to one
   * layout (that of a full-size operand that is not in plain order, if there is one), and broadcast
   * operands stay small.
   */
  elementwise(nodes: readonly LazyNode[], rank: number, emit: (names: string[]) => string): Lowered {
    return this.combine(
      nodes.map((node) => this.value(node)),
      rank,
      emit,
      nodes.map(({ dtype }) => dtype === 'float32'),
    );
  }

  /** The same for values that are lowered already; `areFloat` says which are no floats. */
  combine(
    values: readonly Lowered[],
    rank: number,
    emit: (names: string[]) => string,
    areFloat?: readonly boolean[],
  ): Lowered {
    const operands = values.map((value) => padRank(value, rank));
    const shape = operands.reduce<Shape>((total, { shape: next }) => broadcast(total, next), []);
    const layout = commonLayout(operands, shape, rank);
    const full = values.some((value) => value.shape.length === rank);
    const names = operands.map((operand, index) => {
      const short = values[index]!.shape.length < rank;
      // ONNX broadcasts lower ranks by itself, but only in plain order and to the rank of another operand.
      if (short && full && isPlain(layout) && isPlain(operand.layout)) return operand.name;
      const name = short
        ? this.graph.reshape(operand.name, physicalShape(operand.shape, operand.layout))
        : operand.name;
      const isFloat = areFloat?.[index] ?? true;
      const converted = convertLayout(this.graph, name, operand.shape, operand.layout, layout, isFloat);
      return this.#widened(converted, operand.shape, shape, layout);
    });
    return { name: emit(names), layout, shape };
  }
  /**
   * A per-channel operand against a blocked one matches in runs of one block only, which is slow. Repeated
   * along the innermost spatial axis, it matches in runs of whole rows.
   */
  #widened(name: string, own: Shape, shape: Shape, layout: Layout): string {
    const row = layout.axes.at(-2);
    if (layout.block === 1 || row === undefined || own[row] !== 1 || shape[row] === 1) return name;
    if (own[layout.axes.at(-1)!] === 1) return name;
    const wide = own.map((size, axis) => (axis === row ? shape[axis]! : size));
    return this.graph.node('Expand', [name, this.graph.ints(physicalShape(wide, layout))]);
  }
}

function commonLayout(operands: readonly Lowered[], shape: Shape, rank: number): Layout {
  let choice: Layout | undefined;
  let choiceSize = 0;
  for (const { layout, shape: own } of operands) {
    if (isPlain(layout)) continue;
    const size = util.sizeFromShape(own as number[]);
    const better = size > choiceSize || (size === choiceSize && layout.block > (choice?.block ?? 1));
    if (better && fits(shape, layout)) {
      choice = layout;
      choiceSize = size;
    }
  }
  if (choice === undefined) return plainLayout(rank);
  const largestPlain = Math.max(
    0,
    ...operands
      .filter(({ layout }) => isPlain(layout))
      .map(({ shape: own }) => util.sizeFromShape(own as number[])),
  );
  return largestPlain > choiceSize ? plainLayout(rank) : choice;
}

function fits(shape: Shape, layout: Layout): boolean {
  return physicalShape(shape, layout).every(Number.isInteger);
}

/** Adds the leading axes of size 1 that broadcasting implies. */
function padRank(value: Lowered, rank: number): Lowered {
  const missing = rank - value.shape.length;
  if (missing === 0) return value;
  return {
    name: value.name,
    layout: withLeadingAxes(value.layout, missing),
    shape: [...new Array<number>(missing).fill(1), ...value.shape],
  };
}

function broadcast(a: Shape, b: Shape): Shape {
  return b.map((size, axis) => Math.max(size, a[axis] ?? 1));
}
