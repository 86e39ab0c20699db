import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { enableHigherOrderGradients } from '../../../src/autodiff/index.ts';
import './compare.ts';

/** Everything a float can be: powers of two and neighbours from the denormals to the end, steps around zero. */
const inputs: number[] = [0, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
for (let exponent = -149; exponent < 128; exponent += 0.5) {
  const value = Math.fround(2 ** exponent * (1 + 0.3 * Math.abs(Math.sin(exponent * 7))));
  inputs.push(value, -value);
}
for (let value = -110; value <= 110; value += 0.37) inputs.push(Math.fround(value));
for (let value = -2; value <= 2; value += 0.013) inputs.push(Math.fround(value));

const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)));
const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));

/** Abramowitz & Stegun 7.1.5 near zero, the continued fraction 7.1.14 of 1 - erf beyond. */
function erf(x: number): number {
  const a = Math.abs(x);
  if (Number.isNaN(x) || a > 6) return Math.sign(x);
  if (a < 2.5) {
    let term = a;
    let sum = a;
    for (let n = 1; n < 100; n++) {
      term *= (-a * a) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  let fraction = 0;
  for (let n = 80; n > 0; n--) fraction = n / 2 / (a + fraction);
  return Math.sign(x) * (1 - Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction));
}

interface Row {
  readonly op: (x: tf.Tensor) => tf.Tensor;
  readonly value: (x: number) => number;
  /** The derivative; without one the op has none here. */
  readonly slope?: (x: number) => number;
}

const SCALE = 1.0507009873554805;
const SCALE_ALPHA = 1.7580993408473768;

const rows: Record<string, Row> = {
  exp: { op: tf.exp, value: Math.exp, slope: Math.exp },
  expm1: { op: tf.expm1, value: Math.expm1, slope: Math.exp },
  log: { op: tf.log, value: Math.log, slope: (x) => 1 / x },
  log1p: { op: tf.log1p, value: Math.log1p, slope: (x) => 1 / (1 + x) },
  sigmoid: { op: tf.sigmoid, value: sigmoid, slope: (x) => sigmoid(x) * sigmoid(-x) },
  logSigmoid: { op: tf.logSigmoid, value: (x) => -softplus(-x), slope: (x) => sigmoid(-x) },
  softplus: { op: tf.softplus, value: softplus, slope: sigmoid },
  tanh: { op: tf.tanh, value: Math.tanh, slope: (x) => 4 * sigmoid(2 * x) * sigmoid(-2 * x) },
  erf: { op: tf.erf, value: erf, slope: (x) => (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) },
  elu: { op: tf.elu, value: (x) => (x > 0 ? x : Math.expm1(x)), slope: (x) => (x > 0 ? 1 : Math.exp(x)) },
  selu: {
    op: tf.selu,
    value: (x) => (x > 0 ? SCALE * x : SCALE_ALPHA * Math.expm1(x)),
    slope: (x) => (x > 0 ? SCALE : SCALE_ALPHA * Math.exp(x)),
  },
  sqrt: { op: tf.sqrt, value: Math.sqrt },
  rsqrt: { op: tf.rsqrt, value: (x) => 1 / Math.sqrt(x) },
  reciprocal: { op: tf.reciprocal, value: (x) => 1 / x },
  sin: { op: tf.sin, value: Math.sin },
  cos: { op: tf.cos, value: Math.cos },
  tan: { op: tf.tan, value: Math.tan },
  asin: { op: tf.asin, value: Math.asin },
  acos: { op: tf.acos, value: Math.acos },
  atan: { op: tf.atan, value: Math.atan },
  sinh: { op: tf.sinh, value: Math.sinh },
  cosh: { op: tf.cosh, value: Math.cosh },
  asinh: { op: tf.asinh, value: Math.asinh },
  acosh: { op: tf.acosh, value: Math.acosh },
  atanh: { op: tf.atanh, value: Math.atanh },
};

/** Smallest distance of two floats: below it nothing is relative any more. */
const DENORMAL = 2 ** -149;

/** The worst relative error, and where it is. */
function worst(found: ArrayLike<number>, right: (x: number) => number): { error: number; what: string } {
  let result = { error: 0, what: '' };
  inputs.forEach((x, i) => {
    const [got, want] = [found[i]!, Math.fround(right(x))];
    const isSame = Object.is(got, want) || got === want;
    const bothFinite = Number.isFinite(got) && Number.isFinite(want);
    const distance = Math.max(0, Math.abs(got - want) - 2 * DENORMAL) / Math.abs(want);
    const error = isSame ? 0 : bothFinite ? distance : Number.POSITIVE_INFINITY;
    if (error > result.error) result = { error, what: `of ${x} is ${got}, not ${want}` };
  });
  return result;
}

test('every function of one number is right to 1e-6 over the whole range of floats', (t) => {
  void tf.setBackend('onnx');
  for (const [name, { op, value }] of Object.entries(rows)) {
    const found = tf.tidy(() => op(tf.tensor1d(inputs)).dataSync());
    const { error, what } = worst(found, value);
    t.true(error <= 1e-6, `${name} ${what}`);
  }
});

test('and so is its derivative', (t) => {
  void tf.setBackend('onnx');
  enableHigherOrderGradients();
  for (const [name, { op, slope }] of Object.entries(rows)) {
    if (slope === undefined) continue;
    const found = tf.tidy(() =>
      tf
        .grad((x) => tf.sum(op(x)))(tf.tensor1d(inputs))
        .dataSync(),
    );
    const { error, what } = worst(found, slope);
    t.true(error <= 1e-6, `derivative of ${name} ${what}`);
  }
});

test('the logarithm of a sigmoid has a slope of 1 where the sigmoid is almost 0', (t) => {
  void tf.setBackend('onnx');
  enableHigherOrderGradients();
  const slopes = tf.tidy(() =>
    tf
      .grad((x) => tf.sum(tf.log(tf.sigmoid(x))))(tf.tensor1d([-17, -20, -80]))
      .dataSync(),
  );
  for (const slope of slopes) t.true(Math.abs(slope - 1) < 1e-6, `${slope}`);
});

test('products and sums of int32 wrap as in TensorFlow', (t) => {
  void tf.setBackend('onnx');
  const ints = (values: number[], shape: number[] = [values.length]) => tf.tensor(values, shape, 'int32');
  const read = (x: tf.Tensor) => [...x.dataSync()];
  t.deepEqual(read(tf.prod(ints([100000, 100000]))), [1410065408]);
  t.deepEqual(read(tf.prod(ints([100000, 100000, 3]))), [-64771072]);
  // 3^25 and (-7)^13 modulo 2^32, of an odd number of factors.
  t.deepEqual(read(tf.prod(ints(Array(25).fill(3)))), [Number(BigInt.asIntN(32, 3n ** 25n))]);
  t.deepEqual(read(tf.prod(ints([...Array(13).fill(-7), ...Array(13).fill(5)], [2, 13]), 1)), [
    Number(BigInt.asIntN(32, (-7n) ** 13n)),
    Number(BigInt.asIntN(32, 5n ** 13n)),
  ]);
  t.deepEqual(read(tf.prod(ints([2, 3, 4, 5, 6, 7], [3, 2]), [0], true)), [48, 105]);
  t.deepEqual(read(tf.sum(ints([2 ** 31 - 1, 1]))), [-(2 ** 31)]);
  t.deepEqual(read(tf.mul(ints([65536]), ints([65537]))), [65536]);
  t.deepEqual(read(tf.square(ints([65537]))), [131073]);
});
