import * as z from 'zod';
import { mapMethod } from './gain.ts';
import { inputScaling } from './model.ts';
import { positiveInt, term } from './values.ts';

const explained = (of: 'label' | 'teacher') =>
  z
    .enum(['label', 'teacher'])
    .default(of)
    .describe("Class: the image's labels, or the teacher's most likely.");

/** What a teacher teaches. */
export const distillation = z.strictObject({
  teacher: z.strictObject({
    model: z
      .string()
      .describe('Directory of a finished run, or a network: folder, .keras, .h5, .safetensors, .pth, .onnx.'),
    inputScaling: inputScaling
      .nullable()
      .default(null)
      .describe('Of a teacher that is no run, as in `model`; null: what its files say, else zero-one.'),
    sees: z
      .enum(['image', 'object'])
      .default('image')
      .describe('object: black but for the masks of data.masks (TEA); images without mask add nothing.'),
    maps: z
      .enum(['live', 'precomputed'])
      .default('live')
      .describe(
        'live: the teacher answers in every step. precomputed: once, into a file beside the data set, from ' +
          'which maps are read and moved with flips and crops.',
      ),
  }),
  maps: z
    .strictObject({
      method: mapMethod.default('grad-cam++').describe('Of both networks. Grad-CAM++ paper: grad-cam++.'),
      studentLayer: z.string().default('auto'),
      teacherLayer: z.string().default('auto'),
      normalization: z
        .enum(['none', 'min-max', 'max', 'l2'])
        .default('none')
        .describe('Of each map before they are compared. Grad-CAM++ paper: none.'),
      differentiateWeights: z
        .boolean()
        .default(true)
        .describe("Differentiate through the student's map weights (second order)."),
    })
    .prefault({})
    .describe("How maps are made; the teacher's are brought to the student's grid."),
  losses: z
    .strictObject({
      softTargets: term
        .extend({ temperature: z.number().positive().default(4) })
        .prefault({})
        .describe('Hinton 2015: answers at a temperature.'),
      explanation: term
        .extend({ pixels: z.enum(['sum', 'mean']).default('sum'), of: explained('label') })
        .prefault({})
        .describe('Grad-CAM++, section 5: squared distance of the maps. Paper: weight 0.01.'),
      similarity: term
        .extend({ of: explained('teacher') })
        .prefault({})
        .describe('e2KD: one minus the cosine of the maps.'),
      attentionL1: term
        .extend({ of: explained('label') })
        .prefault({})
        .describe('Learning without Memorizing: L1 between maps as unit vectors.'),
      attentionTransfer: term
        .extend({
          form: z.enum(['norm', 'mean-square']).default('norm'),
          layers: z
            .array(z.strictObject({ student: z.string(), teacher: z.string() }))
            .default([])
            .describe('Pairs of layers; none: those of the maps.'),
        })
        .prefault({})
        .describe('Zagoruyko 2017: where the activations are.'),
      classAttention: term
        .extend({ cells: positiveInt.default(2) })
        .prefault({})
        .describe(
          'CAT-KD: class activation maps of all classes, pooled. Both heads: pooling and one dense layer.',
        ),
    })
    .prefault({}),
});
