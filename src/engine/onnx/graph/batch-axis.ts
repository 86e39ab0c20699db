import { ModelError } from '../../../errors/index.ts';
import type { OnnxInitializer, OnnxModel, OnnxNode, OnnxValueInfo } from './onnx-model.ts';

/** A model that was traced with a batch of `batch` images. */
export interface TracedModel {
  readonly model: OnnxModel;
  readonly batch: number;
}

/**
 * Makes one model for batches of any size out of two that were traced with different sizes.
 *
 * The two have the same nodes; what differs are numbers that follow from the batch: shapes, ends of slices.
 * Each is a + b · batch, so that two traces determine a and b. In the result, a reshape that depends on the
 * batch in one place takes what is left (-1); elsewhere the number is computed from the shape of the input.
 *
 * @param input name of the input whose first axis is the batch
 * @throws {ModelError} when the traces are not of one structure, or a constant depends on the batch otherwise
 */
export function withBatchAxis(first: TracedModel, second: TracedModel, input: string): OnnxModel {
  return new Generalization(first, second, input).result();
}

class Generalization {
  readonly #first: TracedModel;
  readonly #second: TracedModel;
  readonly #input: string;
  /** Constants of each model by name. */
  readonly #constants: readonly ReadonlyMap<string, OnnxInitializer>[];
  /** Name of a value of the second model, by that of the first. */
  readonly #twins = new Map<string, string>();
  readonly #nodes: OnnxNode[] = [];
  readonly #initializers = new Map<string, OnnxInitializer>();
  /** Replacements of constants that were seen before, by the two names. */
  readonly #known = new Map<string, string>();
  #batchSize: string | undefined;
  #count = 0;

  constructor(first: TracedModel, second: TracedModel, input: string) {
    this.#first = first;
    this.#second = second;
    this.#input = input;
    this.#constants = [first, second].map(
      ({ model }) => new Map(model.initializers.map((constant) => [constant.name, constant])),
    );
  }

  result(): OnnxModel {
    const [a, b] = [this.#first.model, this.#second.model];
    if (a.nodes.length !== b.nodes.length) throw differing('another number of nodes');
    for (const { name } of a.inputs) this.#twins.set(name, name);
    a.nodes.forEach((node, i) => {
      this.#node(node, b.nodes[i]!);
    });
    return {
      nodes: this.#nodes,
      initializers: [...this.#initializers.values()],
      inputs: a.inputs.map((info, i) => this.#info(info, b.inputs[i]!)),
      outputs: a.outputs.map((info, i) => this.#info(info as OnnxValueInfo, b.outputs[i] as OnnxValueInfo)),
    };
  }

  #node(a: OnnxNode, b: OnnxNode): void {
    const same = a.type === b.type && JSON.stringify(a.attributes) === JSON.stringify(b.attributes);
    if (!same || a.inputs.length !== b.inputs.length) throw differing(`${a.type} against ${b.type}`);
    a.outputs.forEach((output, i) => {
      this.#twins.set(output, b.outputs[i]!);
    });
    const inputs = a.inputs.map((name, i) =>
      this.#operand(name, b.inputs[i]!, a.type === 'Reshape' && i === 1),
    );
    // Only a shape that holds a 0 needs it, and there is none.
    const { allowzero: _, ...attributes } = a.attributes;
    this.#nodes.push({ ...a, inputs, attributes });
  }

  #operand(a: string, b: string, isReshape: boolean): string {
    const [first, second] = [this.#constants[0]!.get(a), this.#constants[1]!.get(b)];
    if (first === undefined || second === undefined) {
      if (first === second && this.#twins.get(a) === b) return a;
      throw differing('other wiring');
    }
    if (sameConstant(first, second)) {
      this.#initializers.set(a, first);
      return a;
    }
    const key = `${a}/${b}/${isReshape}`;
    const name = this.#known.get(key) ?? this.#general(first, second, isReshape);
    this.#known.set(key, name);
    return name;
  }

  /** A constant that differs between the two traces, as a function of the batch. */
  #general(first: OnnxInitializer, second: OnnxInitializer, isReshape: boolean): string {
    const value = uniformValue(first, second);
    if (value !== null) {
      const shape = this.#integers(first.dims, second.dims);
      const scalar = this.#constant({ ...first, dims: [], bytes: value });
      return this.#add('Expand', [scalar, shape]);
    }
    if (first.type !== 'int64' || first.dims.length !== 1 || first.dims[0] !== second.dims[0]) {
      throw differing(`a constant [${first.dims}] against [${second.dims}]`);
    }
    const [from, to] = [integersOf(first), integersOf(second)];
    const changed = from.filter((number, i) => number !== to[i]).length;
    if (isReshape && changed === 1 && !from.includes(-1)) {
      return this.#ints(from.map((number, i) => (number === to[i] ? number : -1)));
    }
    return this.#integers(from, to);
  }

  /** a + b · batch, number by number. */
  #integers(from: readonly number[], to: readonly number[]): string {
    if (from.length !== to.length) throw differing(`a shape [${from}] against [${to}]`);
    const steps = from.map((number, i) => (to[i]! - number) / (this.#second.batch - this.#first.batch));
    const offsets = from.map((number, i) => number - steps[i]! * this.#first.batch);
    if (!steps.every(Number.isInteger)) throw differing(`numbers [${from}] against [${to}]`);
    this.#batchSize ??= this.#add('Shape', [this.#input], { start: 0, end: 1 });
    const scaled = this.#add('Mul', [this.#batchSize, this.#ints(steps)]);
    return offsets.every((offset) => offset === 0) ? scaled : this.#add('Add', [scaled, this.#ints(offsets)]);
  }

  #add(type: string, inputs: readonly string[], attributes: OnnxNode['attributes'] = {}): string {
    const name = this.#name();
    this.#nodes.push({ type, domain: '', inputs, outputs: [name], attributes });
    return name;
  }

  #ints(values: readonly number[]): string {
    const bytes = new Uint8Array(new BigInt64Array(values.map(BigInt)).buffer);
    return this.#constant({ type: 'int64', dims: [values.length], bytes });
  }

  #constant(constant: Omit<OnnxInitializer, 'name'>): string {
    const name = this.#name();
    this.#initializers.set(name, { ...constant, name });
    return name;
  }

  #name(): string {
    return `batch_${this.#count++}`;
  }

  #info(a: OnnxValueInfo, b: OnnxValueInfo): OnnxValueInfo {
    return { ...a, dims: a.dims.map((size, axis) => (size === b.dims[axis] ? size : 'batch')) };
  }
}

function sameConstant(a: OnnxInitializer, b: OnnxInitializer): boolean {
  return a.type === b.type && a.dims.join() === b.dims.join() && Buffer.compare(a.bytes, b.bytes) === 0;
}

/** The bytes of the one value that all elements of both have, or null. */
function uniformValue(a: OnnxInitializer, b: OnnxInitializer): Uint8Array | null {
  if (a.type !== b.type || a.dims.join() === b.dims.join()) return null;
  const size = a.bytes.length / a.dims.reduce((product, dim) => product * dim, 1);
  const value = a.bytes.subarray(0, size);
  const isUniform = ({ bytes }: OnnxInitializer) => bytes.every((byte, i) => byte === value[i % size]);
  return isUniform(a) && isUniform(b) ? value : null;
}

function integersOf({ bytes }: OnnxInitializer): number[] {
  return Array.from(new BigInt64Array(bytes.slice().buffer), Number);
}

function differing(what: string): ModelError {
  return new ModelError(`the model does not do the same for batches of every size: ${what}`);
}
