import { plainLayout } from './layout.ts';
import type { LazyNode } from './lazy-node.ts';
import { Lowering } from './lowering.ts';
import type { OnnxModel, OnnxNode } from './onnx-model.ts';
import { traceGraph } from './trace.ts';

/** What a graph is to be called outside: its inputs, its constants as far as they have a name, its outputs. */
export interface GraphNames {
  readonly inputs: Readonly<Record<string, LazyNode>>;
  readonly constants: ReadonlyMap<LazyNode, string>;
  readonly outputs: Readonly<Record<string, LazyNode>>;
}

/**
 * The graph behind values that were not computed yet, as an ONNX model of standard operators alone. Leaves
 * that are no inputs become constants.
 */
export function standardGraph({ inputs, constants, outputs }: GraphNames): OnnxModel {
  const trace = traceGraph(Object.values(outputs));
  const lowering = new Lowering(trace, { block: 1, anyBatch: true });
  const { graph } = lowering;
  const nameOf = new Map(constants);
  for (const [name, node] of Object.entries(inputs)) nameOf.set(node, name);
  const named = trace.leaves.map((leaf, i) => ({ name: nameOf.get(leaf) ?? `constant_${i}`, leaf }));
  for (const { name, leaf } of named) {
    graph.input(name, leaf.dtype, leaf.shape);
    lowering.define(leaf, { name, layout: plainLayout(leaf.shape.length), shape: leaf.shape });
  }
  const ranks = new Map<string, number>();
  for (const node of trace.order) {
    lowering.demand(node);
    ranks.set(lowering.value(node).name, node.shape.length);
  }
  for (const [name, node] of Object.entries(outputs)) {
    graph.output(name, lowering.plain(node), node.dtype, node.shape);
  }
  const model = graph.model();
  const used = new Set(model.nodes.flatMap((node) => node.inputs));
  const values = named.filter(({ name, leaf }) => used.has(name) && inputs[name] !== leaf);
  return {
    nodes: model.nodes.map((node) => standardNode(node, ranks)),
    initializers: [
      ...values.map(({ name, leaf }) => {
        const { buffer, byteOffset, byteLength } = leaf.values!;
        const bytes = new Uint8Array(buffer, byteOffset, byteLength);
        return { name, type: leaf.dtype, dims: leaf.shape, bytes };
      }),
      ...model.initializers,
    ],
    inputs: model.inputs.filter(({ name }) => inputs[name] !== undefined),
    outputs: model.outputs,
  };
}

/** ONNX Runtime's product of transposed matrices is Gemm for two matrices, and Einsum for stacks of them. */
function standardNode(node: OnnxNode, ranks: ReadonlyMap<string, number>): OnnxNode {
  if (node.domain === '') return node;
  if (node.type !== 'FusedMatMul') {
    throw new Error(`engine onnx: ${node.domain}.${node.type} has no standard form`);
  }
  const { transA, transB } = node.attributes;
  if (ranks.get(node.outputs[0]!) === 2) return { ...node, type: 'Gemm', domain: '' };
  const equation = `...${transA ? 'ki' : 'ik'},...${transB ? 'jk' : 'kj'}->...ij`;
  return { ...node, type: 'Einsum', domain: '', attributes: { equation } };
}
