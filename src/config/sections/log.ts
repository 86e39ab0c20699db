import * as z from 'zod';
import { positiveInt } from './numbers.ts';

/** What is written down on the way. */
export const log = z.strictObject({
  scalarsEvery: positiveInt.default(10).describe('Steps between two points of the TensorBoard curves.'),
  histogramsEvery: z
    .int()
    .min(0)
    .default(1)
    .describe('Epochs between two histograms of weights and gradients; 0: none.'),
  images: z.int().min(0).default(8).describe('Images in the heatmap grid of each evaluation; 0: no grid.'),
  imagesFrom: z
    .string()
    .nullable()
    .default(null)
    .describe('Split of those images, the first with the focus class; null: the validation split.'),
});
