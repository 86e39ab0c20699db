import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test from 'ava';

test('tfjs-core and this backend are enough to train: gradients are registered', (t) => {
  const face = new URL('../../../src/engine/onnx/index.ts', import.meta.url).href;
  const program = `
    import * as tf from '@tensorflow/tfjs-core';
    import { registerOnnxBackend } from '${face}';
    registerOnnxBackend({ threads: 1 });
    await tf.setBackend('onnx');
    const slope = tf.grad((x) => tf.sum(tf.relu(tf.sigmoid(x))))(tf.tensor1d([0, 100]));
    console.log(Array.from(slope.dataSync()).join());
  `;
  const cwd = fileURLToPath(new URL('../../..', import.meta.url));
  const output = execFileSync(
    process.execPath,
    ['--import=./.ci/typescript.mjs', '--input-type=module', '--eval', program],
    {
      cwd,
      encoding: 'utf8',
    },
  );
  t.is(output.trim(), '0.25,0');
});
