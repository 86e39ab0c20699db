import * as tf from '@tensorflow/tfjs-core';
import type { Random } from '../../src/random/index.ts';

/** A tensor that an operation may take. */
export interface Operand {
  readonly index: number;
  readonly shape: number[];
  readonly dtype: 'float32' | 'int32' | 'bool';
  /** Both backends have the very same numbers: what jumps between numbers may be applied. */
  readonly isExact: boolean;
  /** No two numbers are likely to be equal: what picks one of them picks the same everywhere. */
  readonly isDistinct: boolean;
}

export interface Surroundings {
  readonly known: readonly Operand[];
  /** A new input of the program. */
  input(
    shape: number[],
    options?: { dtype?: Operand['dtype']; low?: number; high?: number; grid?: boolean },
  ): Operand;
}

export interface Drawn {
  /** With the attributes, for messages. */
  readonly text: string;
  readonly operands: readonly Operand[];
  readonly run: (operands: readonly tf.Tensor[]) => tf.Tensor;
}

export interface Operation {
  /** Whether its gradient is compared. @default true */
  readonly isSmooth?: boolean;
  /** Whether it moves numbers only. @default false */
  readonly isExact?: boolean;
  /** Draws attributes and operands; null where there is nothing fitting. */
  draw(random: Random, surroundings: Surroundings): Drawn | null;
}

/** A shape of a rank, of sizes 1 to 4; seldom 0. */
function shapeOf(random: Random, rank: number): number[] {
  return Array.from({ length: rank }, () => {
    const size = 1 + random.integer(4);
    return random.integer(60) === 59 ? 0 : size;
  });
}

/** A float tensor: an earlier one that fits, or a new input. */
function float(
  random: Random,
  { known, input }: Surroundings,
  { rank, fits = () => true }: { rank?: number; fits?: (operand: Operand) => boolean } = {},
): Operand {
  const fitting = known.filter(
    (operand) =>
      operand.dtype === 'float32' && (rank === undefined || operand.shape.length === rank) && fits(operand),
  );
  if (fitting.length > 0 && random.integer(4) < 3)
    return fitting.at(-1 - random.integer(Math.min(2, fitting.length)))!;
  return input(shapeOf(random, rank ?? random.integer(5)));
}

const unaries: Record<string, (x: tf.Tensor) => tf.Tensor> = {
  relu: tf.relu,
  neg: tf.neg,
  square: tf.square,
  abs: tf.abs,
  sigmoid: tf.sigmoid,
  tanh: tf.tanh,
  softplus: tf.softplus,
  elu: tf.elu,
  selu: tf.selu,
  leakyRelu: (x) => tf.leakyRelu(x, 0.1),
  relu6: tf.relu6,
  sin: tf.sin,
  cos: tf.cos,
  atan: tf.atan,
  asinh: tf.asinh,
  erf: tf.erf,
  'exp of min 3': (x) => tf.exp(tf.minimum(x, 3)),
  'log1p of square': (x) => tf.log1p(tf.square(x)),
  'sqrt of square + 1': (x) => tf.sqrt(tf.add(tf.square(x), 1)),
  'rsqrt of square + 1': (x) => tf.rsqrt(tf.add(tf.square(x), 1)),
  'reciprocal of square + 1': (x) => tf.reciprocal(tf.add(tf.square(x), 1)),
};

const jumps: Record<string, (x: tf.Tensor) => tf.Tensor> = {
  floor: tf.floor,
  ceil: tf.ceil,
  round: tf.round,
  sign: tf.sign,
  step: (x) => tf.step(x),
  isNaN: tf.isNaN,
  'cast to int32': (x) => tf.cast(x, 'int32'),
  'cast to bool': (x) => tf.cast(x, 'bool'),
  'greater 0': (x) => tf.greater(x, 0),
};

const binaries: Record<string, (a: tf.Tensor, b: tf.Tensor) => tf.Tensor> = {
  add: tf.add,
  sub: tf.sub,
  mul: tf.mul,
  'div by square + 1': (a, b) => tf.div(a, tf.add(tf.square(b), 1)),
  squaredDifference: tf.squaredDifference,
  maximum: tf.maximum,
  minimum: tf.minimum,
  prelu: (a, b) => tf.prelu(a, b),
};

