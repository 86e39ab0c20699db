import * as tf from '@tensorflow/tfjs-core';
import type { LayerGraph } from './layer-graph.ts';

/** Where the patches of an image are among the tokens of a transformer: after `prefix` others, row by row. */
export interface TokenGrid {
  /** Class and register tokens before the patches. */
  readonly prefix: number;
  /** [h, w] */
  readonly grid: readonly [number, number];
}

/** No token, a class token, one of distillation too, a class token and four registers. */
const usualPrefixes = [0, 1, 2, 5];

/**
 * How the tokens [batch, N, C] of a layer lie on the image: as a layer of the model says (`tokenLayout`), else the
 * square that is left when class and register tokens are taken off.
 *
 * @returns undefined when they are no tokens of an image
 */
export function tokenGrid(graph: LayerGraph, shape: readonly (number | null)[]): TokenGrid | undefined {
  const [, tokens] = shape;
  if (shape.length !== 3 || !tokens || graph.inputs[0]?.shape.length !== 4) return undefined;
  for (const { layer } of graph.steps) {
    const { tokenLayout } = layer as { tokenLayout?: TokenGrid };
    if (tokenLayout && tokenLayout.prefix + tokenLayout.grid[0] * tokenLayout.grid[1] === tokens) {
      return tokenLayout;
    }
  }
  const prefix = usualPrefixes.find(
    (count) => tokens > count + 1 && Number.isInteger(Math.sqrt(tokens - count)),
  );
  if (prefix === undefined) return undefined;
  const side = Math.sqrt(tokens - prefix);
  return { prefix, grid: [side, side] };
}

/** The patches among tokens, in their places: [B,N,C] → [B,h,w,C]. */
export function patchesOf(tokens: tf.Tensor, { prefix, grid }: TokenGrid): tf.Tensor4D {
  const patches = prefix === 0 ? tokens : tf.slice(tokens, [0, prefix, 0], [-1, -1, -1]);
  return tf.reshape(patches, [tokens.shape[0]!, grid[0], grid[1], tokens.shape[2]!]);
}

/** Tokens with other patches: the class and register tokens stay. [B,h,w,C] → [B,N,C]. */
export function withPatches(patches: tf.Tensor, tokens: tf.Tensor, { prefix, grid }: TokenGrid): tf.Tensor3D {
  const list = tf.reshape(patches, [
    patches.shape[0]!,
    grid[0] * grid[1],
    patches.shape.at(-1)!,
  ]) as tf.Tensor3D;
  if (prefix === 0) return list;
  return tf.concat([tf.slice(tokens, [0, 0, 0], [-1, prefix, -1]) as tf.Tensor3D, list], 1);
}
