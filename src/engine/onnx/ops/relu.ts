import type { GraphBuilder } from '../graph/graph-builder.ts';
import type { Attributes } from '../graph/onnx-model.ts';

/** max(x, 0), or min(max(x, 0), ceiling). */
export function emitRelu(graph: GraphBuilder, x: string, ceiling?: number): string {
  if (ceiling === undefined) return graph.node('Relu', [x]);
  return graph.node('Clip', [x, graph.fill(0, 'float32'), graph.fill(ceiling, 'float32')]);
}

/** The same as attributes of a convolution that ends in it. */
export function fusedRelu(ceiling?: number): Attributes {
  if (ceiling === undefined) return { activation: 'Relu' };
  return { activation: 'Clip', activation_params: { floats: [0, ceiling] } };
}

/**
 * 1 where x > 0, else 0: a hard sigmoid so steep that every positive float gives 1. ONNX Runtime computes it
 * several times faster than a comparison and a choice.
 */
export function emitIsPositive(graph: GraphBuilder, x: string): string {
  return graph.node('HardSigmoid', [x], { alpha: { float: 3e38 }, beta: { float: 0 } });
}

/** 1 where x = 0, else 0; for x ≥ 0. */
export function emitIsZero(graph: GraphBuilder, x: string): string {
  return graph.node('HardSigmoid', [x], { alpha: { float: -3e38 }, beta: { float: 1 } });
}

/** So steep that from one float to the next it goes from 1 to 0, at 6 as at any number from 4 to 8. */
const STEEP = 2 ** 21;

/** 1 where x < limit (or x ≤ limit), else 0; for limits from 4 to 8. */
export function emitIsBelow(graph: GraphBuilder, x: string, limit: number, orEqual: boolean): string {
  const beta = limit * STEEP + (orEqual ? 1 : 0);
  return graph.node('HardSigmoid', [x], { alpha: { float: -STEEP }, beta: { float: beta } });
}