/** Some of the axes, some of them counted from the end. */
function someAxes(random: Random, rank: number): number[] {
  const axes = Array.from({ length: rank }, (_, i) => i).filter(() => random.integer(2) === 0);
  return axes.map((axis) => (random.integer(3) === 2 ? axis - rank : axis));
}

const axisOf = (random: Random, rank: number): number => {
  const axis = random.integer(rank);
  return random.integer(3) === 2 ? axis - rank : axis;
};

const elementwise: Operation = {
  draw(random, around) {
    const name = random.pick(Object.keys(unaries));
    const x = float(random, around);
    return { text: name, operands: [x], run: ([a]) => unaries[name]!(a!) };
  },
};

const jump: Operation = {
  isSmooth: false,
  draw(random, around) {
    const name = random.pick(Object.keys(jumps));
    const x = float(random, around, { fits: ({ isExact }) => isExact });
    return { text: name, operands: [x], run: ([a]) => jumps[name]!(a!) };
  },
};

const binary: Operation = {
  draw(random, around) {
    const name = random.pick(Object.keys(binaries));
    const a = float(random, around);
    // Broadcast: some axes are 1, some leading ones are missing.
    const full = a.shape.map((size) => (random.integer(3) === 2 ? 1 : size));
    const other = around.input(full.slice(random.integer(2) === 0 ? 0 : random.integer(full.length + 1)));
    const [x, y] = random.integer(2) === 0 || name === 'prelu' ? [a, other] : [other, a];
    return { text: name, operands: [x, y], run: ([p, q]) => binaries[name]!(p!, q!) };
  },
};

const integers: Operation = {
  isSmooth: false,
  draw(random, { input }) {
    const options = { dtype: 'int32', low: -100_000, high: 100_000 } as const;
    const shape = shapeOf(random, 1 + random.integer(3));
    const ops: Record<string, (a: tf.Tensor, b: tf.Tensor) => tf.Tensor> = {
      add: tf.add,
      sub: tf.sub,
      maximum: tf.maximum,
      floorDiv: tf.floorDiv,
      mod: tf.mod,
      sum: (a) => tf.sum(a, -1),
      max: (a) => tf.max(a, 0),
      mean: (a) => tf.mean(a),
      equal: tf.equal,
      greater: tf.greater,
    };
    const name = random.pick(Object.keys(ops));
    return {
      text: `int32 ${name}`,
      operands: [input(shape, options), input(shape, options)],
      run: ([a, b]) => ops[name]!(a!, b!),
    };
  },
};

const reduction: Operation = {
  draw(random, around) {
    const ops: Record<string, (x: tf.Tensor, axes: number[], keep: boolean) => tf.Tensor> = {
      sum: tf.sum,
      mean: tf.mean,
      max: tf.max,
      min: tf.min,
      logSumExp: tf.logSumExp,
      variance: (x, axes, keep) => tf.moments(x, axes, keep).variance,
    };
    const name = random.pick(Object.keys(ops));
    const picks = name === 'max' || name === 'min';
    const x = float(random, around, {
      fits: ({ isExact, shape }) => !shape.includes(0) && (!picks || isExact),
    });
    const axes = someAxes(random, x.shape.length);
    const keep = random.integer(2) === 1;
    if (x.shape.includes(0)) return null;
    return {
      text: `${name} [${axes}]${keep ? ' kept' : ''}`,
      operands: [x],
      run: ([a]) => ops[name]!(a!, axes, keep),
    };
  },
};

const places: Operation = {
  isSmooth: false,
  draw(random, around) {
    const x = float(random, around, {
      fits: ({ shape, isExact, isDistinct }) => shape.length > 0 && isExact && isDistinct,
    });
    if (x.shape.length === 0 || x.shape.includes(0)) return null;
    const axis = random.integer(x.shape.length);
    const isLargest = random.integer(2) === 0;
    return {
      text: `${isLargest ? 'argMax' : 'argMin'} ${axis}`,
      operands: [x],
      run: ([a]) => (isLargest ? tf.argMax(a!, axis) : tf.argMin(a!, axis)),
    };
  },
};

