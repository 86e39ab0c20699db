import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import type { TensorOperation } from '../layers/index.ts';
import { asImage, type Converter, fail, plain } from './node-converter.ts';
import { type Computed, type Constant, isConstant, tensorOf } from './operand.ts';

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

/** Operators whose values each come from one place: activations, arithmetic, softmax. */
export const pointwiseConverters: Readonly<Record<string, Converter>> = {
  ...every(activations, activation),
  ...every(unary, unaryOperation),
  ...every(binary, arithmetic),
  Clip: clip,
  Softmax: softmax,
  LeakyRelu: leaky,
  Elu: leaky,
  HardSigmoid: hardSigmoid,
};

function every(names: object, converter: Converter): Record<string, Converter> {
  return Object.fromEntries(Object.keys(names).map((name) => [name, converter]));
}
