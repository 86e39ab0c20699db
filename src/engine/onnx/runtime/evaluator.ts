import { compileTrace, inputName, outputName } from '../graph/compile.ts';
import { type LazyNode, type Values, valuesOf } from '../graph/lazy-node.ts';
import { peakElements, type Trace, traceGraph } from '../graph/trace.ts';
import type { NativeRuntime, NativeSession, NativeTensor } from './native-runtime.ts';
import { OutputBuffers } from './output-buffers.ts';
import { SessionCache } from './session-cache.ts';

export interface EvaluatorOptions {
  readonly threads: number;
  /** Width of blocked channels, 1 for none. */
  readonly block: number;
  readonly maxSessions: number;
  readonly maxSessionBytes: number;
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
  #runs = 0;
  #compiles = 0;
  #traceMs = 0;
  #compileMs = 0;
  #runMs = 0;

  constructor(runtime: NativeRuntime, options: EvaluatorOptions) {
    this.#runtime = runtime;
    this.#options = options;
    this.#sessions = new SessionCache(options.maxSessions, options.maxSessionBytes);
  }

  /**
   * Computes every node of `roots` and makes it a leaf.
   *
   * @param live the values that tensors hold; with them, arrays of earlier results that nobody holds are
   *   written to again
   */
  evaluate(roots: readonly LazyNode[], live?: ReadonlySet<Values>): void {
    const started = performance.now();
    const pending: LazyNode[] = [];
    for (const root of new Set(roots)) {
      root.materialize();
      if (root.isPending) pending.push(root);
    }
    if (pending.length === 0) return;
    const trace = traceGraph(pending);
    const traced = performance.now();
    const session = this.#sessions.get(trace.key) ?? this.#compile(trace);
    const compiled = performance.now();
    this.#run(session, trace, live);
    this.#runs++;
    this.#traceMs += traced - started;
    this.#compileMs += compiled - traced;
    this.#runMs += performance.now() - compiled;
  }

  get stats(): EvaluatorStats {
    return {
      runs: this.#runs,
      compiles: this.#compiles,
      sessions: this.#sessions.size,
      traceMs: this.#traceMs,
      compileMs: this.#compileMs,
      runMs: this.#runMs,
    };
  }

  dispose(): void {
    for (const session of this.#profiled) session.endProfiling();
    this.#sessions.clear();
    this.#buffers.clear();
  }

  #run(session: NativeSession, trace: Trace, live: ReadonlySet<Values> | undefined): void {
    if (live !== undefined) {
      const inputs = new Set(trace.leaves.map(({ values }) => values));
      this.#buffers.release((values) => live.has(values) || inputs.has(values));
    }
    const feeds: Record<string, NativeTensor> = {};
    trace.leaves.forEach((leaf, index) => {
      feeds[inputName(index)] = this.#runtime.createTensor(leaf.dtype, leaf.values!, leaf.shape);
    });
    const fetches: Record<string, NativeTensor | null> = {};
    trace.roots.forEach(({ dtype, shape, size }, index) => {
      const array = this.#buffers.take(valuesOf(dtype, 0).constructor, size);
      fetches[outputName(index)] =
        array === undefined ? null : this.#runtime.createTensor(dtype, array, shape);
    });
    const results = session.run(feeds, fetches, {});
    trace.roots.forEach((root, index) => {
      const values = results[outputName(index)]!.data;
      root.settle(values);
      this.#buffers.add(values);
    });
    this.#buffers.forgetFree();
  }

  #compile(trace: Trace): NativeSession {
    const bytes = compileTrace(trace, this.#options.block, this.#options.threads);
    const session = this.#runtime.createSession();
    const elements = peakElements(trace);
    const { threads, profilePrefix } = this.#options;
    session.loadModel(bytes.buffer, bytes.byteOffset, bytes.byteLength, {
      executionProviders: ['cpu'],
      intraOpNumThreads: elements < SMALL_GRAPH ? 1 : threads,
      interOpNumThreads: 1,
      // The pattern is one piece of memory beside what the first run took: a third more, and no faster.
      enableMemPattern: false,
      executionMode: 'sequential',
      graphOptimizationLevel: 'all',
      logSeverityLevel: 3,
      extra: { session: { force_spinning_stop: '1' } },
      ...(profilePrefix === undefined ? {} : { enableProfiling: true, profileFilePrefix: profilePrefix }),
    });
    if (profilePrefix !== undefined) this.#profiled.push(session);
    this.#sessions.set(trace.key, session, elements * BYTES_PER_ELEMENT);
    this.#compiles++;
    return session;
  }
}
