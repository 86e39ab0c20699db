import type { GraphBuilder } from '../../graph/graph-builder.ts';
import { NCHWC } from '../../graph/layout.ts';

/** A filter [kh, kw, I, O] as it lies, and how it is to be read. */
export interface FilterSource {
  readonly name: string;
  /** kh · kw, I, O. */
  readonly taps: number;
  readonly inputs: number;
  readonly outputs: number;
  /** The taps that are wanted, in the order wanted. */
  readonly chosen: readonly number[];
}

/**
 * [O/b, I/b, taps, b of I, b of O], as blocked convolutions read filters: blocks of b x b are made by ONNX
 * Runtime's reordering of images, which takes a quarter of the time of a transposition, and are then put
 * into their order.
 */
export function blockedFilter(graph: GraphBuilder, source: FilterSource, block: number): string {
  const { name, taps, inputs, outputs } = source;
  const image = graph.reshape(name, [taps, inputs, 1, outputs]);
  const blocks = graph.node('ReorderInput', [image], { channels_last: 1 }, NCHWC);
  return inOrder(graph, blocks, source, outputs / block, inputs / block, block);
}

/** The same with inputs and outputs exchanged: [I/b, O/b, taps, b of O, b of I]. */
export function exchangedFilter(graph: GraphBuilder, source: FilterSource, block: number): string {
  const { name, taps, inputs, outputs } = source;
  const image = graph.reshape(name, [taps, inputs, outputs, 1]);
  const blocks = graph.node('ReorderInput', [image], {}, NCHWC);
  return inOrder(graph, blocks, source, inputs / block, outputs / block, block);
}

/** [taps, outer, inner] blocks → [outer, inner, chosen taps]. */
function inOrder(
  graph: GraphBuilder,
  blocks: string,
  { taps, chosen }: FilterSource,
  outer: number,
  inner: number,
  block: number,
): string {
  if (taps === 1) return blocks;
  const rows: number[] = [];
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      for (const tap of chosen) rows.push((tap * outer + o) * inner + i);
    }
  }
  const list = graph.reshape(blocks, [taps * outer * inner, block * block]);
  return graph.node('Gather', [list, graph.constant('int32', [rows.length], rows)], { axis: 0 });
}
