import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { GlobalPooling, type TensorOperation } from '../layers/index.ts';
import { convertConvolution, convertPool } from './convert-window.ts';
import { foldConstants, foldedOperators } from './fold-constants.ts';
import type { OnnxAttribute, OnnxNode, OnnxTensor } from './onnx-file.ts';
import {
  type Computed,
  type Constant,
  isConstant,
  type LayerFactory,
  type Operand,
  tensorOf,
} from './operand.ts';

/** What a converter sees of a node. */
export interface NodeContext {
  readonly node: OnnxNode;
  readonly operands: readonly (Operand | undefined)[];
  readonly layers: LayerFactory;
  readonly opset: number;
  readonly name: string;
  /** Operand `i`, which has to be computed. */
  computed(i: number): Computed;
  /** The numbers of operand `i`, or of the attribute of that name in older files. */
  numbers(i: number, attribute?: string): number[] | undefined;
  int(attribute: string, fallback: number): number;
  ints(attribute: string): number[] | undefined;
}

type Converter = (context: NodeContext) => Operand[];

const fail = (message: string): never => {
  throw new Error(message);
};

const activations: Record<string, string> = {
  Relu: 'relu',
  Sigmoid: 'sigmoid',
  Tanh: 'tanh',
  Softplus: 'softplus',
  Softsign: 'softsign',
  Selu: 'selu',
  HardSwish: 'hardSwish',
  Mish: 'mish',
};

const unary: Record<string, TensorOperation> = {
  Exp: 'exp',
  Log: 'log',
  Sqrt: 'sqrt',
  Neg: 'neg',
  Abs: 'abs',
  Erf: 'erf',
  Reciprocal: 'reciprocal',
  Gelu: 'gelu',
};

const binary: Record<string, TensorOperation> = {
  Add: 'add',
  Sub: 'sub',
  Mul: 'mul',
  Div: 'div',
  Pow: 'pow',
  Max: 'maximum',
  Min: 'minimum',
};

const activation: Converter = ({ node, computed, layers, name }) => {
  const { tensor, image } = computed(0);
  const layer = tfl.layers.activation({
    name: layers.name(name),
    activation: activations[node.op] as 'relu',
  });
  return [{ tensor: layers.apply(layer, tensor), image }];
};

const unaryOperation: Converter = ({ node, computed, layers, name }) => {
  const { tensor, image } = computed(0);
  return [{ tensor: layers.operation(name, unary[node.op]!, [tensor]), image }];
};

/** Of two operands of which one may be numbers, both as they lie here. */
const arithmetic: Converter = ({ node, operands, layers, name }) => {
  const operation = binary[node.op]!;
  const [a, b] = operands;
  if (operands.length !== 2 || !a || !b) return fail('it has other than two operands');
  if (isConstant(a) && isConstant(b)) return fail('both of its operands are numbers');
  if (isConstant(a) || isConstant(b)) {
    const constant = (isConstant(a) ? a : b) as Constant;
    const { tensor, image } = (isConstant(a) ? b : a) as Computed;
    const value = image ? nhwc(constant) : tensorOf(constant);
    return [
      { tensor: layers.operation(name, operation, [tensor], {}, { value, first: isConstant(a) }), image },
    ];
  }
  const image = a.image || b.image;
  const [x, y] = [a, b].map((one) => (image && !one.image ? asImage(one, layers) : one.tensor));
  if (operation === 'add' || operation === 'mul') {
    const layer = tfl.layers[operation === 'add' ? 'add' : 'multiply']({ name: layers.name(name) });
    return [{ tensor: layers.apply(layer, [x!, y!]), image }];
  }
  return [{ tensor: layers.operation(name, operation, [x!, y!]), image }];
};

/** A constant beside images: its axes from [C,H,W] to [H,W,C]. */
function nhwc(constant: Constant): tf.Tensor {
  const value = tensorOf(constant);
  if (constant.shape.length <= 1 && constant.numbers.length === 1) return tf.reshape(value, []);
  const full = [1, 1, 1, 1, ...constant.shape].slice(-4);
  return tf.transpose(tf.reshape(value, full), [0, 2, 3, 1]);
}

