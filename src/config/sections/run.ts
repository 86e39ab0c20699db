import * as z from 'zod';
import { positiveInt } from './values.ts';

/** The compute engine. */
export const engine = z.strictObject({
  name: z
    .enum(['auto', 'onnx', 'tensorflow', 'webgpu', 'cpu'])
    .default('auto')
    .describe('Compute engine; auto takes the best one that loads.'),
  threads: z.int().min(0).default(0).describe('Threads of the engine; 0 means one per core.'),
  device: z
    .union([z.string(), z.int().min(0).transform(String)])
    .nullable()
    .default(null)
    .describe('Which GPU: its number for tensorflow, part of its name for webgpu; null takes the first.'),
  onnx: z
    .strictObject({
      provider: z
        .enum(['auto', 'cpu', 'webgpu', 'cuda', 'coreml', 'dml'])
        .default('auto')
        .describe('What ONNX Runtime computes with; auto is a real GPU that passes its check, else cpu.'),
    })
    .prefault({})
    .describe('Of the engine onnx.'),
  memoryGrowth: z
    .boolean()
    .default(true)
    .describe('tensorflow on a GPU: take its memory as it is needed, or all at once.'),
});

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
  published: z
    .record(z.string(), z.record(z.string(), z.number()))
    .default({})
    .describe("Figures of a paper to stand beside: name: { split: per cent of the focus class's answers }."),
});

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
