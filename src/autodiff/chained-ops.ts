import * as tf from '@tensorflow/tfjs-core';
// Types of the methods; in Node the module itself cannot be loaded, since it is an ES module that does not say so.
import type {} from '@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops.js';

/** Ops whose method passes the tensor on as the first argument. */
const plainOps = `
  abs acos acosh add all any argMax argMin asin asinh atan atan2 atanh avgPool batchNorm batchToSpaceND
  broadcastTo cast ceil clipByValue conv1d conv2d conv2dTranspose cos cosh cumprod cumsum depthToSpace
  depthwiseConv2d dilation2d div divNoNan dot elu equal erf euclideanNorm exp expandDims expm1 fft floor
  floorDiv gather greater greaterEqual ifft irfft isFinite isInf isNaN leakyRelu less lessEqual
  localResponseNormalization log log1p logSigmoid logSoftmax logSumExp logicalAnd logicalNot logicalOr
  logicalXor matMul max maxPool maximum mean min minimum mirrorPad mod mul neg norm notEqual oneHot
  onesLike pad pool pow prelu prod reciprocal relu relu6 reshape reverse rfft round rsqrt selu
  separableConv2d sigmoid sign sin sinh slice softmax softplus spaceToBatchND split sqrt square
  squaredDifference squeeze step stridedSlice sub sum tan tanh tile topk transpose unique
  unsortedSegmentSum unstack zerosLike
`;

// biome-ignore lint/suspicious/noExplicitAny: each method has arguments of its own.
type Method = (this: tf.Tensor, ...args: any[]) => tf.Tensor | tf.Tensor[];

const all = tf as unknown as Record<string, (...args: unknown[]) => tf.Tensor>;

const methods: Record<string, Method> = {
  ...Object.fromEntries(
    plainOps
      .trim()
      .split(/\s+/)
      .map((name): [string, Method] => [
        name,
        function (...args) {
          return all[name]!(this, ...args);
        },
      ]),
  ),
  as1D() {
    return tf.reshape(this, [this.size]);
  },
  as2D: withSizes,
  as3D: withSizes,
  as4D: withSizes,
  as5D: withSizes,
  asScalar() {
    return tf.reshape(this, []);
  },
  asType(dtype) {
    return tf.cast(this, dtype);
  },
  concat(others: tf.Tensor | tf.Tensor[], axis) {
    return tf.concat([this, others].flat(), axis);
  },
  flatten() {
    return tf.reshape(this, [this.size]);
  },
  reshapeAs(like: tf.Tensor) {
    return tf.reshape(this, like.shape);
  },
  resizeBilinear(...args: [[number, number]]) {
    return tf.image.resizeBilinear(this as tf.Tensor4D, ...args);
  },
  resizeNearestNeighbor(...args: [[number, number]]) {
    return tf.image.resizeNearestNeighbor(this as tf.Tensor4D, ...args);
  },
  stack(others: tf.Tensor | tf.Tensor[], axis) {
    return tf.stack([this, others].flat(), axis);
  },
  toBool() {
    return tf.cast(this, 'bool');
  },
  toFloat() {
    return tf.cast(this, 'float32');
  },
  toInt() {
    return tf.cast(this, 'int32');
  },
  where(condition: tf.Tensor, otherwise: tf.Tensor) {
    return tf.where(condition, this, otherwise);
  },
};

function withSizes(this: tf.Tensor, ...sizes: number[]): tf.Tensor {
  return tf.reshape(this, sizes);
}

/**
 * Gives tensors the methods `x.sum()`, `x.flatten()`, … that the package `@tensorflow/tfjs` registers and tfjs-core
 * alone does not. Parts of tfjs itself call them: the recurrent layers of tfjs-layers when they draw their weights,
 * the gradient of `tf.prod`.
 *
 * Methods that are there already stay.
 */
export function registerChainedOps(): void {
  for (const [name, method] of Object.entries(methods)) {
    if (name in tf.Tensor.prototype) continue;
    Object.defineProperty(tf.Tensor.prototype, name, { value: method, writable: true, configurable: true });
  }
}