function asImage({ tensor }: Computed, layers: LayerFactory): tfl.SymbolicTensor {
  return tensor.shape.length === 4
    ? layers.channelsLast(tensor)
    : fail('an image meets values that are none');
}

/** As ONNX has it. */
function plain({ tensor, image }: Computed, layers: LayerFactory): tfl.SymbolicTensor {
  if (!image) return tensor;
  const [, h, w] = tensor.shape;
  if (h === 1 && w === 1) {
    return layers.operation('pixel', 'reshape', [tensor], { shape: [tensor.shape[3]!, 1, 1] });
  }
  return layers.channelsFirst(tensor);
}

const batchNorm: Converter = ({ computed, operands, node, layers, name }) => {
  const { tensor, image } = computed(0);
  const [gamma, beta, mean, variance] = operands
    .slice(1)
    .map((one) => (isConstant(one) ? tensorOf(one) : undefined));
  if (!gamma || !beta || !mean || !variance) return fail('its statistics are not in the file');
  if (!image && tensor.shape.length !== 2) return fail(`of values of ${tensor.shape.length} axes`);
  const epsilon = Number(node.attributes.get('epsilon') ?? 1e-5);
  const layer = tfl.layers.batchNormalization({ name: layers.name(name), epsilon, momentum: 0.9 });
  return [{ tensor: layers.apply(layer, tensor, [gamma, beta, mean, variance]), image }];
};

const layerNorm: Converter = ({ computed, operands, node, layers, name, int }) => {
  const { tensor, image } = computed(0);
  const axis = int('axis', -1);
  if (image || (axis !== -1 && axis !== tensor.shape.length - 1))
    return fail('of another axis than the last');
  const [gamma, beta] = operands.slice(1).map((one) => (isConstant(one) ? tensorOf(one) : undefined));
  if (!gamma) return fail('its scale is not in the file');
  const epsilon = Number(node.attributes.get('epsilon') ?? 1e-5);
  const layer = tfl.layers.layerNormalization({
    name: layers.name(name),
    epsilon,
    center: beta !== undefined,
  });
  return [{ tensor: layers.apply(layer, tensor, beta ? [gamma, beta] : [gamma]), image: false }];
};

const gemm: Converter = ({ computed, operands, layers, name, int, node }) => {
  const [, weight, bias] = operands;
  if (!isConstant(weight) || (bias && !isConstant(bias))) return fail('its weights are computed');
  const factors = ['alpha', 'beta'].map((key) => Number(node.attributes.get(key) ?? 1));
  if (int('transA', 0) !== 0 || factors.some((factor) => factor !== 1))
    return fail('with transA, alpha or beta');
  const kernel = int('transB', 0) === 1 ? tf.transpose(tensorOf(weight)) : tensorOf(weight);
  return [dense(plain(computed(0), layers), kernel, bias as Constant | undefined, name, layers)];
};

function dense(
  tensor: tfl.SymbolicTensor,
  kernel: tf.Tensor,
  bias: Constant | undefined,
  name: string,
  layers: LayerFactory,
): Computed {
  const units = kernel.shape.at(-1)!;
  const layer = tfl.layers.dense({ name: layers.name(name), units, useBias: bias !== undefined });
  const weights = bias ? [kernel, tf.reshape(tensorOf(bias), [units])] : [kernel];
  return { tensor: layers.apply(layer, tensor, weights), image: false };
}

const matMul: Converter = ({ operands, layers, name, computed }) => {
  const [a, b] = operands;
  if (isConstant(b) && b.shape.length === 2) {
    return [dense(plain(computed(0), layers), tensorOf(b), undefined, name, layers)];
  }
  if (isConstant(a) || isConstant(b)) return fail('with numbers that are no matrix of weights');
  const inputs = [plain(computed(0), layers), plain(computed(1), layers)];
  return [{ tensor: layers.operation(name, 'matMul', inputs), image: false }];
};

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

const clip: Converter = ({ computed, layers, name, numbers }) => {
  const { tensor, image } = computed(0);
  const min = numbers(1, 'min')?.[0] ?? null;
  const max = numbers(2, 'max')?.[0] ?? null;
  if (min === 0 && max === 6) {
    return [
      { tensor: layers.apply(tfl.layers.reLU({ name: layers.name(name), maxValue: 6 }), tensor), image },
    ];
  }
  return [{ tensor: layers.operation(name, 'clip', [tensor], { min, max }), image }];
};

