import { plainLayout } from './layout.ts';
import { Lowering } from './lowering.ts';
import { encodeModel, type OnnxModel } from './onnx-model.ts';
import type { Trace } from './trace.ts';

/** Name of the i-th leaf and of the i-th root in the compiled model. */
export const inputName = (index: number): string => `in${index}`;
export const outputName = (index: number): string => `out${index}`;

/** The bytes of {@link lowerTrace}'s model. */
export function compileTrace(trace: Trace, target: Target): Uint8Array<ArrayBuffer> {
  return encodeModel(lowerTrace(trace, target));
}

/** What a program is made for. */
export interface Target {
  /** The width of blocked channels, 1 for none. */
  readonly block: number;
  /** Threads that work is divided among. */
  readonly threads: number;
  /** Whether a device computes. @default false */
  readonly isDevice?: boolean;
}

/** Lowers a traced graph to an ONNX model. */
export function lowerTrace(trace: Trace, { block, threads, isDevice = false }: Target): OnnxModel {
  const lowering = new Lowering(trace, { block, threads, isDevice });
  trace.leaves.forEach((leaf, index) => {
    lowering.graph.input(inputName(index), leaf.dtype, leaf.shape);
    lowering.define(leaf, {
      name: inputName(index),
      layout: plainLayout(leaf.shape.length),
      shape: leaf.shape,
    });
  });
  const places = new Map(trace.order.map((node, place) => [node, place]));
  for (const [node, place] of places) {
    lowering.graph.origin = place;
    lowering.demand(node);
  }
  trace.roots.forEach((root, index) => {
    lowering.graph.origin = places.get(root);
    lowering.graph.output(outputName(index), lowering.plain(root), root.dtype, root.shape);
  });
  return lowering.graph.model();
}
