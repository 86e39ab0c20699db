import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { type OnnxProvider, registerOnnxBackend } from './onnx/index.ts';
import { adapterName } from './webgpu/index.ts';

// The other side of onnx-provider.ts: one provider, one answer.

const provider = process.argv[2] as OnnxProvider;
try {
  const adapter = provider === 'webgpu' ? await adapterName() : null;
  registerOnnxBackend({ provider });
  const [expected, found] = [gradients('cpu'), gradients('onnx')] as const;
  const differences = expected.map((right, i) => {
    const scale = Math.max(...right.map(Math.abs));
    return Math.max(...right.map((value, at) => Math.abs(value - found[i]![at]!))) / scale;
  });
  // NaN is no number in JSON, and not below any tolerance.
  const difference = Math.max(...differences);
  process.send?.({
    device: adapter?.name ?? null,
    isSoftware: adapter?.isSoftware ?? false,
    difference: Number.isNaN(difference) ? 1 : difference,
    stepMs: stepTime(),
  });
} catch (error) {
  process.send?.({ problem: (error as Error).message.split('\n', 1)[0] });
}
// Not by itself: a driver's threads may keep the process.
setTimeout(() => process.exit(), 50);

/** The gradients of a small network: convolution, pooling, batch norm and product, there and back. */
function gradients(backend: string): number[][] {
  void tf.setBackend(backend);
  return tf.tidy(() => {
    const wave = (shape: number[], step: number): tf.Tensor =>
      tf.reshape(tf.sin(tf.mul(tf.range(0, tf.util.sizeFromShape(shape)), step)), shape);
    const images = wave([2, 12, 12, 3], 0.7) as tf.Tensor4D;
    const loss = (filter: tf.Tensor, scale: tf.Tensor, weights: tf.Tensor): tf.Tensor => {
      const features = tf.conv2d(images, filter as tf.Tensor4D, 1, 'same');
      const { mean, variance } = tf.moments(features, [0, 1, 2]);
      const normalized = tf.mul(tf.div(tf.sub(features, mean), tf.sqrt(tf.add(variance, 0.01))), scale);
      const pooled = tf.mean(tf.maxPool(tf.relu(normalized) as tf.Tensor4D, 2, 2, 'valid'), [1, 2]);
      const logits = tf.matMul(pooled as tf.Tensor2D, weights as tf.Tensor2D);
      return tf.neg(tf.sum(tf.slice(tf.logSoftmax(logits), [0, 0], [2, 1])));
    };
    const parameters = [wave([3, 3, 3, 16], 0.31), wave([16], 1.3), wave([16, 5], 0.53)];
    return tf
      .grads(loss)(parameters)
      .map((gradient) => Array.from(gradient.dataSync()));
  });
}

/** The shortest of three times, compilation not among them. */
function stepTime(): number {
  void tf.setBackend('onnx');
  const images = tf.keep(tf.sin(tf.range(0, 16 * 64 * 64 * 64)).reshape([16, 64, 64, 64])) as tf.Tensor4D;
  const filter = tf.keep(tf.sin(tf.range(0, 3 * 3 * 64 * 64)).reshape([3, 3, 64, 64]));
  const loss = (weights: tf.Tensor): tf.Tensor =>
    tf.sum(tf.square(tf.relu(tf.conv2d(images, weights as tf.Tensor4D, 1, 'same'))));
  const times = Array.from({ length: 4 }, () => {
    const begin = performance.now();
    tf.tidy(() => tf.grad(loss)(filter).dataSync());
    return performance.now() - begin;
  });
  return Math.min(...times.slice(1));
}