const softmax: Converter = ({ computed, layers, name, int, opset }) => {
  const operand = computed(0);
  const tensor = plain(operand, layers);
  const rank = tensor.shape.length;
  const axis = int('axis', opset >= 13 ? -1 : 1);
  const last = axis === -1 || axis === rank - 1;
  if (opset < 13 && !last) return fail('of several axes, as before opset 13');
  if (last) {
    const layer = tfl.layers.activation({ name: layers.name(name), activation: 'softmax' });
    return [{ tensor: layers.apply(layer, tensor), image: false }];
  }
  return [{ tensor: layers.operation(name, 'softmax', [tensor], { axis }), image: false }];
};

const flatten: Converter = ({ computed, layers, name, int }) => {
  if (int('axis', 1) !== 1) return fail('of another axis than the first');
  const layer = tfl.layers.flatten({ name: layers.name(name) });
  const operand = computed(0);
  const [, h, w] = operand.tensor.shape;
  const tensor =
    operand.image && !(h === 1 && w === 1) ? layers.channelsFirst(operand.tensor) : operand.tensor;
  return [{ tensor: layers.apply(layer, tensor), image: false }];
};

const reshape: Converter = ({ operands, computed, layers, name, numbers }) => {
  const shape = numbers(1, 'shape');
  if (!shape) return fail('its shape is computed');
  if (isConstant(operands[0])) return [{ ...operands[0], shape: shape.filter((size) => size >= 0) }];
  const operand = computed(0);
  const pixel = operand.image && operand.tensor.shape[1] === 1 && operand.tensor.shape[2] === 1;
  if (pixel && shape.length === 2) {
    return [
      { tensor: layers.apply(tfl.layers.flatten({ name: layers.name(name) }), operand.tensor), image: false },
    ];
  }
  // The first axis is the batch, whichever number the file has there.
  return [
    {
      tensor: layers.operation(name, 'reshape', [plain(operand, layers)], { shape: shape.slice(1) }),
      image: false,
    },
  ];
};

const transpose: Converter = ({ computed, layers, name, ints }) => {
  const operand = computed(0);
  const order = ints('perm') ?? fail('without an order');
  const key = order.join();
  if (!operand.image && key === '0,3,1,2') return [{ tensor: operand.tensor, image: true }];
  if (operand.image && key === '0,2,3,1') return [{ tensor: operand.tensor, image: false }];
  if (order[0] !== 0) return [{ tensor: plain(operand, layers), image: false, pending: order }];
  return [{ tensor: layers.operation(name, 'transpose', [plain(operand, layers)], { order }), image: false }];
};

/**
 * Exporters bring queries, keys and values to the front of the batch, take them apart there, and go on with the batch in
 * front: the order is kept until the batch is first again.
 */
function takenApart(
  operand: Operand | undefined,
  axis: number,
  bounds: readonly { start: number; end: number }[],
  layers: LayerFactory,
  name: string,
): Computed[] | undefined {
  if (!operand || isConstant(operand) || !operand.pending) return undefined;
  const { tensor, pending } = operand;
  const place = pending[axis < 0 ? axis + pending.length : axis]!;
  return bounds.map((bound) => ({
    tensor: layers.operation(name, 'slice', [tensor], { axis: place, ...bound }),
    image: false,
    pending,
  }));
}

function withoutAxis(
  { tensor, pending }: Computed,
  axis: number,
  layers: LayerFactory,
  name: string,
): Computed {
  const place = pending![axis]!;
  const sizes = tensor.shape.filter((_, i) => i > 0 && i !== place);
  const { tensor: smaller } = operate(tensor, sizes, layers, name);
  const order = pending!.filter((one) => one !== place).map((one) => (one > place ? one - 1 : one));
  if (order[0] !== 0) return { tensor: smaller, image: false, pending: order };
  return { tensor: layers.operation(name, 'transpose', [smaller], { order }), image: false };
}

