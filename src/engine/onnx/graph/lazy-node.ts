import { util } from '@tensorflow/tfjs-core';
import { UsageError } from '../../../errors/index.ts';
import type { Lowered, Lowering } from './lowering.ts';

/** The element types that the engine computes with. */
export type ElementType = 'float32' | 'int32' | 'bool';
export type Values = Float32Array | Int32Array | Uint8Array;
export type Shape = readonly number[];

/** A value that lies on the device that computes. */
export interface DeviceTensor {
  readonly type: string;
  readonly dims: readonly number[];
  /** Frees it there. */
  dispose?(): void;
}

/** Writes the ONNX nodes of one operation; `inputs` are the operation's inputs. */
export type Lower = (lowering: Lowering, inputs: readonly LazyNode[]) => Lowered;

/**
 * A value of the graph. It is one of three:
 * - a leaf: `values` holds the numbers,
 * - uniform: every element is `uniform` (zeros, ones, fill); needs no memory,
 * - pending: `lower` says how to compute it from `inputs`.
 * Evaluation turns a pending node into a leaf and lets go of its inputs.
 */
export class LazyNode {
  readonly kind: string;
  readonly shape: Shape;
  readonly dtype: ElementType;
  readonly uniform: number | undefined;
  /** Everything that decides what `lower` writes, except the inputs. Part of the key of the session cache. */
  readonly signature: string;
  inputs: readonly LazyNode[];
  lower: Lower | null;
  values: Values | null;
  /** The value on the device that computes, where there is one; the numbers in `values` may be missing then. */
  device: DeviceTensor | null = null;
  /** Why it cannot be computed: it was tried. */
  failure: Error | null = null;

  constructor(fields: {
    kind: string;
    key?: string | undefined;
    shape: Shape;
    dtype: ElementType;
    inputs?: readonly LazyNode[];
    lower?: Lower;
    values?: Values;
    uniform?: number;
  }) {
    this.kind = fields.kind;
    this.shape = fields.shape;
    this.dtype = fields.dtype;
    this.inputs = fields.inputs ?? [];
    this.lower = fields.lower ?? null;
    this.values = fields.values ?? null;
    this.uniform = fields.uniform;
    this.signature = `${fields.kind}${fields.key === undefined ? '' : `{${fields.key}}`}${fields.dtype}[${fields.shape.join()}]`;
  }

  /** Whether the value is there, here or on a device. */
  get isLeaf(): boolean {
    return this.values !== null || this.device !== null;
  }

  get isPending(): boolean {
    return this.lower !== null;
  }

  get size(): number {
    return util.sizeFromShape(this.shape as number[]);
  }

  /** Writes a uniform value out: from now on the node is a leaf. */
  materialize(): void {
    if (this.uniform === undefined || this.isLeaf) return;
    this.settle(valuesOf(this.dtype, this.size).fill(this.uniform));
  }

  /** Says that the node cannot be computed, and lets go of the graph behind it. */
  fail(failure: Error): void {
    this.failure = failure;
    this.inputs = [];
  }

  /** Makes the node a leaf and lets go of the graph behind it. */
  settle(values: Values): void {
    this.values = values;
    this.inputs = [];
    this.lower = null;
  }

  /** The same, with the value on the device. */
  settleOnDevice(device: DeviceTensor): void {
    this.device = device;
    this.inputs = [];
    this.lower = null;
  }
}

export function leaf(values: Values, shape: Shape, dtype: ElementType): LazyNode {
  return new LazyNode({ kind: 'Leaf', shape, dtype, values });
}

export function uniform(value: number, shape: Shape, dtype: ElementType): LazyNode {
  const key = Object.is(value, -0) ? '-0' : String(value);
  return new LazyNode({ kind: 'Uniform', key, shape, dtype, uniform: value });
}

/** A scalar whose value may change from step to step: an input of the graph, never part of its structure. */
export function scalar(value: number, dtype: ElementType): LazyNode {
  return leaf(valuesOf(dtype, 1).fill(value), [], dtype);
}

interface OperationFields {
  readonly kind: string;
  /** Attributes that the structure depends on. */
  readonly key?: string | undefined;
  readonly inputs: readonly LazyNode[];
  readonly shape: Shape;
  readonly dtype: ElementType;
  readonly lower: Lower;
}

/**
 * A pending operation. A result without elements is a leaf at once: ONNX Runtime need not see it.
 *
 * @throws {UsageError} for a shape that cannot be: ONNX Runtime ends the process on some of them
 */
export function operation(fields: OperationFields): LazyNode {
  if (!fields.shape.every((size) => Number.isInteger(size) && size >= 0)) {
    throw new UsageError(`engine onnx: ${fields.kind} would have the shape [${fields.shape}]`);
  }
  if (fields.shape.includes(0)) return leaf(valuesOf(fields.dtype, 0), fields.shape, fields.dtype);
  return new LazyNode(fields);
}

export function valuesOf(dtype: ElementType, size: number): Values {
  switch (dtype) {
    case 'float32':
      return new Float32Array(size);
    case 'int32':
      return new Int32Array(size);
    case 'bool':
      return new Uint8Array(size);
  }
}
