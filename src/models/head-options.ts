import * as z from 'zod';
import { headKinds } from './classification-head.ts';

/** The options of a head, as part of the options of a backbone. */
export const headOptions = {
  head: z
    .enum(headKinds)
    .default('gap')
    .describe(
      'gap: global average pooling, then one dense layer (the head that CAM needs); flatten: one dense layer ' +
        'on all pixels; hidden: flatten, hidden dense layers, one dense layer.',
    ),
  hiddenUnits: z
    .union([z.int().min(1), z.array(z.int().min(1)).min(1)])
    .default(256)
    .describe('Units of the hidden layer, or of each hidden layer, of the head `hidden`.'),
  dropout: z
    .number()
    .min(0)
    .lt(1)
    .default(0)
    .describe('Share of the values dropped before each dense layer.'),
};
