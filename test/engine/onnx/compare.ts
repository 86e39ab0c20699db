import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-layers'; // registers the gradients
import type { ExecutionContext } from 'ava';
import { type OnnxProvider, registerOnnxBackend } from '../../../src/engine/onnx/index.ts';

/** `ONNX_PROVIDER=webgpu npx ava test/engine/onnx/network.test.ts`: the same on another provider. */
const provider = (process.env.ONNX_PROVIDER || 'cpu') as OnnxProvider;

export const backend = registerOnnxBackend({ threads: 2, provider });

/** The operands of a case, as shapes (random normal values) or as literal tensors. */
export type Operand =
  | number[]
  | {
      shape: number[];
      values?: number[];
      dtype?: 'float32' | 'int32' | 'bool';
      scale?: number;
      shift?: number;
    };

export interface Case {
  readonly name: string;
  readonly inputs: Operand[];
  readonly run: (...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[];
  /** Also compare the gradients of all float inputs. @default true when all inputs and the result are float */
  readonly gradients?: boolean;
  readonly tolerance?: number;
}

interface Outcome {
  readonly what: string;
  readonly shape: number[];
  readonly dtype: string;
  readonly values: number[];
}

/** Both backends are there already, so that the switch happens before the promise is returned. */
function use(name: string): void {
  void tf.setBackend(name);
  if (tf.getBackend() !== name) throw new Error(`backend ${name} is not active`);
}

/** Runs a case on the cpu backend and on this engine and asserts that all values and gradients agree. */
export function sameAsCpu(t: ExecutionContext, test: Case): void {
  use('cpu');
  const expected = outcomes(test);
  use('onnx');
  const before = tf.memory().numTensors;
  const found = outcomes(test);
  t.is(tf.memory().numTensors, before, `${test.name}: tensors left behind`);
  t.is(found.length, expected.length, test.name);
  const tolerance = test.tolerance ?? 1e-4;
  for (const [index, want] of expected.entries()) {
    const got = found[index]!;
    const label = `${test.name}: ${want.what}`;
    t.deepEqual(got.shape, want.shape, `${label}: shape`);
    t.is(got.dtype, want.dtype, `${label}: dtype`);
    const scale = want.values
      .filter(Number.isFinite)
      .reduce((largest, value) => Math.max(largest, Math.abs(value)), 1);
    const wrong = want.values.findIndex((value, i) => !near(value, got.values[i]!, tolerance * scale));
    if (wrong >= 0) t.fail(`${label}[${wrong}]: ${got.values[wrong]}, cpu says ${want.values[wrong]}`);
    else t.pass();
  }
}

function near(a: number, b: number, tolerance: number): boolean {
  return Object.is(a, b) || a === b || Math.abs(a - b) <= tolerance;
}

function outcomes(test: Case): Outcome[] {
  return inTidy(() => {
    const inputs = test.inputs.map((operand, index) => tensorOf(operand, index + 1));
    const results = [test.run(...inputs)].flat();
    const read = (what: string, x: tf.Tensor): Outcome => ({
      what,
      shape: x.shape,
      dtype: x.dtype,
      values: Array.from(x.dataSync()),
    });
    const outcome = results.map((result, index) => read(`result ${index}`, result));
    const floats = inputs.filter((input) => input.dtype === 'float32');
    const isFloat = floats.length > 0 && results.every((result) => result.dtype === 'float32');
    if (!(test.gradients ?? isFloat)) return outcome;
    const weighted = (...xs: tf.Tensor[]): tf.Tensor => {
      let next = 0;
      const all = inputs.map((input) => (input.dtype === 'float32' ? xs[next++]! : input));
      const parts = [test.run(...all)].flat().map((y, i) => tf.sum(tf.mul(y, random(y.shape, 100 + i))));
      return tf.addN(parts);
    };
    const gradients = tf.grads(weighted)(floats);
    return [...outcome, ...gradients.map((gradient, i) => read(`gradient ${i}`, gradient))];
  });
}

function inTidy<T>(run: () => T): T {
  let result: T | undefined;
  tf.tidy(() => {
    result = run();
  });
  return result as T;
}

function tensorOf(operand: Operand, seed: number): tf.Tensor {
  if (Array.isArray(operand)) return random(operand, seed);
  const { shape, values, dtype = 'float32', scale = 1, shift = 0 } = operand;
  if (values !== undefined) return tf.tensor(values, shape, dtype);
  const numbers = Array.from(random(shape, seed).dataSync(), (value) => value * scale + shift);
  if (dtype === 'float32') return tf.tensor(numbers, shape, dtype);
  return tf.tensor(
    numbers.map((value) => (dtype === 'bool' ? Number(value > 0) : Math.round(value * 3))),
    shape,
    dtype,
  );
}

/** Seeded numbers of about unit size, the same on every backend. */
export function random(shape: number[], seed: number): tf.Tensor {
  let state = seed * 2654435761;
  const size = shape.reduce((a, b) => a * b, 1);
  const values = Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32) * 4 - 2;
  });
  return tf.tensor(values, shape, 'float32');
}
