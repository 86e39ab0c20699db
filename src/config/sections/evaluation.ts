import * as z from 'zod';
import { positiveInt } from './numbers.ts';

/** What is measured at the end. */
export const evaluation = z.strictObject({
  focusClass: z
    .string()
    .nullable()
    .default(null)
    .describe('Class whose own accuracy and map are reported beside the totals.'),
  checkpoint: z
    .enum(['last', 'best'])
    .default('last')
    .describe(
      'Weights that the test splits are measured with. best, by selectBy, may be from before guidance.',
    ),
  batchSize: positiveInt.default(64),
});
