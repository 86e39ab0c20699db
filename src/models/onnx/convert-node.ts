import { pointwiseConverters } from './convert-pointwise.ts';
import { reductionConverters } from './convert-reduction.ts';
import { convertResize } from './convert-resize.ts';
import { selectionConverters } from './convert-selection.ts';
import { shapeConverters } from './convert-shape.ts';
import { weightedConverters } from './convert-weighted.ts';
import { convertConvolution, convertPool, convertTransposedConvolution } from './convert-window.ts';
import { foldConstants, foldedOperators } from './fold-constants.ts';
import { type Converter, fail, type NodeContext } from './node-converter.ts';
import type { OnnxAttribute, OnnxNode, OnnxTensor } from './onnx-file.ts';
import { isConstant, type LayerFactory, type Operand } from './operand.ts';

const same: Converter = ({ operands }) => [operands[0] ?? fail('without operand')];

const constant: Converter = ({ node }) => {
  const value =
    node.attributes.get('value') ?? node.attributes.get('value_float') ?? node.attributes.get('value_int');
  if (typeof value === 'number') return [{ shape: [], numbers: [value] }];
  if (isTensor(value)) return [{ shape: value.shape, numbers: value.values }];
  return fail('of a kind that is not known');
};

const isTensor = (value: OnnxAttribute | undefined): value is OnnxTensor =>
  typeof value === 'object' && 'shape' in value;

const converters: ReadonlyMap<string, Converter> = new Map<string, Converter>(
  Object.entries({
    ...pointwiseConverters,
    ...weightedConverters,
    ...reductionConverters,
    ...shapeConverters,
    ...selectionConverters,
    Conv: convertConvolution,
    ConvTranspose: convertTransposedConvolution,
    Resize: convertResize,
    Upsample: convertResize,
    MaxPool: convertPool,
    AveragePool: convertPool,
    Constant: constant,
    Identity: same,
    Dropout: same,
    Cast: same,
  }),
);

/** The operators of ONNX that become layers. */
export const knownOperators: ReadonlySet<string> = new Set([...converters.keys(), ...foldedOperators]);

/**
 * The layers that do what a node does.
 *
 * @throws Error says what of the node is not known
 */
export function convertNode(
  node: OnnxNode,
  operands: readonly (Operand | undefined)[],
  layers: LayerFactory,
  opset: number,
): Operand[] {
  const folded = foldConstants(node, operands);
  if (folded) return [folded];
  const converter = converters.get(node.op) ?? (() => fail('of values that depend on the image'));
  const context: NodeContext = {
    node,
    operands,
    layers,
    opset,
    name: node.name || node.outputs[0] || node.op,
    computed: (i) => {
      const operand = operands[i];
      if (!operand || isConstant(operand))
        return fail(`its operand ${i} are numbers, not values of the image`);
      return operand.pending ? fail(`its operand ${i} has the batch elsewhere than first`) : operand;
    },
    numbers: (i, attribute) => {
      const operand = operands[i];
      if (isConstant(operand)) return Array.from(operand.numbers);
      if (operand !== undefined) return fail(`its operand ${i} is computed`);
      const value = attribute === undefined ? undefined : node.attributes.get(attribute);
      return value === undefined ? undefined : ([value].flat() as number[]);
    },
    int: (attribute, fallback) => Number(node.attributes.get(attribute) ?? fallback),
    ints: (attribute) => node.attributes.get(attribute) as number[] | undefined,
  };
  return converter(context);
}
