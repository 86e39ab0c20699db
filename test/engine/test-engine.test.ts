import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { startTestEngine } from './test-engine.ts';

test.serial('GAIN_TEST_ENGINE chooses the engine of a test run', async (t) => {
  const before = process.env.GAIN_TEST_ENGINE;
  t.teardown(() => {
    if (before === undefined) delete process.env.GAIN_TEST_ENGINE;
    else process.env.GAIN_TEST_ENGINE = before;
  });
  delete process.env.GAIN_TEST_ENGINE;
  t.is((await startTestEngine()).name, 'cpu');
  process.env.GAIN_TEST_ENGINE = 'onnx';
  t.is((await startTestEngine()).name, 'onnx');
  t.is(tf.getBackend(), 'onnx');
});
