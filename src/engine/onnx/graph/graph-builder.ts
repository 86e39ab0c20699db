import {
  type Attributes,
  ONNX_TYPE,
  type OnnxInitializer,
  type OnnxModel,
  type OnnxNode,
  type OnnxType,
  type OnnxValueInfo,
} from './onnx-model.ts';

interface NodeOptions {
  readonly attributes?: Attributes;
  readonly domain?: string;
}

export interface ProductOptions {
  readonly transA?: boolean;
  readonly transB?: boolean;
  /** Of the two operands; for graphs that must write a transposition out. */
  readonly ranks: readonly [number, number];
}

/**
 * Collects the nodes of an ONNX graph. A node that equals an earlier one (same operator, inputs and
 * attributes) is not added again: the earlier output is returned. That is what lets a max pooling and its
 * gradient share one pass, and two users of a transposed tensor share the transposition.
 */
export class GraphBuilder {
  readonly #nodes: OnnxNode[] = [];
  readonly #initializers: OnnxInitializer[] = [];
  readonly #inputs: OnnxValueInfo[] = [];
  readonly #outputs: OnnxValueInfo[] = [];
  readonly #known = new Map<string, readonly string[]>();
  /** Shapes that were told. */
  readonly #shapes = new Map<string, readonly number[]>();
  /** What a reshaped value was before. */
  readonly #reshaped = new Map<string, string>();
  #count = 0;
  /** What the nodes that follow are written for, as {@link OnnxNode.origin}. */
  origin: number | undefined;

  /** Adds a node with one output and returns the output's name. */
  node(type: string, inputs: readonly string[], attributes: Attributes = {}, domain = ''): string {
    return this.nodes(type, inputs, 1, { attributes, domain })[0]!;
  }