const squeeze: Converter = ({ computed, operands, node, layers, name, numbers }) => {
  const [moved] = operands;
  if (node.op === 'Squeeze' && moved && !isConstant(moved) && moved.pending) {
    const [axis, ...more] = numbers(1, 'axes') ?? [];
    if (axis === undefined || more.length > 0) return fail('of more than one axis');
    return [withoutAxis(moved, axis < 0 ? axis + moved.pending.length : axis, layers, name)];
  }
  const tensor = plain(computed(0), layers);
  const axes = numbers(1, 'axes') ?? fail('without axes');
  const inside = node.op === 'Squeeze' ? tensor.shape.length : tensor.shape.length + axes.length;
  const places = axes.map((axis) => (axis < 0 ? axis + inside : axis));
  if (places.includes(0)) return fail('of the batch');
  const sizes = [...tensor.shape];
  if (node.op === 'Squeeze') {
    return [
      operate(
        tensor,
        sizes.filter((_, i) => i > 0 && !places.includes(i)),
        layers,
        name,
      ),
    ];
  }
  for (const place of places.sort((a, b) => a - b)) sizes.splice(place, 0, 1);
  return [operate(tensor, sizes.slice(1), layers, name)];
};

function operate(
  tensor: tfl.SymbolicTensor,
  sizes: (number | null)[],
  layers: LayerFactory,
  name: string,
): Computed {
  const shape = sizes.map((size) => size ?? -1);
  return { tensor: layers.operation(name, 'reshape', [tensor], { shape }), image: false };
}

const concat: Converter = ({ operands, layers, name, int }) => {
  const axis = int('axis', 1);
  const constants = operands.filter(isConstant);
  const values = operands.filter((one): one is Computed => one !== undefined && !isConstant(one));
  if (values.length === 0 || constants.length > 1) return fail('of numbers alone');
  const [constant] = constants;
  const image = values.every((one) => one.image) && !constant;
  const rank = values[0]!.tensor.shape.length;
  const place = axis < 0 ? axis + rank : axis;
  const tensors = values.map((one) => (image ? one.tensor : plain(one, layers)));
  if (constant) {
    const first = isConstant(operands[0]);
    const attributes = { axis: place };
    return [
      {
        tensor: layers.operation(name, 'concat', tensors, attributes, { value: tensorOf(constant), first }),
        image: false,
      },
    ];
  }
  const along = image ? [0, 3, 1, 2][place]! : place;
  if (tensors.length === 1) return [{ tensor: tensors[0]!, image }];
  return [
    {
      tensor: layers.apply(tfl.layers.concatenate({ name: layers.name(name), axis: along }), tensors),
      image,
    },
  ];
};

const gather: Converter = ({ operands, computed, layers, name, int }) => {
  const index = operands[1];
  if (!isConstant(index) || index.shape.length > 0) return fail('of more than one entry');
  const at = index.numbers[0]!;
  const apart = takenApart(operands[0], int('axis', 0), [{ start: at, end: at + 1 }], layers, name);
  if (apart) return [withoutAxis(apart[0]!, int('axis', 0), layers, name)];
  const tensor = plain(computed(0), layers);
  const axis = int('axis', 0);
  const place = axis < 0 ? axis + tensor.shape.length : axis;
  if (place === 0) return fail('along the batch');
  return [
    {
      tensor: layers.operation(name, 'pick', [tensor], { axis: place, index: index.numbers[0]! }),
      image: false,
    },
  ];
};

const slice: Converter = ({ computed, layers, name, numbers }) => {
  const tensor = plain(computed(0), layers);
  const [starts, ends] = [numbers(1, 'starts'), numbers(2, 'ends')];
  if (!starts || !ends) return fail('its bounds are computed');
  const axes = numbers(3, 'axes') ?? starts.map((_, i) => i);
  if ((numbers(4) ?? []).some((step) => step !== 1)) return fail('with steps');
  let value = tensor;
  for (const [i, axis] of axes.entries()) {
    const place = axis < 0 ? axis + tensor.shape.length : axis;
    if (place === 0) return fail('of the batch');
    const attributes = { axis: place, start: starts[i]!, end: Math.min(ends[i]!, 2 ** 31) };
    value = layers.operation(name, 'slice', [value], attributes);
  }
  return [{ tensor: value, image: false }];
};

