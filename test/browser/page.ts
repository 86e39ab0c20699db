// What the page of core.test.ts loads: one step on the backend that it names.
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-webgl';
import * as tf from '@tensorflow/tfjs-core';
import { type OneStep, oneStep } from './one-step.ts';

Object.assign(globalThis, {
  async stepOn(backend: string): Promise<OneStep> {
    if (!(await tf.setBackend(backend))) throw new Error(`the backend ${backend} does not start here`);
    await tf.ready();
    return await oneStep();
  },
});
