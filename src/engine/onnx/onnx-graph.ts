import * as tf from '@tensorflow/tfjs-core';
import { type TracedModel, withBatchAxis } from './graph/batch-axis.ts';
import { encodeModel, type OnnxModel, OPSET } from './graph/onnx-model.ts';
import { standardGraph } from './graph/standard-graph.ts';
import { registerOnnxBackend } from './register-onnx-backend.ts';
import { foldConstants } from './runtime/fold-constants.ts';
import { loadNativeRuntime } from './runtime/native-runtime.ts';

/** A function of tensors as an ONNX model. */
export interface OnnxGraph {
  /** Operators, with how often they occur. */
  readonly operators: ReadonlyMap<string, number>;
  readonly opset: number;
  /** The bytes of the file. */
  encode(metadata?: Readonly<Record<string, string>>): Uint8Array<ArrayBuffer>;
}

export interface TraceOptions {
  /** The one input: its name, and its shape without the batch. */
  readonly input: { readonly name: string; readonly shape: readonly number[] };
  /** Names for the constants that these tensors are. */
  readonly constants?: ReadonlyMap<string, tf.Tensor>;
}

/** Sizes that no axis of a network is likely to have by accident. */
const tracedBatches = [11, 13] as const;

/**
 * Writes down what a function does with tensors, as an ONNX model of standard operators for batches of any
 * size: the function is called on the embedded engine, where a call only makes a graph, with batches of two
 * sizes; nothing is computed.
 *
 * @param apply from the input [B,…] to outputs by name; it must not read values
 * @throws {ModelError} when what it does depends on the size of the batch
 * @throws {EngineError} when the embedded engine cannot be had here
 */
export async function traceOnnx(
  apply: (input: tf.Tensor) => Record<string, tf.Tensor>,
  { input, constants = new Map() }: TraceOptions,
): Promise<OnnxGraph> {
  const backend = registerOnnxBackend();
  const before = tf.getBackend();
  await tf.setBackend('onnx');
  try {
    const trace = (batch: number): TracedModel => {
      let model: OnnxModel | undefined;
      tf.tidy(() => {
        const shape = [batch, ...input.shape];
        const placeholder = tf.tensor(new Float32Array(tf.util.sizeFromShape(shape)), shape);
        const outputs = Object.entries(apply(placeholder));
        model = standardGraph({
          inputs: { [input.name]: backend.node(placeholder) },
          constants: new Map([...constants].map(([name, tensor]) => [backend.node(tensor), name])),
          outputs: Object.fromEntries(outputs.map(([name, tensor]) => [name, backend.node(tensor)])),
        });
      });
      return { model: model!, batch };
    };
    const [small, large] = tracedBatches;
    const general = withBatchAxis(trace(small), trace(large), input.name);
    const model = foldConstants(general, loadNativeRuntime());
    const operators = new Map<string, number>();
    for (const { type } of model.nodes) operators.set(type, (operators.get(type) ?? 0) + 1);
    return { operators, opset: OPSET, encode: (metadata = {}) => encodeModel({ ...model, metadata }) };
  } finally {
    await tf.setBackend(before);
  }
}

/** Tensors of an ONNX model on the host, by name. */
export type OnnxValues = Readonly<Record<string, { values: Float32Array; shape: readonly number[] }>>;

/** An ONNX model that is loaded. */
export interface OnnxSession {
  /**
   * @param inputs values and shape of each input
   * @param outputs names of the outputs that are wanted
   */
  run(
    inputs: OnnxValues,
    outputs: readonly string[],
  ): Record<string, { values: ArrayLike<number>; shape: readonly number[] }>;
  dispose(): void;
}

/**
 * Loads an ONNX model into ONNX Runtime.
 *
 * @throws {EngineError} when ONNX Runtime is not here; {Error} of its own for a model that it does not take
 */
export function openOnnx(model: Uint8Array): OnnxSession {
  const runtime = loadNativeRuntime();
  const session = runtime.createSession();
  session.loadModel(model.buffer as ArrayBuffer, model.byteOffset, model.byteLength, { logSeverityLevel: 3 });
  return {
    run(inputs, outputs) {
      const feeds = Object.entries(inputs).map(([name, { values, shape }]) => [
        name,
        runtime.createTensor('float32', values, shape),
      ]);
      const wanted = Object.fromEntries(outputs.map((name) => [name, null]));
      const results = session.run(Object.fromEntries(feeds), wanted, {});
      return Object.fromEntries(
        Object.entries(results).map(([name, { data, dims }]) => [name, { values: data, shape: dims }]),
      );
    },
    dispose: () => session.dispose(),
  };
}

/**
 * Runs an ONNX model once, on ONNX Runtime.
 *
 * @param inputs values and shape of each input
 * @param outputs names of the outputs that are wanted
 */
export function runOnnx(
  model: Uint8Array<ArrayBuffer>,
  inputs: OnnxValues,
  outputs: readonly string[],
): ReturnType<OnnxSession['run']> {
  const session = openOnnx(model);
  try {
    return session.run(inputs, outputs);
  } finally {
    session.dispose();
  }
}
