import { type DataType, engine, KernelBackend, type TensorInfo, util } from '@tensorflow/tfjs-core';
import { UsageError } from '../../../errors/index.ts';
import {
  type ElementType,
  type LazyNode,
  leaf,
  type Shape,
  uniform,
  type Values,
  valuesOf,
} from '../graph/lazy-node.ts';
import { reshape } from '../ops/reshape.ts';
import { Evaluator, type EvaluatorOptions, type EvaluatorStats } from './evaluator.ts';
import type { NativeRuntime } from './native-runtime.ts';

type DataId = TensorInfo['dataId'];
type BackendValues = Float32Array | Int32Array | Uint8Array | Uint8Array[];

interface Entry {
  refCount: number;
  readonly dtype: DataType;
  /** The value, or null for a dtype that the engine only stores (string, complex64). */
  readonly node: LazyNode | null;
  readonly stored: BackendValues | null;
  /** Views of the node in other shapes: tensors that share the data but not the shape. */
  readonly views: Map<string, LazyNode>;
}

/**
 * Pending nodes are evaluated by themselves when this many wait (a loop that never reads would otherwise
 * grow its graph without end): at the next assignment to a variable, where the cut falls on the same place
 * of every training step, or at the hard limit.
 */
const SOFT_LIMIT = 10_000;
const HARD_LIMIT = 40_000;
/** The same for the memory of written values that wait to be used. */
const MAX_WAITING_BYTES = 2 ** 29;

/** The TensorFlow.js backend: keeps the values, and evaluates them when one is read. */
export class OnnxBackend extends KernelBackend {
  readonly threads: number;
  readonly runtimeVersion: string;
  /** Whether another device than the processor computes. */
  readonly isDevice: boolean;
  readonly #evaluator: Evaluator;
  readonly #entries = new Map<DataId, Entry>();
  #pendingNodes = 0;
  #waitingBytes = 0;
  #inKernel = 0;

  constructor(runtime: NativeRuntime, options: EvaluatorOptions) {
    super();
    this.threads = options.threads;
    this.runtimeVersion = runtime.version;
    this.isDevice = options.provider !== 'cpu';
    this.#evaluator = new Evaluator(runtime, options);
  }

  /** Counters of the evaluator: runs, compiled and cached sessions, and where the time went. */
  get stats(): EvaluatorStats {
    return this.#evaluator.stats;
  }

  // ---- kernels

  /** The node of a tensor, in the tensor's shape. */
  node(tensor: TensorInfo): LazyNode {
    const entry = this.#entry(tensor.dataId);
    const { node } = entry;
    if (node === null) throw new UsageError(`engine onnx: a ${entry.dtype} tensor cannot be computed with`);
    if (util.arraysEqual(node.shape as number[], tensor.shape)) return node;
    const key = tensor.shape.join();
    let view = entry.views.get(key);
    if (view === undefined) {
      view = reshape(node, tensor.shape);
      entry.views.set(key, view);
    }
    return view;
  }

