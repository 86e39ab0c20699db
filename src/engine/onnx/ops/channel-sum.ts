import { util } from '@tensorflow/tfjs-core';
import { blockedAxis, type Layout, NCHWC, physicalShape, sameLayout } from '../graph/layout.ts';
import type { LazyNode, Shape } from '../graph/lazy-node.ts';
import type { Epilogue, Lowered, Lowering } from '../graph/lowering.ts';
import type { Attributes } from '../graph/onnx-model.ts';
import { emitRelu, fusedRelu } from './relu.ts';

/** A value, times one number per channel; no scale is a scale of 1. Names of the ONNX graph. */
interface Term {
  readonly base: string;
  readonly scale: string | null;
}

/** More terms than this are written out: others may read the sum too. */
const MOST_TERMS = 4;

/**
 * Σ scaleᵢ · baseᵢ + shift, with one number per channel in every scale and in the shift, that is not written
 * out until someone needs it. Batch normalisation, its gradient and residual sums are such expressions: sums
 * and products with numbers per channel change the small numbers only, and what is written in the end takes
 * one pass over each base, whatever it was composed of.
 *
 * A pass is a depthwise 1 x 1 convolution in blocks: it has a scale, a bias, another value to be added and a
 * relu at its end, all in the time of one product.
 */
export class ChannelSum implements Lowered {
  readonly layout: Layout;
  readonly shape: Shape;
  readonly terms: readonly Term[];
  readonly shift: string | null;
  readonly #lowering: Lowering;

  constructor(lowering: Lowering, like: Lowered, terms: readonly Term[], shift: string | null) {
    this.#lowering = lowering;
    this.layout = like.layout;
    this.shape = like.shape;
    this.terms = terms;
    this.shift = shift;
  }

