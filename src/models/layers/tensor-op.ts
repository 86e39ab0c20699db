import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { type Config, registerLayers, type Shape } from './one-tensor-layer.ts';

type Attributes = Record<string, number | number[] | string | null>;

/** An operation between tensors, with what the graph says of it. */
type Operation = (inputs: tf.Tensor[], attributes: Attributes) => tf.Tensor;

const numbers = (value: Attributes[string] | undefined): number[] => [value ?? []].flat() as number[];

/** Operations that no layer of tfjs stands for, made of ops whose derivatives exist to any order. */
export const tensorOperations = {
  add: ([a, b]) => tf.add(a!, b!),
  sub: ([a, b]) => tf.sub(a!, b!),
  mul: ([a, b]) => tf.mul(a!, b!),
  div: ([a, b]) => tf.div(a!, b!),
  pow: ([a, b]) => tf.pow(a!, b!),
  matMul: ([a, b]) => tf.matMul(a!, b!),
  maximum: ([a, b]) => tf.maximum(a!, b!),
  minimum: ([a, b]) => tf.minimum(a!, b!),
  exp: ([x]) => tf.exp(x!),
  log: ([x]) => tf.log(x!),
  sqrt: ([x]) => tf.sqrt(x!),
  neg: ([x]) => tf.neg(x!),
  abs: ([x]) => tf.abs(x!),
  erf: ([x]) => tf.erf(x!),
  reciprocal: ([x]) => tf.reciprocal(x!),
  gelu: ([x]) => tf.mul(tf.mul(x!, 0.5), tf.add(tf.erf(tf.mul(x!, Math.SQRT1_2)), 1)),
  clip: ([x], { min, max }) => {
    const above = min === null ? x! : tf.maximum(x!, min as number);
    return max === null ? above : tf.minimum(above, max as number);
  },
  /** max(0, min(1, α x + β)). */
  hardSigmoid: ([x], { alpha, beta }) =>
    tf.maximum(tf.minimum(tf.add(tf.mul(x!, alpha as number), beta as number), 1), 0),
  /** Shape of a sample; 0 keeps the size that comes in, -1 is what is left. */
  reshape: ([x], { shape }) => {
    const sizes = numbers(shape).map((size, i) => (size === 0 ? x!.shape[i + 1]! : size));
    return tf.reshape(x!, [x!.shape[0]!, ...sizes]);
  },
  transpose: ([x], { order }) => tf.transpose(x!, numbers(order)),
  mean: ([x], { axes, keepdims }) => tf.mean(x!, numbers(axes), keepdims === 1),
  sum: ([x], { axes, keepdims }) => tf.sum(x!, numbers(axes), keepdims === 1),
  concat: (inputs, { axis }) => {
    const batch = Math.max(...inputs.map(({ shape }) => shape[0]!));
    // A constant, such as a class token, is the same for every sample.
    const whole = inputs.map((one) =>
      one.shape[0] === batch ? one : tf.add(tf.zeros([batch, ...one.shape.slice(1)]), one),
    );
    return tf.concat(whole, axis as number);
  },
  slice: ([x], { axis, start, end }) => {
    const size = x!.shape[axis as number]!;
    const at = (value: number) => Math.min(size, Math.max(0, value < 0 ? value + size : value));
    const begin = x!.shape.map((_, i) => (i === axis ? at(start as number) : 0));
    const sizes = x!.shape.map((full, i) => (i === axis ? at(end as number) - at(start as number) : full));
    return tf.slice(x!, begin, sizes);
  },
  /** One entry along an axis, which is gone then. */
  pick: ([x], { axis, index }) => {
    const size = x!.shape[axis as number]!;
    const at = (index as number) < 0 ? (index as number) + size : (index as number);
    const begin = x!.shape.map((_, i) => (i === axis ? at : 0));
    const sizes = x!.shape.map((full, i) => (i === axis ? 1 : full));
    return tf.squeeze(tf.slice(x!, begin, sizes), [axis as number]);
  },
  pad: ([x], { pads, value }) => {
    const flat = numbers(pads);
    const pairs = x!.shape.map((_, i): [number, number] => [flat[2 * i]!, flat[2 * i + 1]!]);
    return tf.pad(x!, pairs, value as number);
  },
  softmax: ([x], { axis }) => {
    const along = (axis as number) < 0 ? (axis as number) + x!.rank : (axis as number);
    if (along === x!.rank - 1) return tf.softmax(x!);
    const there = [...x!.shape.keys()].filter((i) => i !== along).concat(along);
    return tf.transpose(
      tf.softmax(tf.transpose(x!, there)),
      [...x!.shape.keys()].map((i) => there.indexOf(i)),
    );
  },
} satisfies Record<string, Operation>;

export type TensorOperation = keyof typeof tensorOperations;

interface TensorOpArgs extends Config {
  operation: TensorOperation;
  attributes?: Attributes;
  /** Shape of a constant operand, which is a weight. */
  constantShape?: number[] | null;
  /** Whether the constant is the first operand. */
  constantFirst?: boolean;
}

/** One operation of an imported graph, with a constant operand of its own if it has one. */
export class TensorOp extends tfl.layers.Layer {
  static readonly className = 'TensorOp';
  readonly operation: TensorOperation;
  readonly attributes: Attributes;
  readonly constantShape: number[] | null;
  readonly constantFirst: boolean;
  #constant: tfl.LayerVariable | null = null;

  constructor(args: TensorOpArgs) {
    super(args as object);
    this.operation = args.operation;
    this.attributes = args.attributes ?? {};
    this.constantShape = args.constantShape ?? null;
    this.constantFirst = args.constantFirst ?? false;
  }

  /** So that no map is drawn on channels. */
  get dataFormat(): 'channelsFirst' | undefined {
    const { order } = this.attributes;
    return this.operation === 'transpose' && String(order) === '0,3,1,2' ? 'channelsFirst' : undefined;
  }

  override build(): void {
    if (this.constantShape) {
      const zeros = tfl.initializers.zeros();
      this.#constant = this.addWeight('value', this.constantShape, 'float32', zeros as never);
    }
    this.built = true;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return tf.tidy(() => {
      const given = Array.isArray(inputs) ? inputs : [inputs];
      const own = this.#constant ? [this.#constant.read()] : [];
      return this.#apply(this.constantFirst ? [...own, ...given] : [...given, ...own]);
    });
  }

  #apply(operands: tf.Tensor[]): tf.Tensor {
    return tensorOperations[this.operation](operands, this.attributes);
  }

  /** Found by doing it, with a batch of 2 where the batch is open. */
  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const shapes = (Array.isArray(inputShape[0]) ? inputShape : [inputShape]) as Shape[];
    const answer = tf.tidy(() => {
      const given = shapes.map((shape) => tf.zeros(shape.map((size, i) => size ?? (i === 0 ? 2 : 1))));
      const own = this.constantShape ? [tf.zeros(this.constantShape)] : [];
      return this.#apply(this.constantFirst ? [...own, ...given] : [...given, ...own]);
    });
    const [, ...found] = answer.shape;
    answer.dispose();
    return [null, ...found];
  }

  override getConfig(): Config {
    const { operation, attributes, constantShape, constantFirst } = this;
    return { ...super.getConfig(), operation, attributes, constantShape, constantFirst };
  }
}

registerLayers(TensorOp);
