import * as z from 'zod';

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
  memoryGrowth: z
    .boolean()
    .default(true)
    .describe('tensorflow on a GPU: take its memory as it is needed, or all at once.'),
});