  /** Adds a node with several outputs and returns their names. */
  nodes(
    type: string,
    inputs: readonly string[],
    outputs: number,
    options: NodeOptions = {},
  ): readonly string[] {
    const { attributes = {}, domain = '' } = options;
    const key = `${domain}/${type}(${inputs.join()})${outputs}${JSON.stringify(attributes)}`;
    let names = this.#known.get(key);
    if (names === undefined) {
      names = Array.from({ length: outputs }, () => this.#name());
      this.#known.set(key, names);
      this.#nodes.push({ type, domain, inputs, outputs: names, attributes, origin: this.origin });
    }
    return names;
  }

  /** a · b over the last two axes of operands of one rank, each of which may lie the other way round. */
  product(a: string, b: string, { transA = false, transB = false }: ProductOptions): string {
    if (!transA && !transB) return this.node('MatMul', [a, b]);
    const attributes = { transA: Number(transA), transB: Number(transB) };
    return this.node('FusedMatMul', [a, b], attributes, 'com.microsoft');
  }

  /** An int64 constant: shapes, axes, pads. */
  ints(values: readonly number[], dims: readonly number[] = [values.length]): string {
    return this.#constant('int64', dims, values, () => new BigInt64Array(values.map(BigInt)));
  }

  /** A constant of one value; its rank is that of what it will be broadcast against. */
  fill(value: number, type: OnnxType, dims: readonly number[] = []): string {
    return this.constant(type, dims, [value]);
  }

  /** What `make` adds, which is added once for its key: for constants that are long to make and to compare. */
  once(key: string, make: () => string): string {
    const known = this.#known.get(`once ${key}`);
    if (known !== undefined) return known[0]!;
    const name = make();
    this.#known.set(`once ${key}`, [name]);
    return name;
  }

  constant(type: OnnxType, dims: readonly number[], values: ArrayLike<number>): string {
    return this.#constant(type, dims, values, () => {
      switch (type) {
        case 'float32':
          return Float32Array.from(values);
        case 'float64':
          return Float64Array.from(values);
        case 'int32':
          return Int32Array.from(values);
        case 'int64':
          return BigInt64Array.from(Array.from(values, BigInt));
        case 'bool':
          return Uint8Array.from(values);
      }
    });
  }

  cast(name: string, to: OnnxType): string {
    return this.node('Cast', [name], { to: ONNX_TYPE[to] });
  }

  /** Whether a number is not 0; NaN is not. */
  truth(name: string, type: OnnxType): string {
    return this.node('Not', [this.node('Equal', [name, this.fill(0, type)])]);
  }

  /** The same numbers in another shape. A shape of a shape is one of what lies under it: every node costs its call. */
  reshape(name: string, shape: readonly number[]): string {
    const source = this.#reshaped.get(name) ?? name;
    if (this.#shapes.get(source)?.join() === shape.join()) return source;
    const result = this.node('Reshape', [source, this.ints(shape)], { allowzero: 1 });
    this.#reshaped.set(result, source);
    return result;
  }

  /** Tells the shape that a value has, so that it need not be given it again. */
  shaped(name: string, shape: readonly number[]): string {
    this.#shapes.set(name, shape);
    return name;
  }

  input(name: string, type: OnnxType, dims: readonly number[]): void {
    this.#shapes.set(name, dims);
    this.#inputs.push({ name, type, dims });
  }

  /** Makes `source` an output of the graph under the name `name`. */
  output(name: string, source: string, type: OnnxType, dims: readonly number[]): void {
    this.#nodes.push({ type: 'Identity', domain: '', inputs: [source], outputs: [name], attributes: {} });
    this.#outputs.push({ name, type, dims });
  }

  /** The graph without the nodes and constants that no output needs. */
  model(): OnnxModel {
    const needed = new Set(this.#outputs.map(({ name }) => name));
    const nodes: OnnxNode[] = [];
    for (const node of this.#nodes.toReversed()) {
      if (!node.outputs.some((name) => needed.has(name))) continue;
      nodes.push(node);
      for (const input of node.inputs) needed.add(input);
    }
    return {
      nodes: this.#withoutCopies(nodes.toReversed()),
      initializers: this.#initializers.filter(({ name }) => needed.has(name)),
      inputs: this.#inputs,
      outputs: this.#outputs,
    };
  }

  /** Gives what a node computes the name of the output that it is, in place of a copy under that name. */
  #withoutCopies(nodes: readonly OnnxNode[]): OnnxNode[] {
    const computed = new Set(nodes.flatMap(({ outputs }) => outputs));
    const names = new Map<string, string>();
    const copies = new Set<OnnxNode>();
    const outputs = new Set(this.#outputs.map(({ name }) => name));
    for (const node of nodes) {
      const [source] = node.inputs;
      const [name] = node.outputs;
      if (node.type !== 'Identity' || source === undefined || name === undefined || !outputs.has(name))
        continue;
      if (!computed.has(source) || names.has(source)) continue;
      names.set(source, name);
      copies.add(node);
    }
    const renamed = (list: readonly string[]): string[] => list.map((name) => names.get(name) ?? name);
    return nodes
      .filter((node) => !copies.has(node))
      .map((node) => ({ ...node, inputs: renamed(node.inputs), outputs: renamed(node.outputs) }));
  }

  #constant(
    type: OnnxType,
    dims: readonly number[],
    values: ArrayLike<number>,
    pack: () => { buffer: ArrayBuffer; byteOffset: number; byteLength: number },
  ): string {
    const key = `constant ${type}[${dims.join()}]${values.length <= 64 ? Array.from(values, keyOf).join() : this.#count}`;
    let names = this.#known.get(key);
    if (names === undefined) {
      names = [this.#name()];
      this.#known.set(key, names);
      const packed = pack();
      const bytes = new Uint8Array(packed.buffer, packed.byteOffset, packed.byteLength);
      this.#initializers.push({ name: names[0]!, type, dims, bytes });
    }
    return names[0]!;
  }

  #name(): string {
    return `t${this.#count++}`;
  }
}

/** -0 and 0 print alike, but are different constants. */
function keyOf(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}
