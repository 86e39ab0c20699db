import { knownOperators } from './convert-node.ts';
import { readOnnx } from './onnx-file.ts';

/** What an ONNX file says of a classifier, without importing it. */
export interface OnnxDescription {
  /** The one input of images. */
  readonly input: { readonly name: string; readonly shape: readonly (number | null)[] };
  readonly outputs: readonly string[];
  /** Operators without a derivative here, and how often they occur: `Einsum (2)`. */
  readonly unknown: readonly string[];
  /** What the output with the scores ends in; undefined for logits. */
  endOf(output: string): 'softmax' | 'sigmoid' | undefined;
}

const ends: Readonly<Record<string, 'softmax' | 'sigmoid'>> = { Softmax: 'softmax', Sigmoid: 'sigmoid' };
/** Operators that only move values. */
const movers = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Identity', 'Cast', 'Transpose']);

/** @throws {ModelError} when the file is damaged; {Error} when it does not take one image */
export function describeOnnx(file: string, bytes: Uint8Array): OnnxDescription {
  const { nodes, inputs, outputs } = readOnnx(file, bytes);
  const [input] = inputs;
  if (inputs.length !== 1 || input?.shape.length !== 4) {
    const found = inputs.map(({ name, shape }) => `${name} [${shape.map((size) => size ?? 'any')}]`);
    throw new Error(`expected one input of images, [batch, channels, H, W], found ${found.join(', ')}`);
  }
  const counts = new Map<string, number>();
  for (const { op } of nodes) if (!knownOperators.has(op)) counts.set(op, (counts.get(op) ?? 0) + 1);
  return {
    input,
    outputs: outputs.map(({ name }) => name),
    unknown: [...counts].map(([op, count]) => `${op} (${count})`),
    endOf(output) {
      let node = nodes.find((one) => one.outputs.includes(output));
      while (node && movers.has(node.op)) {
        const [before] = node.inputs;
        node = nodes.find((one) => one.outputs.includes(before!));
      }
      return node && ends[node.op];
    },
  };
}