  /** Writes the sum out, once. */
  get name(): string {
    const { written } = this.#lowering;
    const known = written.get(this.#key);
    if (known !== undefined) return known;
    const name = this.#write();
    written.set(this.#key, name);
    return name;
  }

  get isWritten(): boolean {
    return this.#lowering.written.has(this.#key);
  }

  /** With a relu the sum ends in it. A sum that is written out anyway is read again instead. */
  readonly withEpilogue = ({ bias, ceiling, relu }: Epilogue): Lowered => {
    if (bias !== undefined) throw new Error('engine onnx: a bias belongs to the shift of a sum');
    if (!relu) return this;
    const { layout, shape } = this;
    const name = this.isWritten
      ? emitRelu(this.#lowering.graph, this.name, ceiling)
      : this.#write(fusedRelu(ceiling));
    return { name, layout, shape };
  };

  get #key(): string {
    return `${this.terms.map(({ base, scale }) => `${base}*${scale}`).join('+')}+${this.shift}`;
  }

  #write(activation: Attributes | null = null): string {
    const { graph } = this.#lowering;
    const physical = physicalShape(this.shape, this.layout);
    const [batch, outer, height, width, block] = physical as [number, number, number, number, number];
    const channels = outer * block;
    const image = [batch, channels, height, width];
    const plain = this.terms.filter(({ scale }) => scale === null);
    const scaled = this.terms.filter(({ scale }) => scale !== null);
    const ordered = [...plain, ...scaled];
    const ends = activation !== null || this.shift !== null;
    // The first term is what the others are added to, if it needs no pass of its own.
    const start = plain.length > 0 && (ordered.length > 1 || !ends) ? ordered.shift()! : null;
    let sum = start === null ? null : graph.reshape(start.base, image);
    ordered.forEach(({ base, scale }, index) => {
      const isLast = index === ordered.length - 1;
      const input = graph.reshape(base, image);
      if (scale === null && sum !== null && !(isLast && ends)) {
        sum = graph.shaped(graph.node('Add', [sum, input]), image);
        return;
      }
      const weights = graph.reshape(this.#perChannel(scale, channels), [channels, 1, 1, 1]);
      const bias = isLast && this.shift !== null ? this.#perChannel(this.shift, channels) : '';
      const operands = [
        input,
        weights,
        ...(bias !== '' || sum !== null ? [bias] : []),
        ...(sum ? [sum] : []),
      ];
      const attributes = { kernel_shape: [1, 1], group: channels };
      sum = graph.node('Conv', operands, isLast ? { ...attributes, ...activation } : attributes, NCHWC);
      graph.shaped(sum, image);
    });
    return graph.reshape(sum!, physical);
  }

  #perChannel(name: string | null, channels: number): string {
    const { graph } = this.#lowering;
    if (name === null) return graph.constant('float32', [channels], new Float32Array(channels).fill(1));
    return graph.node('Expand', [name, graph.ints([channels])]);
  }
}

/** The product of images in blocks, not written out before someone needs it: often only its sum is asked for. */
export function productOfImages(
  factors: readonly Lowered[],
  shape: Shape,
  write: () => string,
): Lowered | null {
  const [first] = factors as [Lowered];
  if (!factors.every((factor) => isBlockedImage(factor, shape) && sameLayout(factor.layout, first.layout)))
    return null;
  let name: string | null = null;
  return {
    layout: first.layout,
    shape,
    get name() {
      name ??= write();
      return name;
    },
  };
}

/** The blocked layout of images with 2-D positions, in which sums are kept. */
function isBlockedImage({ layout, shape }: Omit<Lowered, 'name'>, full: Shape): boolean {
  if (layout.block === 1 || layout.axes.length !== 5 || layout.axes[1] !== layout.axes[4]) return false;
  return util.arraysEqual(shape as number[], full as number[]);
}

/** A value with one number per channel (or one for all) as a tensor of rank 1, or null. */
function channelVector(l: Lowering, { name, shape }: Lowered, rank: number, channels: number): string | null {
  const axis = channels - (rank - shape.length);
  if (shape.some((size, i) => size !== 1 && i !== axis)) return null;
  return l.graph.reshape(name, [util.sizeFromShape(shape as number[])]);
}

/** The parts of a value; a sum of several terms that others read too is written out first. */
function partsOf(value: Lowered, shared: boolean): { terms: readonly Term[]; shift: string | null } {
  const isOpen = value instanceof ChannelSum && !value.isWritten;
  if (isOpen && value.terms.length <= (shared ? 1 : MOST_TERMS)) return value;
  return { terms: [{ base: value.name, scale: null }], shift: null };
}

function isShared(l: Lowering, node: LazyNode): boolean {
  return l.usersOf(node).length > 1 || l.isRoot(node);
}

/** a + b or a − b as a sum that is not written out, where one of the two is an image in blocks. */
export function channelSum(
  l: Lowering,
  nodes: readonly LazyNode[],
  shape: Shape,
  type: 'Add' | 'Sub',
): ChannelSum | null {
  const values = nodes.map((node) => l.value(node));
  const like = values.find((value) => isBlockedImage(value, shape));
  if (like === undefined) return null;
  const { graph } = l;
  const rank = shape.length;
  const channels = blockedAxis(like.layout);
  const terms: Term[] = [];
  const shifts: string[] = [];
  for (const [index, value] of values.entries()) {
    const negative = type === 'Sub' && index === 1;
    const signed = (name: string): string => (negative ? graph.node('Neg', [name]) : name);
    if (isBlockedImage(value, shape) && sameLayout(value.layout, like.layout)) {
      const parts = partsOf(value, isShared(l, nodes[index]!));
      for (const { base, scale } of parts.terms) {
        const own = scale ?? (negative ? graph.fill(1, 'float32', [1]) : null);
        addTerm(l, terms, { base, scale: own === null ? null : signed(own) });
      }
      if (parts.shift !== null) shifts.push(signed(parts.shift));
    } else {
      const vector = channelVector(l, value, rank, channels);
      if (vector === null) return null;
      shifts.push(signed(vector));
    }
  }
  if (terms.length > MOST_TERMS) return null;
  const shift = shifts.length === 2 ? graph.node('Add', shifts) : (shifts[0] ?? null);
  return new ChannelSum(l, like, terms, shift);
}

/** Two terms of the same base are one. */
function addTerm(l: Lowering, terms: Term[], term: Term): void {
  const same = terms.findIndex(({ base }) => base === term.base);
  if (same < 0) {
    terms.push(term);
    return;
  }
  const one = l.graph.fill(1, 'float32', [1]);
  const scale = l.graph.node('Add', [terms[same]!.scale ?? one, term.scale ?? one]);
  terms[same] = { base: term.base, scale };
}

/** value · factor with one factor per channel, not written out. */
export function scaledChannels(
  l: Lowering,
  value: Lowered,
  factor: Lowered,
  shape: Shape,
  shared: boolean,
): ChannelSum | null {
  if (!isBlockedImage(value, shape)) return null;
  const vector = channelVector(l, factor, shape.length, blockedAxis(value.layout));
  if (vector === null) return null;
  const times = (name: string | null): string =>
    name === null ? vector : l.graph.node('Mul', [name, vector]);
  const { terms, shift } = partsOf(value, shared);
  return new ChannelSum(
    l,
    value,
    terms.map(({ base, scale }) => ({ base, scale: times(scale) })),
    shift === null ? null : times(shift),
  );
}

/** Whether a reduction leaves the channels of an image in blocks, and nothing else. */
export function leavesChannels(
  { layout, shape }: Omit<Lowered, 'name'>,
  axes: readonly number[],
  full: Shape,
): boolean {
  if (!isBlockedImage({ layout, shape }, full)) return false;
  return axes.length === full.length - 1 && !axes.includes(blockedAxis(layout));
}

/**
 * Per channel the sum of x · y over batch and positions, [C], in one pass that writes nothing: as a
 * convolution in which every channel of every image of x has that of y as its filter.
 */
export function channelProducts(l: Lowering, x: Lowered, y: Lowered): string {
  const { graph } = l;
  const [batch, outer, height, width, block] = physicalShape(x.shape, x.layout) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const planes = batch * outer * block;
  const products = graph.node(
    'Conv',
    [graph.reshape(x.name, [1, planes, height, width]), graph.reshape(y.name, [planes, 1, height, width])],
    { kernel_shape: [height, width], group: planes },
    NCHWC,
  );
  const perImage = graph.reshape(products, [batch, outer * block]);
  return graph.node('ReduceSum', [perImage, graph.ints([0])], { keepdims: 0 });
}
