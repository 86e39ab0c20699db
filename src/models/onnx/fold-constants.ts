import type { OnnxNode } from './onnx-file.ts';
import { type Constant, isConstant, type Operand } from './operand.ts';

/**
 * What a node makes of numbers alone, most of them sizes: exporters write down how they find the shape of a reshape.
 * The batch counts as 1; whoever reads a shape here takes the batch as it comes.
 *
 * @returns undefined when it is not of numbers alone, or of a kind that is not folded
 */
export function foldConstants(
  node: OnnxNode,
  operands: readonly (Operand | undefined)[],
): Constant | undefined {
  const [first] = operands;
  if (node.op === 'Shape' && first && !isConstant(first)) return shapeOf(first.tensor.shape, first.image);
  if (!first || !operands.every((one) => one === undefined || isConstant(one))) return undefined;
  const constants = operands.filter(isConstant);
  const [a, b] = constants as [Constant, Constant | undefined];
  const int = (name: string, fallback: number) => Number(node.attributes.get(name) ?? fallback);
  switch (node.op) {
    case 'Shape':
      return vector(a.shape);
    case 'Cast':
    case 'Identity':
      return a;
    case 'ConstantOfShape': {
      const value = node.attributes.get('value');
      const filled =
        typeof value === 'object' && 'values' in value ? Number((value.values as number[])[0]) : 0;
      const shape = Array.from(a.numbers);
      return { shape, numbers: Array<number>(count(shape)).fill(filled) };
    }
    case 'Concat':
      if (int('axis', 0) !== 0 || constants.some(({ shape }) => shape.length !== 1)) return undefined;
      return vector(constants.flatMap(({ numbers }) => Array.from(numbers)));
    case 'Unsqueeze':
    case 'Squeeze':
      if (a.numbers.length !== 1) return undefined;
      return { shape: node.op === 'Squeeze' ? [] : [1], numbers: a.numbers };
    case 'Gather': {
      if (a.shape.length !== 1 || int('axis', 0) !== 0) return undefined;
      const size = a.numbers.length;
      const picked = Array.from(b!.numbers, (i) => a.numbers[i < 0 ? i + size : i]!);
      return { shape: b!.shape, numbers: picked };
    }
    case 'Slice': {
      if (a.shape.length !== 1 || constants.length > 4) return undefined;
      const [, start, end] = constants.map(({ numbers }) => numbers[0]!);
      return vector(Array.from(a.numbers).slice(start, end));
    }
    case 'Reshape': {
      const shape = Array.from(b!.numbers);
      const rest = a.numbers.length / count(shape.filter((size) => size > 0));
      return { shape: shape.map((size) => (size < 0 ? rest : size)), numbers: a.numbers };
    }
    case 'Expand': {
      const shape = Array.from(b!.numbers);
      if (a.numbers.length === 1) return { shape, numbers: Array<number>(count(shape)).fill(a.numbers[0]!) };
      return count(shape) === a.numbers.length || shape.every((size) => size === 1) ? a : undefined;
    }
    case 'Where':
      return pointwise(constants, (c, x, y) => (c ? x! : y!));
    case 'Equal':
      return pointwise(constants, (x, y) => (x === y ? 1 : 0));
    case 'Add':
      return pointwise(constants, (x, y) => x! + y!);
    case 'Sub':
      return pointwise(constants, (x, y) => x! - y!);
    case 'Mul':
      return pointwise(constants, (x, y) => x! * y!);
    case 'Div':
      return pointwise(constants, (x, y) => x! / y!);
    case 'Sqrt':
      return pointwise(constants, (x) => Math.sqrt(x!));
    default:
      return undefined;
  }
}

/** Operators that are folded and have no layer of their own. */
export const foldedOperators: ReadonlySet<string> = new Set([
  'Shape',
  'ConstantOfShape',
  'Expand',
  'Where',
  'Equal',
]);

function shapeOf(shape: readonly (number | null)[], image: boolean): Constant | undefined {
  const order = image ? [0, 3, 1, 2] : [...shape.keys()];
  const sizes = order.map((axis, i) => (i === 0 ? 1 : shape[axis]));
  return sizes.every((size) => typeof size === 'number') ? vector(sizes) : undefined;
}

function vector(numbers: readonly number[]): Constant {
  return { shape: [numbers.length], numbers };
}

/** Of operands of one size, or single numbers. */
function pointwise(
  operands: readonly Constant[],
  compute: (...values: number[]) => number,
): Constant | undefined {
  const largest = operands.reduce((a, b) => (b.numbers.length > a.numbers.length ? b : a));
  const size = largest.numbers.length;
  if (!operands.every(({ numbers }) => numbers.length === size || numbers.length === 1)) return undefined;
  const at = ({ numbers }: Constant, i: number) => numbers[numbers.length === 1 ? 0 : i]!;
  return {
    shape: largest.shape,
    numbers: Array.from({ length: size }, (_, i) => compute(...operands.map((one) => at(one, i)))),
  };
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
