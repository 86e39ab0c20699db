import { availableParallelism } from 'node:os';
import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { describeEngines, startEngine } from '../../src/engine/index.ts';
import { EngineError, UsageError } from '../../src/errors/index.ts';

test.serial('auto takes the best engine that loads, computes with it and says why in one line', async (t) => {
  const engines = await describeEngines();
  const available = new Map(
    engines.flatMap((engine) => ('backend' in engine ? [[engine.name, engine]] : [])),
  );
  const info = await startEngine();
  const best = available.get('tensorflow')?.device.startsWith('GPU') ? 'tensorflow' : 'onnx';
  t.is(info.name, best);
  t.is(tf.getBackend(), info.backend);
  t.is(info.threads, availableParallelism());
  t.regex(info.reason, /^(onnx: ONNX Runtime|tensorflow: TensorFlow) [\d.]+ on .+ \(.+\)$/);
  const product = tf.matMul(tf.tensor2d([[1, 2]]), tf.tensor2d([[3], [4]]));
  t.deepEqual([...product.dataSync()], [11]);
});

test.serial(
  'an engine asked for by name is started, twice is the same as once, another name switches',
  async (t) => {
    const first = await startEngine({ engine: 'cpu' });
    t.is(first.reason, `cpu: ${first.version} on 1 thread (as asked)`);
    t.deepEqual(await startEngine({ engine: 'cpu' }), first);
    const kept = tf.tensor1d([1, 2, 3]);
    t.is(tf.getBackend(), 'cpu');
    await startEngine({ engine: 'onnx' });
    t.is(tf.getBackend(), 'onnx');
    t.deepEqual([...tf.add(kept, 1).dataSync()], [2, 3, 4], 'a tensor of the former engine moves on use');
  },
);

test.serial('nothing is printed: neither by starting nor by the first tensor', async (t) => {
  const printed: unknown[] = [];
  const { log, warn, error } = console;
  console.log = console.warn = console.error = (...parts: unknown[]) => void printed.push(parts);
  try {
    await startEngine({ engine: 'cpu' });
    tf.square(tf.tensor1d([1, 2, 3])).dispose();
    await describeEngines();
  } finally {
    Object.assign(console, { log, warn, error });
  }
  t.deepEqual(printed, []);
  t.false(tf.env().getBool('IS_TEST'), 'warnings that matter are still printed');
});

test.serial('what cannot be started is an error that says what to do', async (t) => {
  // biome-ignore lint/suspicious/noExplicitAny: a name that the type forbids is what is tested
  await t.throwsAsync(startEngine({ engine: 'gpu' as any }), {
    instanceOf: UsageError,
    message: 'engine: expected one of auto, onnx, tensorflow, webgpu, cpu, received "gpu"',
  });
  await t.throwsAsync(startEngine({ threads: 1.5 }), {
    instanceOf: UsageError,
    message: 'threads: expected a whole number, 0 for one per core, received 1.5',
  });
  const { threads } = await startEngine({ engine: 'onnx' });
  await t.throwsAsync(startEngine({ engine: 'onnx', threads: threads + 1 }), {
    instanceOf: EngineError,
    message: new RegExp(
      `^Engine "onnx" cannot start: it runs on ${threads} threads? already, .* use engine "auto"`,
    ),
  });
});
