import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import { enableHigherOrderGradients } from '../../src/autodiff/index.ts';
import { registerOnnxBackend } from '../../src/engine/onnx/index.ts';
import type { Random } from '../../src/random/index.ts';
import { PythonProcess } from './python-process.ts';
import { type FuzzTarget, wrong } from './target.ts';

type Pad = 'same' | 'valid';
const activations = [
  'linear',
  'relu',
  'elu',
  'tanh',
  'sigmoid',
  'softplus',
  'swish',
  'gelu',
  'relu6',
  'leakyRelu',
] as const;
type Activation = (typeof activations)[number];

/** A layer of a random network; `weights` counts the parameters that it takes. */
type Layer =
  | { kind: 'conv'; size: number; stride: number; pad: Pad; dilation: number; weights: 2 }
  | { kind: 'depthwise'; size: number; stride: number; pad: Pad; weights: 1 }
  | { kind: 'maxPool' | 'avgPool'; size: number; stride: number; pad: Pad; weights: 0 }
  | { kind: 'batchNorm'; weights: 2 }
  | { kind: 'residual'; weights: 2 }
  | { kind: 'activation'; name: Activation; weights: 0 };

interface Network {
  readonly image: { shape: number[]; values: number[] };
  readonly layers: readonly Layer[];
  /** The output of so many layers is the target layer A. */
  readonly target: number;
  readonly pooling: 'mean' | 'max' | 'flat';
  readonly parameters: readonly { shape: number[]; values: number[] }[];
  readonly classes: readonly number[];
}

let python: PythonProcess | undefined;

/** Gradients of a loss on a Grad-CAM map, of random networks: a derivative of a derivative through every layer. */
export const gradientsTarget: FuzzTarget = {
  name: 'gradients',
  describe:
    'random networks: gradients of a loss on their Grad-CAM map, as PyTorch has them (FUZZ_PYTHON), else as on the cpu backend',
  short: 12,
  seconds: 60,
  async start() {
    registerOnnxBackend({ threads: 1 });
    enableHigherOrderGradients();
    const path = process.env.FUZZ_PYTHON;
    if (path) python = new PythonProcess(path, new URL('../reference/fuzz_gradients.py', import.meta.url));
  },
  async end() {
    python?.end();
    python = undefined;
  },
  async run(random) {
    const network = draw(random);
    const found = gradients('onnx', network);
    const expected = python ? await python.ask<number[][]>(network) : gradients('cpu', network);
    const largest = Math.max(...expected.flat().map(Math.abs), 1e-6);
    for (const [p, right] of expected.entries()) {
      // Small next to the other parameters' gradients, a gradient is what rounding leaves of them.
      const scale = Math.max(...right.map(Math.abs), largest * 1e-2);
      right.forEach((want, i) => {
        const got = found[p]![i]!;
        if (Math.abs(got - want) <= 2e-3 * scale) return;
        wrong(`${describe(network)}: gradient of parameter ${p}, [${i}] is ${got}, not ${want}`);
      });
    }
  },
};

function draw(random: Random): Network {
  const numbers = <S extends number[]>(shape: S, low: number, high: number) => ({
    shape,
    values: Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () =>
      Math.fround(random.uniform(low, high)),
    ),
  });
  const batch = 1 + random.integer(3);
  let [height, width, channels] = [5 + random.integer(6), 5 + random.integer(6), 1 + random.integer(3)] as [
    number,
    number,
    number,
  ];
  const image = numbers([batch, height, width, channels], -1, 1);
  const layers: Layer[] = [];
  const parameters: Network['parameters'][number][] = [];
  const weights = (shape: number[]) => {
    const spread =
      1.5 /
      Math.sqrt(
        Math.max(
          1,
          shape.slice(0, -1).reduce((a, b) => a * b, 1),
        ),
      );
    parameters.push(numbers(shape, -spread, spread));
  };
  const shrink = (size: number, stride: number, pad: Pad) => {
    const side = (length: number) => Math.ceil((pad === 'same' ? length : length - size + 1) / stride);
    [height, width] = [side(height), side(width)];
  };
  const window = () => {
    const most = Math.min(3, height, width);
    const size = 1 + random.integer(most);
    return { size, stride: 1 + random.integer(2), pad: random.pick(['same', 'valid'] as const) };
  };
  const convolution = () => {
    const walk = window();
    const dilation = walk.stride === 1 && walk.pad === 'same' ? 1 + random.integer(2) : 1;
    layers.push({ kind: 'conv', ...walk, dilation, weights: 2 });
    const filters = random.pick([2, 3, 4, 16]);
    weights([walk.size, walk.size, channels, filters]);
    weights([filters]);
    channels = filters;
    shrink(walk.size, walk.stride, walk.pad);
  };
  const activation = () => layers.push({ kind: 'activation', name: random.pick(activations), weights: 0 });
  const other = () => {
    switch (random.integer(6)) {
      case 0:
        return activation();
      case 1: {
        const walk = window();
        layers.push({ kind: random.pick(['maxPool', 'avgPool'] as const), ...walk, weights: 0 });
        return shrink(walk.size, walk.stride, walk.pad);
      }
      case 2:
        // A batch of one number per channel has no variance.
        if (batch * height * width < 4) return activation();
        layers.push({ kind: 'batchNorm', weights: 2 });
        weights([channels]);
        return weights([channels]);
      case 3: {
        const walk = window();
        layers.push({ kind: 'depthwise', ...walk, weights: 1 });
        weights([walk.size, walk.size, channels, 1]);
        return shrink(walk.size, walk.stride, walk.pad);
      }
      case 4:
        layers.push({ kind: 'residual', weights: 2 });
        weights([3, 3, channels, channels]);
        return weights([channels]);
      default:
        return convolution();
    }
  };
  convolution();
  activation();
  const target = layers.length;
  for (let n = random.integer(5); n > 0; n--) other();
  const pooling = random.pick(['mean', 'max', 'flat'] as const);
  const classes = 2 + random.integer(3);
  weights([pooling === 'flat' ? height * width * channels : channels, classes]);
  weights([classes]);
  return {
    image,
    layers,
    target,
    pooling,
    parameters,
    classes: Array.from({ length: batch }, () => random.integer(classes)),
  };
}

