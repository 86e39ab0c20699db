import { GlobalPooling } from '../layers/index.ts';
import { type Converter, fail, plain } from './node-converter.ts';

const globalPool: Converter = ({ node, computed, layers, name }) => {
  const { tensor, image } = computed(0);
  if (!image) return fail('of values that are no images');
  const pool = node.op === 'GlobalMaxPool' ? 'max' : 'average';
  const layer = new GlobalPooling({ name: layers.name(name), pool, keepdims: true });
  return [{ tensor: layers.apply(layer, tensor), image }];
};

const reduce: Converter = ({ node, computed, layers, name, numbers, int }) => {
  const operand = computed(0);
  const rank = operand.tensor.shape.length;
  const axes = (numbers(1, 'axes') ?? []).map((axis) => (axis < 0 ? axis + rank : axis)).sort();
  const keepdims = int('keepdims', 1);
  if (operand.image && node.op === 'ReduceMean' && axes.join() === '2,3') {
    const layer = new GlobalPooling({ name: layers.name(name), pool: 'average', keepdims: keepdims === 1 });
    return [{ tensor: layers.apply(layer, operand.tensor), image: keepdims === 1 }];
  }
  if (axes.length === 0 || axes.includes(0)) return fail('over the whole batch');
  const operation = node.op === 'ReduceMean' ? 'mean' : 'sum';
  return [
    { tensor: layers.operation(name, operation, [plain(operand, layers)], { axes, keepdims }), image: false },
  ];
};

/** Global pooling, and sums and means over axes. */
export const reductionConverters: Readonly<Record<string, Converter>> = {
  GlobalAveragePool: globalPool,
  GlobalMaxPool: globalPool,
  ReduceMean: reduce,
  ReduceSum: reduce,
};
