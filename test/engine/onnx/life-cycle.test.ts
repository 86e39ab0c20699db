import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { backend, random } from './compare.ts';

test.beforeEach(async () => {
  await tf.setBackend('onnx');
  await tf.ready();
});

test.serial('nothing runs until a value is read, and then everything in one run', (t) => {
  const { runs } = backend.stats;
  const x = tf.tensor([1, 2, 3]);
  const y = tf.mul(tf.add(x, 1), 2);
  const z = tf.sub(y, x);
  t.is(backend.stats.runs, runs);
  t.deepEqual(Array.from(z.dataSync()), [3, 4, 5]);
  t.deepEqual(Array.from(y.dataSync()), [4, 6, 8]);
  t.is(backend.stats.runs, runs + 1);
  tf.dispose([x, y, z]);
});

test.serial('a program is compiled once per structure, whatever the values', (t) => {
  const step = (rate: number): number =>
    tf.tidy(() => tf.sum(tf.mul(tf.tensor([1, 2, 3, 4, 5]), tf.scalar(rate))).dataSync()[0]!);
  step(0.5);
  const { compiles } = backend.stats;
  t.is(step(0.25), 3.75);
  t.is(step(2), 30);
  t.is(backend.stats.compiles, compiles);
});

test.serial('a training step is compiled once: computed weights are leaves like initial ones', (t) => {
  const weights = tf.variable(tf.zeros([3, 2]));
  const { compiles } = backend.stats;
  for (let step = 0; step < 3; step++) {
    tf.tidy(() => {
      const x = random([4, 3], step) as tf.Tensor2D;
      const gradient = tf.grad((w) => tf.mean(tf.square(tf.sub(tf.matMul(x, w as tf.Tensor2D), 1))))(weights);
      weights.assign(tf.sub(weights, tf.mul(gradient, 0.1)) as tf.Tensor2D);
      weights.dataSync();
    });
  }
  t.is(backend.stats.compiles, compiles + 1);
  weights.dispose();
});

test.serial('clipByValue with changing bounds is not compiled again', (t) => {
  const clip = (high: number): number[] =>
    tf.tidy(() => Array.from(tf.clipByValue(tf.tensor([1, 2, 3]), 0, high).dataSync()));
  clip(1);
  const { compiles } = backend.stats;
  t.deepEqual(clip(2.5), [1, 2, 2.5]);
  t.is(backend.stats.compiles, compiles);
});

test.serial('compiled programs are bounded', (t) => {
  for (let size = 1; size <= 80; size++) {
    tf.tidy(() => t.is(tf.sum(tf.ones([size, 2])).dataSync()[0], 2 * size));
  }
  t.true(backend.stats.sessions <= 64);
});

test.serial('values written and read are copies: later changes of the arrays do not reach the graph', (t) => {
  const values = new Float32Array([1, 2]);
  const x = tf.tensor(values);
  const y = tf.add(x, 1);
  values[0] = 100;
  const read = x.dataSync();
  read[1] = 100;
  t.deepEqual(Array.from(y.dataSync()), [2, 3]);
  tf.dispose([x, y]);
});

test.serial('an input that was disposed of is still there for who was computed from it', (t) => {
  const x = tf.tensor([1, 2]);
  const y = tf.square(x);
  x.dispose();
  t.deepEqual(Array.from(y.dataSync()), [1, 4]);
  t.throws(() => x.dataSync(), { message: /disposed/ });
  y.dispose();
});

test.serial('tensors that share data keep it until the last is disposed of', (t) => {
  const before = tf.memory();
  const x = tf.add(tf.tensor([1, 2, 3, 4]), 1);
  const y = tf.reshape(x, [2, 2]);
  const z = tf.mul(tf.transpose(y), 2);
  x.dispose();
  t.deepEqual(Array.from(y.dataSync()), [2, 3, 4, 5]);
  t.deepEqual(Array.from(z.dataSync()), [4, 8, 6, 10]);
  tf.dispose([y, z]);
  t.is(tf.memory().numDataBuffers - before.numDataBuffers, 2, 'the two literals');
});

test.serial('tidy leaves nothing behind', (t) => {
  const { numTensors, numDataBuffers, numBytes } = tf.memory();
  const ids = backend.numDataIds();
  const value = tf.tidy(() => {
    const loss = (x: tf.Tensor): tf.Scalar =>
      tf.sum(tf.square(tf.softmax(tf.matMul(x as tf.Tensor2D, tf.ones([3, 2])))));
    return tf
      .grad(loss)(random([4, 3], 1))
      .dataSync().length;
  });
  t.is(value, 12);
  const after = tf.memory();
  t.deepEqual(
    [after.numTensors, after.numDataBuffers, after.numBytes],
    [numTensors, numDataBuffers, numBytes],
  );
  t.is(backend.numDataIds(), ids);
});

test.serial('a chain of thousands of operations, and thousands of assignments without a read', (t) => {
  const v = tf.variable(tf.scalar(0));
  for (let i = 0; i < 3000; i++) tf.tidy(() => v.assign(tf.add(v, 1)));
  t.is(v.dataSync()[0], 3000);
  v.dispose();
});

test.serial('a loop that never reads is computed now and then by itself', (t) => {
  const { runs } = backend.stats;
  const v = tf.variable(tf.scalar(0));
  for (let i = 0; i < 12_000; i++) tf.tidy(() => v.assign(tf.add(v, 1)));
  t.true(backend.stats.runs > runs);
  t.is(v.dataSync()[0], 12_000);
  v.dispose();
});

