import * as tf from '@tensorflow/tfjs-core';
import { guidedBackpropagation } from '../../src/explain/index.ts';
import { loadNetwork, type NetworkSettings, prepareNetwork } from './network.ts';
import type { Task } from './task.ts';

/** Forward pass, guided backpropagation to the pixels; what it gives is the mean magnitude. */
export const guidedPixels: Task<NetworkSettings> = {
  prepare: prepareNetwork,
  async start(settings, folder) {
    const { model, images, labels } = await loadNetwork(settings, folder);
    const pairs = labels.map((label, sample) => ({ sample, class: label }));
    return () => {
      const pixels = tf.tidy(() => tf.abs(guidedBackpropagation(model, images, pairs)));
      const values = pixels.dataSync<'float32'>();
      pixels.dispose();
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    };
  },
};
