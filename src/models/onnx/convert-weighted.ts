import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { type Converter, fail, plain } from './node-converter.ts';
import { type Computed, type Constant, isConstant, type LayerFactory, tensorOf } from './operand.ts';

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

/** Matrix products and normalisations, with their weights. */
export const weightedConverters: Readonly<Record<string, Converter>> = {
  BatchNormalization: batchNorm,
  LayerNormalization: layerNorm,
  Gemm: gemm,
  MatMul: matMul,
};
