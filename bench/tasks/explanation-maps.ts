import * as tf from '@tensorflow/tfjs-core';
import { attentionMaps, upsampleMaps } from '../../src/gradcam/index.ts';
import { loadNetwork, type NetworkSettings, prepareNetwork } from './network.ts';
import type { Task } from './task.ts';

/** Forward pass, a Grad-CAM map per image, upsampled to the image; what it gives is the mean of the maps. */
export const explanationMaps: Task<NetworkSettings> = {
  prepare: prepareNetwork,
  async start(settings, folder) {
    const { model, images, labels } = await loadNetwork(settings, folder);
    const [height, width] = settings.image;
    const pairs = labels.map((label, sample) => ({ sample, class: label }));
    return () => {
      const maps = tf.tidy(() => {
        const { targetLayer } = settings;
        return upsampleMaps(attentionMaps(model, images, pairs, { targetLayer }).maps, [height, width]);
      });
      const values = maps.dataSync<'float32'>();
      maps.dispose();
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    };
  },
};
