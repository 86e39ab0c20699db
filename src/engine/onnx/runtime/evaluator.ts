import { EngineError } from '../../../errors/index.ts';
import { compileTrace, inputName, outputName } from '../graph/compile.ts';
import { type LazyNode, type Values, valuesOf } from '../graph/lazy-node.ts';
import { originIn } from '../graph/onnx-model.ts';
import { peakElements, type Trace, traceGraph } from '../graph/trace.ts';
import { canStay, DeviceValues } from './device-values.ts';
import { exhaustion } from './exhaustion.ts';
import type { NativeRuntime, NativeSession, NativeTensor } from './native-runtime.ts';
import { OutputBuffers } from './output-buffers.ts';
import { keepsValues, type OnnxProvider } from './provider.ts';
import { SessionCache } from './session-cache.ts';

export interface EvaluatorOptions {
  readonly threads: number;
  /** Width of blocked channels, 1 for none. */
  readonly block: number;
  readonly maxSessions: number;
  readonly maxSessionBytes: number;
  readonly provider: OnnxProvider;
  /** Where ONNX Runtime writes its profiles; one file per session, when the evaluator is disposed of. */
  readonly profilePrefix?: string | undefined;
}

/** What happened so far. Times are in milliseconds. */
export interface EvaluatorStats {
  readonly runs: number;
  readonly compiles: number;
  readonly sessions: number;
  readonly traceMs: number;
  readonly compileMs: number;
  readonly runMs: number;
  /** Values that lie on the device, and their bytes. */
  readonly deviceValues: number;
  readonly deviceBytes: number;
}

const BYTES_PER_ELEMENT = 4;

/** With fewer elements alive at once a second thread costs more than it brings. */
const SMALL_GRAPH = 1 << 13;

/** Computes pending nodes, all that are asked for in one run of ONNX Runtime. */
export class Evaluator {
  readonly #runtime: NativeRuntime;
  readonly #options: EvaluatorOptions;
  readonly #sessions: SessionCache<NativeSession>;
  readonly #profiled: NativeSession[] = [];
  readonly #buffers = new OutputBuffers();
  /** Where values stay on the device between runs. */
  readonly #device: DeviceValues | null;
  /** Leaves that came to the device once: what comes again, stays there. */
  readonly #seen = new WeakSet<LazyNode>();
  #runs = 0;
  #compiles = 0;
  #traceMs = 0;
  #compileMs = 0;
  #runMs = 0;

  constructor(runtime: NativeRuntime, options: EvaluatorOptions) {
    this.#runtime = runtime;
    this.#options = options;
    this.#sessions = new SessionCache(options.maxSessions, options.maxSessionBytes);
    this.#device = keepsValues(options.provider) ? new DeviceValues(runtime, options.provider) : null;
  }

  /**
   * Computes every node of `roots` and makes it a leaf. One that cannot be computed, and what is computed from it,
   * gets a failure; the others are computed all the same.
   *
   * @param live the values that tensors hold; with them, arrays of earlier results that nobody holds are
   *   written to again
   */
  evaluate(roots: readonly LazyNode[], live?: ReadonlySet<object>): void {
    const started = performance.now();
    const pending: LazyNode[] = [];
    for (const root of new Set(roots)) {
      root.materialize();
      if (root.isPending && root.failure === null) pending.push(root);
    }
    if (pending.length === 0) return;
    const trace = traceGraph(pending);
    if (trace.order.some(({ failure }) => failure !== null)) {
      shareFailures(trace);
      this.evaluate(
        pending.filter(({ failure }) => failure === null),
        live,
      );
      return;
    }
    const traced = performance.now();
    try {
      const known = this.#sessions.get(trace.key);
      const memory = known === undefined ? process.memoryUsage.rss() : 0;
      const session = known ?? this.#compile(trace);
      const compiled = performance.now();
      this.#run(session, trace, live);
      if (known === undefined) this.#measure(trace, process.memoryUsage.rss() - memory);
      this.#runs++;
      this.#traceMs += traced - started;
      this.#compileMs += compiled - traced;
      this.#runMs += performance.now() - compiled;
    } catch (error) {
      this.#blame(trace, error as Error);
      this.evaluate(pending, live);
    }
  }