const rearrangement: Operation = {
  isExact: true,
  draw(random, around) {
    const x = float(random, around, { fits: ({ shape }) => shape.length > 0 });
    const { shape } = x;
    const rank = shape.length;
    if (rank === 0) return null;
    const one = (text: string, run: (a: tf.Tensor) => tf.Tensor): Drawn => ({
      text,
      operands: [x],
      run: ([a]) => run(a!),
    });
    switch (random.integer(10)) {
      case 0: {
        const perm = random.shuffle(Array.from({ length: rank }, (_, i) => i));
        return one(`transpose [${perm}]`, (a) => tf.transpose(a, perm));
      }
      case 1:
        return one('reshape to a row', (a) => tf.reshape(a, [a.size]));
      case 2: {
        const axis = axisOf(random, rank);
        return one(`reverse ${axis}`, (a) => tf.reverse(a, axis));
      }
      case 3: {
        const begin = shape.map((size) => random.integer(Math.max(1, size)));
        const size = shape.map((full, i) => random.integer(full - begin[i]! + 1) || -1);
        return one(`slice [${begin}] [${size}]`, (a) => tf.slice(a, begin, size));
      }
      case 4: {
        const amounts = shape.map(() => [random.integer(3), random.integer(3)] as [number, number]);
        const value = random.integer(2);
        return one(`pad [${amounts.join(' ')}] ${value}`, (a) => tf.pad(a, amounts, value));
      }
      case 5: {
        const repeats = shape.map(() => 1 + random.integer(2));
        return one(`tile [${repeats}]`, (a) => tf.tile(a, repeats));
      }
      case 6: {
        const axis = axisOf(random, rank);
        const from = axis < 0 ? axis + rank : axis;
        const other = around.input(shape.with(from, 1 + random.integer(3)));
        return { text: `concat ${axis}`, operands: [x, other], run: (list) => tf.concat([...list], axis) };
      }
      case 7: {
        const axis = axisOf(random, rank + 1);
        const other = around.input(shape);
        return { text: `stack ${axis}`, operands: [x, other], run: (list) => tf.stack([...list], axis) };
      }
      case 8: {
        const axis = axisOf(random, rank);
        const length = shape.at(axis)!;
        if (length === 0) return null;
        const part = random.integer(length);
        return one(`unstack ${axis}, ${part}`, (a) => tf.unstack(a, axis)[part]!);
      }
      default: {
        const axis = axisOf(random, rank);
        const length = shape.at(axis)!;
        if (shape.includes(0)) return null;
        const indices = Array.from({ length: 1 + random.integer(4) }, () => random.integer(length));
        return one(`gather [${indices}] ${axis}`, (a) => tf.gather(a, tf.tensor1d(indices, 'int32'), axis));
      }
    }
  },
};

const product: Operation = {
  draw(random, around) {
    const a = float(random, around, { fits: ({ shape }) => shape.length >= 2 && shape.length <= 4 });
    if (a.shape.length < 2) return null;
    const [flipA, flipB] = [random.integer(2) === 1, random.integer(2) === 1];
    const inner = a.shape.at(flipA ? -2 : -1)!;
    const columns = 1 + random.integer(4);
    const b = around.input([...a.shape.slice(0, -2), ...(flipB ? [columns, inner] : [inner, columns])]);
    return {
      text: `matMul ${flipA ? 'A' : 'a'}${flipB ? 'B' : 'b'}`,
      operands: [a, b],
      run: ([x, y]) => tf.matMul(x!, y!, flipA, flipB),
    };
  },
};

