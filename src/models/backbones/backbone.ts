import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import * as z from 'zod';
import { activations, type SeededLayers } from '../seeded-layers.ts';

/** A network by name: what it can be told, and how it is built. */
export interface Backbone<Schema extends z.ZodObject = z.ZodObject> {
  /** The paper, and what differs from it. */
  description: string;
  options: Schema;
  /** Whether it takes clips and volumes [B,T,H,W,channels]. @default false: images [B,H,W,channels] */
  volumes?: boolean;
  /** @returns logits [B,C] of the images `input` [B,H,W,channels] */
  build(
    input: SymbolicTensor,
    layers: SeededLayers,
    options: z.output<Schema> & { classes: number },
  ): SymbolicTensor;
}

/** Ties the type of the options to the schema that checks them. */
export function defineBackbone<Schema extends z.ZodObject>(backbone: Backbone<Schema>): Backbone<Schema> {
  return backbone;
}

export const activationOption = z
  .enum(activations)
  .default('relu')
  .describe('What follows each convolution (and its normalisation).');

export const normOption = z
  .enum(['none', 'batch'])
  .default('none')
  .describe('batch: batch normalisation after each convolution, which then has no bias.');

export const stemOption = z
  .enum(['imagenet', 'small'])
  .default('imagenet')
  .describe('small: the first layers keep the resolution, for images of about 32 to 64 pixels.');