const apply: Record<Activation, (x: tf.Tensor) => tf.Tensor> = {
  linear: (x) => x,
  relu: tf.relu,
  elu: tf.elu,
  tanh: tf.tanh,
  sigmoid: tf.sigmoid,
  softplus: tf.softplus,
  swish: (x) => tf.mul(x, tf.sigmoid(x)),
  gelu: (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.div(x, Math.SQRT2)), 1)),
  relu6: tf.relu6,
  leakyRelu: (x) => tf.leakyRelu(x, 0.2),
};

function runLayer(layer: Layer, x: tf.Tensor4D, [first, second]: tf.Tensor[]): tf.Tensor4D {
  switch (layer.kind) {
    case 'conv':
      return tf.add(
        tf.conv2d(x, first as tf.Tensor4D, layer.stride, layer.pad, 'NHWC', layer.dilation),
        second!,
      );
    case 'depthwise':
      return tf.depthwiseConv2d(x, first as tf.Tensor4D, layer.stride, layer.pad);
    case 'maxPool':
      return tf.maxPool(x, layer.size, layer.stride, layer.pad);
    case 'avgPool':
      return tf.avgPool(x, layer.size, layer.stride, layer.pad);
    case 'batchNorm': {
      const { mean, variance } = tf.moments(x, [0, 1, 2]);
      return tf.batchNorm4d(
        x,
        mean as tf.Tensor1D,
        variance as tf.Tensor1D,
        first as tf.Tensor1D,
        second as tf.Tensor1D,
        1e-2,
      );
    }
    case 'residual':
      return tf.add(x, tf.relu(tf.add(tf.conv2d(x, first as tf.Tensor4D, 1, 'same'), second!)));
    case 'activation':
      return apply[layer.name](x) as tf.Tensor4D;
  }
}

function runLayers(layers: readonly Layer[], x: tf.Tensor4D, parameters: readonly tf.Tensor[]): tf.Tensor4D {
  let next = 0;
  return layers.reduce((value, layer) => {
    const own = parameters.slice(next, next + layer.weights);
    next += layer.weights;
    return runLayer(layer, value, own);
  }, x);
}

/** ∂L/∂θ of L = Σ v (M + M²/2) + mean s, M = relu(Σ_k mean_ij(∂s/∂A)_k A_k); v is sin(1 + 7 i). */
function gradients(backend: string, network: Network): number[][] {
  void tf.setBackend(backend);
  const { layers, target } = network;
  const below = layers.slice(0, target);
  const above = layers.slice(target);
  const split = below.reduce((sum, { weights }) => sum + weights, 0);
  tf.engine().startScope();
  try {
    const image = tf.tensor<tf.Rank.R4>(
      network.image.values,
      network.image.shape as [number, number, number, number],
    );
    const chosen = tf.oneHot(
      tf.tensor1d([...network.classes], 'int32'),
      network.parameters.at(-1)!.shape[0]!,
    );
    const loss = (...parameters: tf.Tensor[]): tf.Tensor => {
      const a = runLayers(below, image, parameters.slice(0, split));
      const score = (x: tf.Tensor): tf.Tensor => {
        const y = runLayers(above, x as tf.Tensor4D, parameters.slice(split, -2));
        const pooled =
          network.pooling === 'flat'
            ? tf.reshape(y, [y.shape[0], -1])
            : network.pooling === 'max'
              ? tf.max(y, [1, 2])
              : tf.mean(y, [1, 2]);
        const logits = tf.add(
          tf.matMul(pooled as tf.Tensor2D, parameters.at(-2) as tf.Tensor2D),
          parameters.at(-1)!,
        );
        return tf.sum(tf.mul(logits, chosen));
      };
      const slope = tf.grad(score)(a);
      const map = tf.relu(tf.sum(tf.mul(tf.mean(slope, [1, 2], true), a), 3));
      const weights = tf.sin(tf.add(tf.mul(tf.range(0, map.size), 7), 1));
      const parts = tf.add(map, tf.div(tf.square(map), 2));
      return tf.add(tf.sum(tf.mul(tf.reshape(parts, [-1]), weights)), tf.mul(score(a), 0.1));
    };
    const given = network.parameters.map(({ shape, values }) => tf.tensor(values, shape));
    return tf
      .grads(loss)(given)
      .map((x) => Array.from(x.dataSync()));
  } finally {
    tf.engine().endScope();
  }
}

function describe({ image, layers, target, pooling }: Network): string {
  const text = layers.map((layer, i) => {
    const { kind, weights: _, ...rest } = layer;
    return `${kind} ${Object.values(rest).join(' ')}${i === target - 1 ? ' (A)' : ''}`;
  });
  return `[${image.shape}] > ${text.join(' > ')} > ${pooling}`;
}
