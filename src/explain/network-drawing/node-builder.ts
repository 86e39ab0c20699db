import { UsageError } from '../../errors/index.ts';
import type { NetworkNode } from '../../gradcam/index.ts';

/** [h, w, C], or [C]. */
export type Shape = readonly number[];

/** Extent and step of a window, and what is added around the image. */
export interface Window {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  /** `same`: ⌈n / stride⌉ places; `valid`: none is added; or so many pixels on each side. */
  readonly padding: 'same' | 'valid' | readonly [number, number];
  readonly dilation?: number | undefined;
  /** Windows that reach over the edge count, as Caffe's poolings do. */
  readonly roundUp?: boolean | undefined;
}

/** What a described layer is. */
export type Described =
  | {
      readonly op: 'Conv2D';
      readonly filters: number;
      readonly window: Window;
      readonly groups?: number;
      readonly bias?: boolean;
    }
  | {
      readonly op: 'Conv2DTranspose';
      readonly filters: number;
      readonly window: Window;
      readonly bias?: boolean;
    }
  | { readonly op: 'MaxPooling2D' | 'AveragePooling2D'; readonly window: Window }
  | { readonly op: 'GlobalAveragePooling2D' | 'GlobalMaxPooling2D' | 'Flatten' }
  | { readonly op: 'Dense'; readonly units: number; readonly bias?: boolean }
  | { readonly op: 'BatchNormalization' | 'Scale' }
  | { readonly op: 'Add' | 'Concatenate' | 'Multiply' }
  | { readonly op: 'Other'; readonly name: string };

/** Builds the list of a network's layers from descriptions, working out shapes and numbers of weights. */
export class NodeBuilder {
  readonly nodes: NetworkNode[] = [];
  readonly #shapes = new Map<string, Shape>();

  /** What a message names: the file, or the line of text. */
  readonly where: string;

  constructor(where: string) {
    this.where = where;
  }

  get last(): string {
    const node = this.nodes.at(-1);
    if (!node) throw new UsageError(`${this.where}: expected an input first, such as "input 64x64x3"`);
    return node.name;
  }

  /** @throws {UsageError} for a name that no layer before has */
  shapeOf(name: string): Shape {
    const shape = this.#shapes.get(name);
    if (shape) return shape;
    throw new UsageError(
      `${this.where}: no layer "${name}" before; there are ${[...this.#shapes.keys()].join(', ') || 'none'}`,
    );
  }

  /** A name of no other node. */
  free(name: string): string {
    if (!this.#shapes.has(name)) return name;
    let number = 2;
    while (this.#shapes.has(`${name}_${number}`)) number++;
    return `${name}_${number}`;
  }

  input(name: string, shape: Shape): void {
    this.#put({ name, op: 'InputLayer', inputs: [], shape: [null, ...shape], parameters: 0 }, shape);
  }

  /** @throws {UsageError} when a layer does not fit what it reads */
  add(name: string, layer: Described, inputs: readonly string[], activation?: string): void {
    const shapes = inputs.map((input) => this.shapeOf(input));
    const read = shapes[0]!;
    const fail = (rule: string) => {
      throw new UsageError(
        `${this.where}, layer "${name}": ${rule}, received ${shapes.map((one) => one.join('x')).join(' and ')}`,
      );
    };
    const channels = read.at(-1)!;
    let shape: Shape = read;
    let parameters = 0;
    switch (layer.op) {
      case 'Conv2D': {
        if (read.length !== 3) fail('expected an image h x w x channels');
        const { groups = 1, filters, window, bias = true } = layer;
        if (channels % groups !== 0 || filters % groups !== 0)
          fail(`expected channels and filters in ${groups} groups`);
        shape = [...extent(read, window), filters];
        parameters =
          window.kernel[0] * window.kernel[1] * (channels / groups) * filters + (bias ? filters : 0);
        break;
      }
      case 'Conv2DTranspose': {
        if (read.length !== 3) fail('expected an image h x w x channels');
        const { filters, window, bias = true } = layer;
        const pad = typeof window.padding === 'string' ? [0, 0] : window.padding;
        const size = (axis: 0 | 1) =>
          window.padding === 'same'
            ? read[axis]! * window.stride[axis]
            : window.stride[axis] * (read[axis]! - 1) + window.kernel[axis] - 2 * pad[axis]!;
        shape = [size(0), size(1), filters];
        parameters = window.kernel[0] * window.kernel[1] * channels * filters + (bias ? filters : 0);
        break;
      }
      case 'MaxPooling2D':
      case 'AveragePooling2D':
        if (read.length !== 3) fail('expected an image h x w x channels');
        shape = [...extent(read, layer.window), channels];
        break;
      case 'GlobalAveragePooling2D':
      case 'GlobalMaxPooling2D':
        shape = [channels];
        break;
      case 'Flatten':
        shape = [read.reduce((a, b) => a * b, 1)];
        break;
      case 'Dense': {
        const size = read.reduce((a, b) => a * b, 1);
        shape = [layer.units];
        parameters = size * layer.units + (layer.bias === false ? 0 : layer.units);
        break;
      }
      case 'BatchNormalization':
        parameters = 4 * channels;
        break;
      case 'Scale':
        parameters = 2 * channels;
        break;
      case 'Add':
      case 'Multiply':
        if (shapes.some((one) => one.join() !== read.join())) fail('expected one shape');
        break;
      case 'Concatenate':
        if (shapes.some((one) => one.slice(0, -1).join() !== read.slice(0, -1).join()))
          fail('expected one extent');
        shape = [...read.slice(0, -1), shapes.reduce((sum, one) => sum + one.at(-1)!, 0)];
        break;
      case 'Other':
        break;
    }
    if (shape.some((size) => !(Number.isInteger(size) && size >= 1)))
      fail('its window does not fit into the image');
    const window = 'window' in layer ? layer.window : undefined;
    this.#put(
      {
        name,
        op: layer.op === 'Other' ? layer.name : layer.op,
        inputs: [...inputs],
        shape: [null, ...shape],
        parameters,
        ...(activation !== undefined && { activation }),
        ...(window && { window: window.kernel }),
        ...(window?.stride.some((stride) => stride !== 1) && { strides: window.stride }),
      },
      shape,
    );
  }

  #put(node: NetworkNode, shape: Shape): void {
    if (this.#shapes.has(node.name))
      throw new UsageError(`${this.where}: two layers are called "${node.name}"`);
    this.nodes.push(node);
    this.#shapes.set(node.name, shape);
  }
}

function extent(
  read: Shape,
  { kernel, stride, padding, dilation = 1, roundUp = false }: Window,
): [number, number] {
  const size = (axis: 0 | 1): number => {
    if (padding === 'same') return Math.ceil(read[axis]! / stride[axis]);
    const pad = padding === 'valid' ? 0 : padding[axis];
    const places = (read[axis]! + 2 * pad - (dilation * (kernel[axis] - 1) + 1)) / stride[axis];
    if (!roundUp) return Math.floor(places) + 1;
    const all = Math.ceil(places) + 1;
    // Caffe: a last window has to begin inside the image or its left border.
    return pad > 0 && (all - 1) * stride[axis] >= read[axis]! + pad ? all - 1 : all;
  };
  return [size(0), size(1)];
}
