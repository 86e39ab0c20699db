import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { type Case, type Operand, sameAsCpu } from './compare.ts';

const positive: Operand = { shape: [2, 3, 4], scale: 0.4, shift: 1.5 };
const inside: Operand = { shape: [2, 3, 4], scale: 0.45 };

const unary: [string, (x: tf.Tensor) => tf.Tensor, Operand?][] = [
  ['abs', tf.abs],
  ['neg', tf.neg],
  ['square', tf.square],
  ['exp', tf.exp],
  ['expm1', tf.expm1],
  ['log', tf.log, positive],
  ['log1p', tf.log1p, positive],
  ['sqrt', tf.sqrt, positive],
  ['rsqrt', tf.rsqrt, positive],
  ['reciprocal', tf.reciprocal, positive],
  ['sin', tf.sin],
  ['cos', tf.cos],
  ['tan', tf.tan, inside],
  ['asin', tf.asin, inside],
  ['acos', tf.acos, inside],
  ['atan', tf.atan],
  ['sinh', tf.sinh],
  ['cosh', tf.cosh],
  ['tanh', tf.tanh],
  ['asinh', tf.asinh],
  ['acosh', tf.acosh, positive],
  ['atanh', tf.atanh, inside],
  ['erf', tf.erf],
  ['sigmoid', tf.sigmoid],
  ['softplus', tf.softplus],
  ['relu', tf.relu],
  ['relu6', (x) => tf.relu6(tf.mul(x, 5))],
  ['elu', tf.elu],
  ['selu', tf.selu],
  ['leakyRelu', (x) => tf.leakyRelu(x, 0.3)],
  ['clipByValue', (x) => tf.clipByValue(x, -0.5, 1)],
  ['swish', (x) => tf.mul(x, tf.sigmoid(x))],
];

for (const [name, run, operand] of unary) {
  test(`${name}: value and gradient`, (t) => {
    sameAsCpu(t, { name, inputs: [operand ?? [2, 3, 4]], run: run as Case['run'] });
  });
}

const rough: [string, (x: tf.Tensor) => tf.Tensor][] = [
  ['ceil', tf.ceil],
  ['floor', tf.floor],
  ['round', tf.round],
  ['sign', tf.sign],
  ['step', (x) => tf.step(x, 0.25)],
  ['isNaN', tf.isNaN],
  ['isInf', tf.isInf],
  ['isFinite', tf.isFinite],
  ['to int32', (x) => tf.cast(tf.mul(x, 3), 'int32')],
  ['to bool', (x) => tf.cast(tf.floor(x), 'bool')],
];

for (const [name, run] of rough) {
  test(`${name}: value`, (t) => {
    const special = { shape: [6], values: [Number.NaN, 1 / 0, -1 / 0, 0, 2.5, -1.5] };
    sameAsCpu(t, { name, inputs: [[5, 7]], run: run as Case['run'], gradients: false });
    if (!name.startsWith('to int32')) {
      sameAsCpu(t, {
        name: `${name} of special values`,
        inputs: [special],
        run: run as Case['run'],
        gradients: false,
      });
    }
  });
}

const binary: [string, (a: tf.Tensor, b: tf.Tensor) => tf.Tensor][] = [
  ['add', tf.add],
  ['sub', tf.sub],
  ['mul', tf.mul],
  ['div', tf.div],
  ['maximum', tf.maximum],
  ['minimum', tf.minimum],
  ['squaredDifference', tf.squaredDifference],
  ['atan2', tf.atan2],
];

const broadcasts: [number[], number[]][] = [
  [
    [2, 3, 4],
    [2, 3, 4],
  ],
  [[2, 3, 4], [4]],
  [
    [3, 1],
    [2, 1, 4],
  ],
  [[], [2, 2]],
  [[1], []],
  [
    [0, 3],
    [1, 3],
  ],
];