  /** A new tensor whose value is `node`. */
  tensor(node: LazyNode): TensorInfo {
    const dataId = {};
    this.#entries.set(dataId, { refCount: 1, dtype: node.dtype, node, stored: null, views: new Map() });
    if (node.isPending) {
      this.#pendingNodes++;
      if (this.#pendingNodes > HARD_LIMIT) this.flush();
    }
    return { dataId, shape: node.shape as number[], dtype: node.dtype };
  }

  /** The same data in another shape. */
  share(tensor: TensorInfo, shape: number[]): TensorInfo {
    this.#entry(tensor.dataId).refCount++;
    return { dataId: tensor.dataId, shape, dtype: tensor.dtype };
  }

  /** Runs a kernel; an `incRef` outside of one is a variable taking a value. */
  inKernel<T>(run: () => T): T {
    this.#inKernel++;
    try {
      return run();
    } finally {
      this.#inKernel--;
    }
  }

  /**
   * Computes every pending value that a tensor still refers to, in one run. What cannot be computed says so when it
   * is read.
   */
  flush(): void {
    const pending: LazyNode[] = [];
    const live = new Set<object>();
    for (const { node } of this.#entries.values()) {
      if (node?.isPending && node.failure === null) pending.push(node);
      if (node?.values) live.add(node.values);
      if (node?.device) live.add(node.device);
    }
    this.#evaluator.evaluate(pending, live);
    for (const entry of this.#entries.values()) entry.views.clear();
    this.#pendingNodes = 0;
    this.#waitingBytes = 0;
  }

  // ---- KernelBackend

  override write(values: BackendValues, shape: number[], dtype: DataType): DataId {
    const dataId = {};
    const ones = isOnes(values) ? uniform(1, shape, 'float32') : null;
    if (ones === null) this.#store(dataId, copyOf(values), shape, dtype, 1);
    else this.#entries.set(dataId, { refCount: 1, dtype, node: ones, stored: null, views: new Map() });
    return dataId;
  }

  override move(
    dataId: DataId,
    values: BackendValues,
    shape: number[],
    dtype: DataType,
    refCount: number,
  ): void {
    this.#store(dataId, values, shape, dtype, refCount);
  }

  override async read(dataId: DataId): Promise<BackendValues> {
    return this.readSync(dataId);
  }

  override readSync(dataId: DataId): BackendValues {
    return copyOf(this.values(dataId));
  }

  /**
   * The values themselves, not a copy: not to be written to, nor kept.
   *
   * @throws {EngineError} when the operation behind them, or one before, failed
   */
  values(dataId: DataId): BackendValues {
    const { node, stored } = this.#entry(dataId);
    if (node === null) return stored!;
    if (node.isPending) this.flush();
    else if (!node.isLeaf) this.#evaluator.evaluate([node]);
    if (node.failure !== null) throw node.failure;
    return this.#evaluator.read(node);
  }

  override refCount(dataId: DataId): number {
    return this.#entries.get(dataId)?.refCount ?? 0;
  }

  override incRef(dataId: DataId): void {
    const entry = this.#entry(dataId);
    entry.refCount++;
    if (this.#inKernel > 0) return;
    // A variable's first value is a leaf like its later ones, so that the first step is compiled as the others.
    entry.node?.materialize();
    if (this.#pendingNodes > SOFT_LIMIT) this.flush();
  }

  decRef(dataId: DataId): void {
    const entry = this.#entries.get(dataId);
    if (entry !== undefined) entry.refCount--;
  }

  override disposeData(dataId: DataId, force = false): boolean {
    const entry = this.#entries.get(dataId);
    if (entry === undefined) return true;
    entry.refCount--;
    if (!force && entry.refCount > 0) return false;
    this.#entries.delete(dataId);
    this.#freeOnDevice(entry);
    return true;
  }

  /** What waits to be computed may need a value that no tensor has any more: then it goes with the next run. */
  #freeOnDevice({ node }: Entry): void {
    if (node === null || node.device === null || this.#pendingNodes > 0) return;
    for (const other of this.#entries.values()) if (other.node === node) return;
    this.#evaluator.drop(node);
  }

  override numDataIds(): number {
    return this.#entries.size;
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: false };
  }

  override async time(run: () => void): Promise<{ kernelMs: number }> {
    this.flush();
    const started = performance.now();
    run();
    this.flush();
    return { kernelMs: performance.now() - started };
  }

  override floatPrecision(): 16 | 32 {
    return 32;
  }

  override dispose(): void {
    this.#entries.clear();
    this.#evaluator.dispose();
  }

  #entry(dataId: DataId): Entry {
    const known = this.#entries.get(dataId);
    if (known !== undefined) return known;
    // Another backend owns it: the engine moves it here (and calls `move`).
    engine().moveData(this, dataId);
    return this.#entries.get(dataId)!;
  }

  #store(dataId: DataId, values: BackendValues, shape: Shape, dtype: DataType, refCount: number): void {
    const views = new Map<string, LazyNode>();
    if (!isComputed(dtype)) {
      this.#entries.set(dataId, { refCount, dtype, node: null, stored: values, views });
      return;
    }
    const typed = asValues(values as Values, dtype);
    this.#entries.set(dataId, { refCount, dtype, node: leaf(typed, shape, dtype), stored: null, views });
    this.#waitingBytes += typed.byteLength;
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.flush();
  }
}

export function isComputed(dtype: DataType): dtype is ElementType {
  return dtype === 'float32' || dtype === 'int32' || dtype === 'bool';
}

const MANY = 4096;

/**
 * TensorFlow.js writes out whole tensors of ones (`tf.ones`). As a constant they cost nothing.
 */
function isOnes(values: BackendValues): boolean {
  if (!(values instanceof Float32Array) || values.length < MANY) return false;
  for (let i = 0; i < values.length; i++) if (values[i] !== 1) return false;
  return true;
}

function copyOf(values: BackendValues): BackendValues {
  return values.slice();
}

/** Values in the array type of their dtype; TensorFlow.js also hands over plain arrays. */
function asValues(values: ArrayLike<number>, dtype: ElementType): Values {
  const target = valuesOf(dtype, 0);
  if (values.constructor === target.constructor) return values as Values;
  const typed = valuesOf(dtype, values.length);
  typed.set(values);
  return typed;
}