/** An image [B,H,W,C]: an earlier one, or a new one; of channels that fill blocks, or not. */
function image(random: Random, around: Surroundings, distinct = false): Operand {
  const usable = around.known.filter(
    ({ shape, dtype, isDistinct, isExact }) =>
      dtype === 'float32' &&
      shape.length === 4 &&
      !shape.includes(0) &&
      (!distinct || (isDistinct && isExact)),
  );
  if (usable.length > 0 && random.integer(2) === 0) return usable.at(-1)!;
  const channels = random.pick([1, 2, 3, 16, 5, 8, 32, 17]);
  const shape = [1 + random.integer(2), 1 + random.integer(7), 1 + random.integer(7), channels];
  return around.input(shape, distinct ? { grid: false } : {});
}

type Two = [number, number];

const two = (random: Random, most: number): Two => {
  const first = 1 + random.integer(most);
  return [first, random.integer(3) === 2 ? 1 + random.integer(most) : first];
};

/** A padding that the cpu backend lays out as TensorFlow does. */
function padding(
  random: Random,
  square: boolean,
): 'same' | 'valid' | number | tf.backend_util.ExplicitPadding {
  switch (random.integer(4)) {
    case 0:
      return 'same';
    case 1:
      return 'valid';
    case 2:
      return square ? random.integer(2) : 'same';
    default: {
      const sides = (): Two => [random.integer(2), random.integer(2)];
      return [[0, 0], sides(), sides(), [0, 0]];
    }
  }
}

const convolution: Operation = {
  draw(random, around) {
    const x = image(random, around);
    const size = two(random, 4);
    const isDilated = random.integer(5) === 4;
    const strides: Two = isDilated ? [1, 1] : two(random, 3);
    const dilations: Two = isDilated ? two(random, 2) : [1, 1];
    const square = [size, strides, dilations].every(([a, b]) => a === b);
    const pad = padding(random, square);
    const isDepthwise = random.integer(3) === 2;
    const out = random.pick([2, 1, 16, 3, 32]);
    const filter = around.input([...size, x.shape[3]!, isDepthwise ? 1 + random.integer(2) : out], {
      low: -0.5,
      high: 0.5,
    });
    const text = `${size} strides ${strides} pad ${pad} dilations ${dilations}`;
    const fused = random.integer(3) === 2 && !isDepthwise && !isDilated;
    if (fused) {
      const activation = random.pick(['relu', 'linear', 'relu6', 'elu', 'sigmoid'] as const);
      const bias = around.input([out]);
      return {
        text: `fused.conv2d ${text} ${activation}`,
        operands: [x, filter, bias],
        run: ([a, f, b]) =>
          tf.fused.conv2d({
            x: a as tf.Tensor4D,
            filter: f as tf.Tensor4D,
            bias: b!,
            strides,
            pad,
            activation,
          }),
      };
    }
    return {
      text: `${isDepthwise ? 'depthwiseConv2d' : 'conv2d'} ${text}`,
      operands: [x, filter],
      run: ([a, f]) =>
        isDepthwise
          ? tf.depthwiseConv2d(a as tf.Tensor4D, f as tf.Tensor4D, strides, pad, 'NHWC', dilations)
          : tf.conv2d(a as tf.Tensor4D, f as tf.Tensor4D, strides, pad, 'NHWC', dilations),
    };
  },
};

const volume: Operation = {
  draw(random, around) {
    const x = around.input([1, ...shapeOf(random, 3).map((n) => n + 1), random.pick([1, 2, 3])], {
      grid: false,
    });
    // Windows below their stride: the cpu backend skips the first element there.
    const size = 1 + random.integer(3);
    const strides = 1 + random.integer(size);
    const pad = random.pick(['same', 'valid'] as const);
    const kind = random.integer(3);
    const text = `${size} strides ${strides} ${pad}`;
    if (kind > 0) {
      const isLargest = kind === 1;
      return {
        text: `${isLargest ? 'maxPool3d' : 'avgPool3d'} ${text}`,
        operands: [x],
        run: ([a]) =>
          isLargest
            ? tf.maxPool3d(a as tf.Tensor5D, size, strides, pad)
            : tf.avgPool3d(a as tf.Tensor5D, size, strides, pad),
      };
    }
    const filter = around.input([size, size, size, x.shape[4]!, 2]);
    return {
      text: `conv3d ${text}`,
      operands: [x, filter],
      run: ([a, f]) => tf.conv3d(a as tf.Tensor5D, f as tf.Tensor5D, strides, pad),
    };
  },
};