for (const [name, run] of binary) {
  test(`${name}: value and gradients over broadcasts`, (t) => {
    for (const inputs of broadcasts) {
      // tfjs itself cannot reduce an empty gradient to a broadcast operand, and for these no gradient at all.
      const sameShapeOnly = ['maximum', 'minimum', 'squaredDifference'].includes(name);
      const gradients = !inputs.flat().includes(0) && !(sameShapeOnly && `${inputs[0]}` !== `${inputs[1]}`);
      sameAsCpu(t, {
        name: `${name} ${JSON.stringify(inputs)}`,
        inputs,
        run: run as Case['run'],
        gradients,
      });
    }
  });
}

test('pow, mod: value and gradients', (t) => {
  const inputs = [positive, [4]];
  sameAsCpu(t, { name: 'pow', inputs, run: tf.pow as Case['run'] });
  sameAsCpu(t, { name: 'mod', inputs: [[3, 4], [4]], run: tf.mod as Case['run'], gradients: false });
  const prelu: Case['run'] = (x, alpha) => tf.prelu(x!, alpha!);
  sameAsCpu(t, { name: 'prelu', inputs: [[2, 3, 4], [4]], run: prelu });
});

test('int32 arithmetic follows the cpu backend, division by zero included', (t) => {
  const a: Operand = { shape: [6], values: [7, -7, 7, -7, 5, 0], dtype: 'int32' };
  const b: Operand = { shape: [6], values: [2, 2, -2, -2, 1, 3], dtype: 'int32' };
  const zero: Operand = { shape: [6], values: [0, 1, 0, 2, 3, 4], dtype: 'int32' };
  for (const [name, run] of [
    ...binary.slice(0, 7),
    ['mod', tf.mod],
    ['floorDiv', tf.floorDiv],
    ['pow', tf.pow],
  ] as typeof binary) {
    if (name === 'squaredDifference') continue;
    sameAsCpu(t, { name: `int32 ${name}`, inputs: [a, b], run: run as Case['run'] });
  }
  sameAsCpu(t, { name: 'floorDiv by 0', inputs: [a, zero], run: tf.floorDiv as Case['run'] });
});

test('comparisons and logic', (t) => {
  const a: Operand = { shape: [2, 6], values: [1, 2, 3, 1, 2, 3, 0, 0, 1, 1, Number.NaN, 2] };
  const b: Operand = { shape: [6], values: [1, 3, 2, 1, 2, 4] };
  for (const run of [tf.equal, tf.notEqual, tf.greater, tf.greaterEqual, tf.less, tf.lessEqual]) {
    sameAsCpu(t, { name: run.name, inputs: [a, b], run: run as Case['run'] });
    const ints = [a, b].map((operand) => ({
      shape: [3],
      values: [1, 2, 3],
      ...(operand === b ? { values: [2, 2, 1] } : {}),
      dtype: 'int32' as const,
    }));
    sameAsCpu(t, { name: `${run.name} int32`, inputs: ints, run: run as Case['run'] });
  }
  const p: Operand = { shape: [4], values: [0, 0, 1, 1], dtype: 'bool' };
  const q: Operand = { shape: [4], values: [0, 1, 0, 1], dtype: 'bool' };
  for (const run of [tf.logicalAnd, tf.logicalOr, tf.logicalXor, tf.equal, tf.notEqual]) {
    sameAsCpu(t, { name: run.name, inputs: [p, q], run: run as Case['run'] });
  }
  sameAsCpu(t, { name: 'logicalNot', inputs: [p], run: tf.logicalNot as Case['run'] });
});

test('where: value and gradients, with broadcasting', (t) => {
  const condition: Operand = { shape: [2, 3], dtype: 'bool' };
  const run: Case['run'] = (c, a, b) => tf.where(c as tf.Tensor, a!, b!);
  sameAsCpu(t, { name: 'where', inputs: [condition, [2, 3], [2, 3]], run });
  sameAsCpu(t, { name: 'where broadcast', inputs: [condition, [3], []], run, gradients: false });
});

test('a product with a step is the gradient of relu', (t) => {
  const run: Case['run'] = (x) => tf.mul(tf.relu(x!), tf.relu(tf.neg(tf.sub(x!, 1))));
  sameAsCpu(t, { name: 'relu product', inputs: [[4, 5]], run });
});
