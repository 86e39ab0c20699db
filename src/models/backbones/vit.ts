import * as tfl from '@tensorflow/tfjs-layers';
import * as z from 'zod';
import { UsageError } from '../../errors/index.ts';
import { classificationHead } from '../classification-head.ts';
import { AttentionMix, AttentionWeights, TokenEmbedding, TokenPool } from '../layers/index.ts';
import type { SeededLayers } from '../seeded-layers.ts';
import { defineBackbone } from './backbone.ts';

interface BlockOptions {
  heads: number;
  mlpRatio: number;
  layerScale: number | null;
}

/**
 * Vision transformer (Dosovitskiy et al. 2021) as in timm; DeiT (Touvron et al. 2021) is the same network, DINOv2
 * (Oquab et al. 2024) one with `layerScale`, patches of 14 and, later, `registers`. Without dropout and stochastic
 * depth. Maps are taken of the tokens, best at the input of the last attention, `block12_norm1`.
 */
function vit(size: string, width: number, heads: number) {
  return defineBackbone({
    description: `Vision transformer, ViT-${size} as in timm; the same as DeiT-${size}.`,
    options: z.strictObject({
      patch: z.int().min(1).default(16).describe('Extent of a patch in pixels; sizes have to be multiples.'),
      width: z.int().min(1).default(width).describe('Channels of a token.'),
      depth: z.int().min(1).default(12).describe('Number of blocks.'),
      heads: z.int().min(1).default(heads).describe('Of each attention; `width` is a multiple.'),
      mlpRatio: z.number().positive().default(4).describe('Hidden units of a block, times `width`.'),
      registers: z.int().min(0).default(0).describe('Tokens that stand for nothing (Darcet et al. 2024).'),
      positions: z
        .enum(['all', 'patches'])
        .default('all')
        .describe('Which tokens are told where they are: the class token too, or the patches alone.'),
      layerScale: z
        .number()
        .positive()
        .nullable()
        .default(null)
        .describe('The initial scale of each branch; null: none.'),
      pool: z
        .enum(['class', 'mean'])
        .default('class')
        .describe('What is classified: the class token, or the mean of the patches.'),
      dropout: z.number().min(0).lt(1).default(0).describe('Share of the values dropped before the scores.'),
    }),
    build(input, layers, { patch, width, depth, registers, positions, pool, classes, dropout, ...block }) {
      const [, height, wide] = input.shape as [null, number, number];
      if (height % patch !== 0 || wide % patch !== 0) {
        throw new UsageError(`The input ${height}x${wide} is no multiple of the patch, ${patch}x${patch}`);
      }
      if (width % block.heads !== 0) {
        throw new UsageError(`width: ${width} channels cannot be dealt out to ${block.heads} heads`);
      }
      const grid: [number, number] = [height / patch, wide / patch];
      const cut = { filters: width, kernelSize: patch, strides: patch, padding: 'valid' } as const;
      let x = layers.conv(input, 'patches', cut);
      x = tfl.layers
        .reshape({ name: 'tokens', targetShape: [grid[0] * grid[1], width] })
        .apply(x) as typeof x;
      x = new TokenEmbedding({ name: 'embedding', grid, registers, positions }).apply(x) as typeof x;
      for (let i = 1; i <= depth; i++) x = transformerBlock(x, layers, `block${i}`, block);
      x = layers.layerNorm(x, 'norm');
      x = new TokenPool({ name: 'pool', pool, prefix: 1 + registers }).apply(x) as typeof x;
      return classificationHead(x, layers, { classes, dropout });
    },
  });
}

function transformerBlock(
  x: tfl.SymbolicTensor,
  layers: SeededLayers,
  name: string,
  { heads, mlpRatio, layerScale }: BlockOptions,
): tfl.SymbolicTensor {
  const width = x.shape.at(-1)!;
  const sum = (a: typeof x, b: typeof x, part: string) => {
    const scaled = layerScale === null ? b : layers.channelScale(b, `${name}_scale${part}`, layerScale);
    return tfl.layers.add({ name: `${name}_add${part}` }).apply([a, scaled]) as typeof x;
  };
  const qkv = layers.dense(layers.layerNorm(x, `${name}_norm1`), `${name}_qkv`, { units: 3 * width });
  const attention = new AttentionWeights({ name: `${name}_attention`, heads }).apply(qkv) as typeof x;
  const mixed = new AttentionMix({ name: `${name}_mix` }).apply([attention, qkv]) as typeof x;
  const first = sum(x, layers.dense(mixed, `${name}_project`, { units: width }), '1');
  const normal = layers.layerNorm(first, `${name}_norm2`);
  const hidden = { units: Math.round(mlpRatio * width), activation: 'gelu' } as const;
  const wide = layers.dense(normal, `${name}_hidden`, hidden);
  return sum(first, layers.dense(wide, `${name}_output`, { units: width }), '2');
}

export const vitTiny = vit('Ti', 192, 3);
export const vitSmall = vit('S', 384, 6);
export const vitBase = vit('B', 768, 12);