const pooling: Operation = {
  draw(random, around) {
    const isLargest = random.integer(2) === 0;
    const x = image(random, around, isLargest);
    const [size, strides] = [two(random, 3), two(random, 3)];
    const pad = random.pick(['same', 'valid'] as const);
    return {
      text: `${isLargest ? 'maxPool' : 'avgPool'} ${size} strides ${strides} ${pad}`,
      operands: [x],
      run: ([a]) =>
        isLargest
          ? tf.maxPool(a as tf.Tensor4D, size, strides, pad)
          : tf.avgPool(a as tf.Tensor4D, size, strides, pad),
    };
  },
};

const resizing: Operation = {
  draw(random, around) {
    const x = image(random, around);
    const size: Two = [1 + random.integer(9), 1 + random.integer(9)];
    const [corners, centres] = random.pick([
      [false, false],
      [false, true],
      [true, false],
    ]) as [boolean, boolean];
    return {
      text: `resizeBilinear ${size} ${corners} ${centres}`,
      operands: [x],
      run: ([a]) => tf.image.resizeBilinear(a as tf.Tensor4D, size, corners, centres),
    };
  },
};

const normalization: Operation = {
  draw(random, around) {
    const x = image(random, around);
    const channels = x.shape[3]!;
    const [mean, scale, offset] = [0, 1, 2].map(() => around.input([channels])) as [
      Operand,
      Operand,
      Operand,
    ];
    const variance = around.input([channels], { low: 0.1, high: 2 });
    return {
      text: 'batchNorm',
      operands: [x, mean, variance, offset, scale],
      run: ([a, m, v, o, s]) =>
        tf.batchNorm(a!, m as tf.Tensor1D, v as tf.Tensor1D, o as tf.Tensor1D, s as tf.Tensor1D),
    };
  },
};

const softmaxes: Operation = {
  draw(random, around) {
    const x = float(random, around, { fits: ({ shape }) => shape.length > 0 && !shape.includes(0) });
    if (x.shape.length === 0 || x.shape.includes(0)) return null;
    const isLog = random.integer(2) === 1;
    return {
      text: isLog ? 'logSoftmax' : 'softmax',
      operands: [x],
      run: ([a]) => (isLog ? tf.logSoftmax(a!) : tf.softmax(a!)),
    };
  },
};

const sums: Operation = {
  draw(random, around) {
    const x = float(random, around, { fits: ({ shape }) => shape.length > 0 });
    if (x.shape.length === 0) return null;
    const axis = random.integer(x.shape.length);
    const [exclusive, reverse] = [random.integer(2) === 1, random.integer(2) === 1];
    return {
      text: `cumsum ${axis}${exclusive ? ' exclusive' : ''}${reverse ? ' reverse' : ''}`,
      operands: [x],
      run: ([a]) => tf.cumsum(a!, axis, exclusive, reverse),
    };
  },
};

const choice: Operation = {
  draw(random, around) {
    const a = float(random, around);
    const condition = around.input(a.shape, { dtype: 'bool' });
    const b = around.input(a.shape);
    return {
      text: 'where',
      operands: [condition, a, b],
      run: ([c, x, y]) => tf.where(c!, x!, y!),
    };
  },
};

const clipping: Operation = {
  draw(random, around) {
    const x = float(random, around);
    const low = -random.integer(2);
    return { text: `clipByValue ${low}`, operands: [x], run: ([a]) => tf.clipByValue(a!, low, 1.3) };
  },
};

/** The simplest first: what a fault is shrunk to. */
export const operations: readonly Operation[] = [
  elementwise,
  binary,
  reduction,
  rearrangement,
  rearrangement,
  product,
  convolution,
  convolution,
  convolution,
  pooling,
  pooling,
  normalization,
  softmaxes,
  sums,
  choice,
  clipping,
  resizing,
  volume,
  integers,
  places,
  jump,
];
