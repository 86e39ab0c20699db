import * as tf from '@tensorflow/tfjs-core';
import { attentionMaps, type MapMethod, upsampleMaps } from '../../src/gradcam/index.ts';
import { loadNetwork, type NetworkSettings, prepareNetwork } from './network.ts';
import type { Task } from './task.ts';

export interface ExplanationMapsSettings extends NetworkSettings {
  /** @default 'grad-cam' */
  readonly method?: MapMethod;
}

/** Forward pass, a class map per image, upsampled to the image; what it gives is the mean of the maps. */
export const explanationMaps: Task<ExplanationMapsSettings> = {
  prepare: prepareNetwork,
  async start(settings, folder) {
    const { model, images, labels } = await loadNetwork(settings, folder);
    const [height, width] = settings.image;
    const pairs = labels.map((label, sample) => ({ sample, class: label }));
    return () => {
      const maps = tf.tidy(() => {
        const { method, targetLayer } = settings;
        return upsampleMaps(attentionMaps(model, images, pairs, { method, targetLayer }).maps, [
          height,
          width,
        ]);
      });
      const values = maps.dataSync<'float32'>();
      maps.dispose();
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    };
  },
};
