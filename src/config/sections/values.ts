import * as z from 'zod';

export const positiveInt = z.int().min(1);
export const nonNegative = z.number().min(0);
export const probability = z.number().min(0).max(1);

/** A weight that may start late and grow. */
export const ramp = (weight: number) =>
  z.strictObject({
    weight: nonNegative.default(weight),
    startEpoch: nonNegative.default(0).describe('Epochs of training (from 0) before this loss begins.'),
    endEpoch: z
      .number()
      .positive()
      .nullable()
      .default(null)
      .describe('From this epoch on the weight is 0; null: never.'),
    rampEpochs: nonNegative.default(0).describe('Epochs over which its weight grows linearly from 0.'),
  });

/** Of a term of guidance or distillation: absent unless its weight is above 0. */
export const term = ramp(0);