const split: Converter = ({ node, operands, computed, layers, name, numbers, int }) => {
  const parts = numbers(1, 'split') ?? node.outputs.map(() => 1);
  const starts = parts.map((_, i) => parts.slice(0, i).reduce((sum, extent) => sum + extent, 0));
  const bounds = parts.map((extent, i) => ({ start: starts[i]!, end: starts[i]! + extent }));
  const apart = takenApart(operands[0], int('axis', 0), bounds, layers, name);
  if (apart) return apart;
  const tensor = plain(computed(0), layers);
  const axis = int('axis', 0);
  const place = axis < 0 ? axis + tensor.shape.length : axis;
  const size = tensor.shape[place];
  if (place === 0 || !size) return fail('of the batch, or of an open size');
  const count = node.outputs.length;
  const sizes = numbers(1, 'split') ?? Array<number>(count).fill(Math.ceil(size / count));
  let start = 0;
  return sizes.map((extent) => {
    const attributes = { axis: place, start, end: Math.min(size, start + extent) };
    start += extent;
    return { tensor: layers.operation(name, 'slice', [tensor], attributes), image: false };
  });
};

const pad: Converter = ({ node, computed, layers, name, numbers }) => {
  const { tensor, image } = computed(0);
  const pads = numbers(1, 'pads') ?? fail('its extent is computed');
  if ((node.attributes.get('mode') ?? 'constant') !== 'constant') return fail('other than with a constant');
  const rank = pads.length / 2;
  const order = image ? [0, 2, 3, 1] : Array.from({ length: rank }, (_, i) => i);
  const flat = order.flatMap((axis) => [pads[axis]!, pads[axis + rank]!]);
  const value = numbers(2, 'value')?.[0] ?? 0;
  return [{ tensor: layers.operation(name, 'pad', [tensor], { pads: flat, value }), image }];
};

const leaky: Converter = ({ node, computed, layers, name }) => {
  const { tensor, image } = computed(0);
  const alpha = Number(node.attributes.get('alpha') ?? (node.op === 'Elu' ? 1 : 0.01));
  if (node.op === 'Elu' && alpha !== 1) return fail(`with alpha = ${alpha}`);
  const layer =
    node.op === 'Elu'
      ? tfl.layers.elu({ name: layers.name(name) })
      : tfl.layers.leakyReLU({ name: layers.name(name), alpha });
  return [{ tensor: layers.apply(layer, tensor), image }];
};

const hardSigmoid: Converter = ({ node, computed, layers, name }) => {
  const { tensor, image } = computed(0);
  const [alpha, beta] = [
    Number(node.attributes.get('alpha') ?? 0.2),
    Number(node.attributes.get('beta') ?? 0.5),
  ];
  return [{ tensor: layers.operation(name, 'hardSigmoid', [tensor], { alpha, beta }), image }];
};

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

const entries = (names: readonly string[], converter: Converter) =>
  names.map((name) => [name, converter] as const);

const converters: ReadonlyMap<string, Converter> = new Map<string, Converter>([
  ...entries(Object.keys(activations), activation),
  ...entries(Object.keys(unary), unaryOperation),
  ...entries(Object.keys(binary), arithmetic),
  ...entries(['Identity', 'Dropout', 'Cast'], same),
  ...entries(['GlobalAveragePool', 'GlobalMaxPool'], globalPool),
  ...entries(['ReduceMean', 'ReduceSum'], reduce),
  ...entries(['MaxPool', 'AveragePool'], convertPool),
  ...entries(['Squeeze', 'Unsqueeze'], squeeze),
  ...entries(['LeakyRelu', 'Elu'], leaky),
  ['Conv', convertConvolution],
  ['Constant', constant],
  ['BatchNormalization', batchNorm],
  ['LayerNormalization', layerNorm],
  ['Gemm', gemm],
  ['MatMul', matMul],
  ['Clip', clip],
  ['Softmax', softmax],
  ['Flatten', flatten],
  ['Reshape', reshape],
  ['Transpose', transpose],
  ['Concat', concat],
  ['Gather', gather],
  ['Slice', slice],
  ['Split', split],
  ['Pad', pad],
  ['HardSigmoid', hardSigmoid],
]);

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
