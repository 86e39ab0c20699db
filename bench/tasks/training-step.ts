import * as tf from '@tensorflow/tfjs-core';
import { enableHigherOrderGradients } from '../../src/autodiff/index.ts';
import { type GainLossOptions, gainLoss, Optimizer } from '../../src/gain/index.ts';
import { loadNetwork, type NetworkSettings, prepareNetwork } from './network.ts';
import type { Task } from './task.ts';

export interface TrainingStepSettings extends NetworkSettings {
  /** Cross-entropy alone, or with attention mining (Grad-CAM, soft mask, second pass). */
  readonly objective: 'plain' | 'gain';
}

/** Loss, gradient, and an update by SGD with momentum; what it gives is the loss. */
export const trainingStep: Task<TrainingStepSettings> = {
  prepare: prepareNetwork,
  start: (settings, folder) =>
    startStep(settings, folder, {
      targetLayer: settings.targetLayer,
      weights: { mining: settings.objective === 'gain' ? 1 : 0, supervision: 0 },
    }),
};

/** Loss, gradient and update of a network under an objective. */
export async function startStep(
  settings: NetworkSettings,
  folder: string,
  objective: GainLossOptions,
): Promise<() => number> {
  enableHigherOrderGradients();
  const { model, images, labels } = await loadNetwork(settings, folder);
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const optimizer = new Optimizer(variables, { name: 'sgd', learningRate: 0.01, momentum: 0.9 });
  return () => {
    const loss = tf.tidy(() => {
      const step = () => gainLoss(model, { images, labels }, objective).total;
      const { value, grads } = tf.variableGrads(step, variables);
      optimizer.apply(variables.map(({ name }) => grads[name] ?? null));
      return value;
    });
    const [value] = loss.dataSync();
    loss.dispose();
    return value!;
  };
}