  /**
   * Finds the operation that failed: the one that ONNX Runtime names, or the only one left. Without a name every
   * root is tried alone, so that the failure stays with those that have part in it.
   */
  #blame(trace: Trace, error: Error): void {
    const exhausted = this.#exhaustion(error, peakElements(trace));
    if (exhausted !== null) {
      for (const root of trace.roots) root.fail(exhausted);
      return;
    }
    const origin = originIn(error.message);
    const [root, ...others] = trace.roots;
    const culprit = origin === null ? root! : (trace.order[origin] ?? root!);
    if (origin !== null || others.length === 0) {
      culprit.fail(new EngineError(describe(culprit, error), { cause: error }));
      return;
    }
    for (const one of trace.roots) this.evaluate([one]);
  }

  get stats(): EvaluatorStats {
    return {
      runs: this.#runs,
      compiles: this.#compiles,
      sessions: this.#sessions.size,
      traceMs: this.#traceMs,
      compileMs: this.#compileMs,
      runMs: this.#runMs,
      deviceValues: this.#device?.count ?? 0,
      deviceBytes: this.#device?.bytes ?? 0,
    };
  }

  dispose(): void {
    for (const session of this.#profiled) session.endProfiling();
    this.#sessions.clear();
    this.#buffers.clear();
    this.#device?.clear();
  }

  /** The numbers of a computed node, brought from the device if they are there. */
  read(node: LazyNode): Values {
    if (node.values !== null) return node.values;
    try {
      node.values = this.#device!.download(node.device!, node.dtype);
      return node.values;
    } catch (error) {
      throw this.#exhaustion(error as Error, node.size) ?? error;
    }
  }

  #exhaustion(error: Error, elements: number): EngineError | null {
    const working = elements * BYTES_PER_ELEMENT;
    return exhaustion(error, this.#options.provider, { working, held: this.#device?.bytes ?? 0 });
  }

  /** Frees what a node holds on the device; nothing may need it any more. */
  drop({ device }: LazyNode): void {
    if (device !== null) this.#device?.drop(device);
  }

  #run(session: NativeSession, trace: Trace, live: ReadonlySet<object> | undefined): void {
    if (live !== undefined) {
      const inputs = new Set<object | null>(trace.leaves.flatMap(({ values, device }) => [values, device]));
      this.#buffers.release((values) => live.has(values) || inputs.has(values));
      this.#device?.release((tensor) => live.has(tensor) || inputs.has(tensor));
    }
    const feeds: Record<string, NativeTensor> = {};
    trace.leaves.forEach((leaf, index) => {
      if (this.#device !== null && leaf.device === null) {
        if (this.#seen.has(leaf)) this.#device.upload(leaf);
        else this.#seen.add(leaf);
      }
      feeds[inputName(index)] =
        (leaf.device as NativeTensor | null) ??
        this.#runtime.createTensor(leaf.dtype, leaf.values!, leaf.shape);
    });
    const fetches: Record<string, NativeTensor | null> = {};
    trace.roots.forEach(({ dtype, shape, size }, index) => {
      // Results on a device are new buffers each time.
      const array =
        this.#device !== null ? undefined : this.#buffers.take(valuesOf(dtype, 0).constructor, size);
      fetches[outputName(index)] =
        array === undefined ? null : this.#runtime.createTensor(dtype, array, shape);
    });
    const results = session.run(feeds, fetches, {});
    trace.roots.forEach((root, index) => {
      const result = results[outputName(index)]!;
      if (result.location === 'gpu-buffer') {
        root.settleOnDevice(result);
        this.#device!.add(result);
        return;
      }
      const values = result.data;
      if (values.length !== root.size) {
        throw new Error(
          `Identity_${outputName(index)}@${trace.order.indexOf(root)} gave ${values.length} values`,
        );
      }
      root.settle(values);
      if (this.#device === null) this.#buffers.add(values);
    });
    this.#buffers.forgetFree();
  }

  /**
   * Counts a program with what the process grew by in its first run, where that is more than what its values take:
   * tiles and columns within operators are in no value.
   */
  #measure(trace: Trace, grown: number): void {
    const { key, roots } = trace;
    const kept = roots.reduce((sum, { size }) => sum + size, 0) * BYTES_PER_ELEMENT;
    if (grown - kept > peakElements(trace) * BYTES_PER_ELEMENT) this.#sessions.resize(key, grown - kept);
  }

  #compile(trace: Trace): NativeSession {
    const bytes = compileTrace(trace, { ...this.#options, isDevice: this.#options.provider !== 'cpu' });
    const session = this.#runtime.createSession();
    const elements = peakElements(trace);
    const { threads, profilePrefix, provider } = this.#options;
    session.loadModel(bytes.buffer, bytes.byteOffset, bytes.byteLength, {
      executionProviders: [provider],
      ...(this.#device === null ? {} : { preferredOutputLocation: locations(trace) }),
      intraOpNumThreads: elements < SMALL_GRAPH ? 1 : threads,
      interOpNumThreads: 1,
      // The pattern is one piece of memory beside what the first run took: a third more, and no faster.
      enableMemPattern: false,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      // Errors come as exceptions; 3 would also write them to stderr.
      logSeverityLevel: 4,
      extra: { session: { force_spinning_stop: '1' } },
      ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
    });
    if (profilePrefix !== undefined) this.#profiled.push(session);
    this.#sessions.set(trace.key, session, elements * BYTES_PER_ELEMENT);
    this.#compiles++;
    return session;
  }
}

/** Where the results of a program are to lie. */
function locations({ roots }: Trace): Record<string, string> {
  return Object.fromEntries(
    roots.map(({ dtype }, index) => [outputName(index), canStay(dtype) ? 'gpu-buffer' : 'cpu']),
  );
}

/** What is computed from something that failed shares its failure. */
function shareFailures({ order }: Trace): void {
  for (const node of order) {
    const cause = node.failure ?? node.inputs.find(({ failure }) => failure !== null)?.failure;
    if (cause && node.failure === null) node.fail(cause);
  }
}

/** One line: the operation with its shapes, and what ONNX Runtime says of it. */
function describe({ kind, inputs, shape, dtype }: LazyNode, error: Error): string {
  const [line] = error.message.split('\n');
  const status = /(?:Status Message: |\) )(.*)$/.exec(line!)?.[1] ?? line!;
  const operands = inputs.map((input) => `${input.dtype}[${input.shape}]`).join(', ');
  return `engine onnx: ${kind}(${operands}) of shape ${dtype}[${shape}] failed: ${status.trim()}`;
}