test.serial('two runs of one step are bit-identical', (t) => {
  const run = (): number[] =>
    tf.tidy(() => {
      const x = random([4, 16, 16, 8], 1) as tf.Tensor4D;
      const w = random([3, 3, 8, 16], 2) as tf.Tensor4D;
      const loss = (f: tf.Tensor): tf.Scalar =>
        tf.mean(
          tf.maxPool<tf.Tensor4D>(
            tf.relu(tf.conv2d(x, f as tf.Tensor4D, 1, 'same')) as tf.Tensor4D,
            3,
            2,
            'same',
          ),
        );
      return Array.from(tf.grad(loss)(w).dataSync());
    });
  t.deepEqual(run(), run());
});

test.serial('tensors move between backends', async (t) => {
  await tf.setBackend('cpu');
  const x = tf.tensor([1, 2, 3]);
  await tf.setBackend('onnx');
  const y = tf.mul(x, 3);
  await tf.setBackend('cpu');
  t.deepEqual(Array.from(tf.add(y, 1).dataSync()), [4, 7, 10]);
  await tf.setBackend('onnx');
  t.deepEqual(Array.from(x.dataSync()), [1, 2, 3]);
});

test.serial('a kernel that is missing here runs on the cpu backend', (t) => {
  const x = tf.tensor4d([1, 2, 3, 4], [1, 2, 2, 1]);
  const y = tf.localResponseNormalization(tf.add<tf.Tensor4D>(x, 1), 1, 1, 1, 1);
  const expected = [2, 3, 4, 5].map((v) => v / (1 + v * v));
  for (const [i, value] of Array.from(y.dataSync()).entries()) t.true(Math.abs(value - expected[i]!) < 1e-6);
});

test.serial('string tensors are stored and read', (t) => {
  t.deepEqual(Array.from(tf.tensor(['a', 'b']).dataSync()), ['a', 'b'] as never);
});

test.serial('empty tensors', (t) => {
  const x = tf.zeros([0, 3]);
  t.deepEqual(tf.add(x, 1).shape, [0, 3]);
  t.is(tf.add(x, 1).dataSync().length, 0);
  t.deepEqual(Array.from(tf.sum(x, 0).dataSync()), [0, 0, 0]);
});

test.serial('results that someone holds are not written over by later runs', (t) => {
  void tf.setBackend('onnx');
  const size = 8192;
  const weights = tf.variable(tf.fill([size], 1), true, 'recycled');
  const kept: tf.Tensor[] = [];
  const late: tf.Tensor[] = [];
  for (let step = 0; step < 6; step++) {
    tf.tidy(() => {
      // Waits for the old value while the variable takes a new one, whose reading computes both.
      late.push(tf.keep(tf.add(weights, 0.5)));
      weights.assign(tf.mul(weights, 2));
    });
    if (step % 2 === 0) kept.push(tf.clone(weights));
    t.is(weights.dataSync()[size - 1], 2 ** (step + 1));
  }
  const last = (tensors: tf.Tensor[]): (number | undefined)[] =>
    tensors.map((tensor) => tensor.dataSync()[size - 1]);
  t.deepEqual(last(kept), [2, 8, 32]);
  t.deepEqual(last(late), [1.5, 2.5, 4.5, 8.5, 16.5, 32.5]);
  tf.dispose([weights, ...kept, ...late]);
});

// A device reads something else where the processor refuses a place out of range.
const onProcessor = backend.isDevice ? test.serial.skip : test.serial;

onProcessor('an operation that fails is named by whoever needs it, and disturbs nobody else', (t) => {
  const table = tf.tensor([1, 2, 3]);
  const places = tf.cast(tf.mul(tf.tensor([1, 7]), 1), 'int32'); // Out of range, which only the run can tell.
  const bad = tf.gather(table, places);
  const after = tf.mul(bad, 2);
  const good = tf.add(table, 1);
  t.deepEqual(Array.from(good.dataSync()), [2, 3, 4]);
  const message =
    /^engine onnx: Gather\(float32\[3\], int32\[2\]\) of shape float32\[2\] failed: .*out of data bounds/;
  t.throws(() => bad.dataSync(), { name: 'EngineError', message });
  t.throws(() => bad.dataSync(), { message }, 'again');
  t.throws(() => after.dataSync(), { message }, 'what was computed from it');
  const { runs } = backend.stats;
  t.deepEqual(Array.from(tf.add(table, 2).dataSync()), [3, 4, 5], 'unrelated, later');
  t.is(backend.stats.runs, runs + 1);
  const later = tf.add(bad, 1);
  const other = tf.mul(table, table);
  t.deepEqual(Array.from(other.dataSync()), [1, 4, 9]);
  t.throws(() => later.dataSync(), { message }, 'computed from it later');
  const variable = tf.variable(table);
  t.notThrows(() => variable.assign(tf.add(variable, 1)));
  t.deepEqual(Array.from(variable.dataSync()), [2, 3, 4]);
  tf.dispose([table, places, bad, after, good, later, other, variable]);
});

onProcessor('of two operations that fail each read gets its own', (t) => {
  const table = tf.tensor([1, 2, 3]);
  const far = (index: number) => tf.cast(tf.mul(tf.tensor([index]), 1), 'int32');
  const first = tf.gather(table, far(7));
  const second = tf.gather(tf.reshape(table, [1, 3]), far(9), 1);
  t.throws(() => second.dataSync(), { message: /Gather\(float32\[1,3\]/ });
  t.throws(() => first.dataSync(), { message: /Gather\(float32\[3\]/ });
});
