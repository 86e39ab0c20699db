import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

/** Captum's model: a 3x3 convolution of ones to two channels, and a dense layer over channels-first features. */
export function captumModel(): tfl.LayersModel {
  const conv = tfl.layers.conv2d({ name: 'conv1', inputShape: [4, 4, 1], filters: 2, kernelSize: 3 });
  const dense = tfl.layers.dense({ name: 'fc1', units: 4, activation: 'relu' });
  const model = tfl.sequential({
    layers: [conv, tfl.layers.reLU({ name: 'relu1' }), tfl.layers.flatten(), dense],
  });
  conv.setWeights([tf.ones([3, 3, 1, 2]), tf.tensor1d([-50, -75])]);
  // Position (place, channel) of the channels-last flatten is position channel * 4 + place of Captum's.
  const kernel = tf.tidy(() => {
    const row = tf.tensor2d([1, 1, 1, 1, 1, -1, -1, -1], [2, 4]);
    return tf.tile(tf.reshape(tf.transpose(row), [8, 1]), [1, 4]);
  });
  dense.setWeights([kernel as tf.Tensor, tf.zeros([4])]);
  return model;
}
