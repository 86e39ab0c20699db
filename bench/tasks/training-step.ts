import * as tf from '@tensorflow/tfjs-core';
import { enableHigherOrderGradients } from '../../src/autodiff/index.ts';
import { gainLoss, Optimizer } from '../../src/gain/index.ts';
import { loadNetwork, type NetworkSettings, prepareNetwork } from './network.ts';
import type { Task } from './task.ts';

export interface TrainingStepSettings extends NetworkSettings {
  /** Cross-entropy alone, or with attention mining (Grad-CAM, soft mask, second pass). */
  readonly objective: 'plain' | 'gain';
}

/** Loss, gradient, and an update by SGD with momentum; what it gives is the loss. */
export const trainingStep: Task<TrainingStepSettings> = {
  prepare: prepareNetwork,
  async start(settings, folder) {
    enableHigherOrderGradients();
    const { model, images, labels } = await loadNetwork(settings, folder);
    const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
    const optimizer = new Optimizer(variables, { name: 'sgd', learningRate: 0.01, momentum: 0.9 });
    const options = {
      targetLayer: settings.targetLayer,
      weights: { classification: 1, mining: settings.objective === 'gain' ? 1 : 0, supervision: 0 },
    };
    return () => {
      const loss = tf.tidy(() => {
        const step = () => gainLoss(model, { images, labels }, options).total;
        const { value, grads } = tf.variableGrads(step, variables);
        optimizer.apply(variables.map(({ name }) => grads[name] ?? null));
        return value;
      });
      const [value] = loss.dataSync();
      loss.dispose();
      return value!;
    };
  },
};
