import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { enableHigherOrderGradients } from '../../../src/autodiff/index.ts';
import { type Case, random, sameAsCpu } from './compare.ts';

type Pad =
  | 'same'
  | 'valid'
  | number
  | [[number, number], [number, number], [number, number], [number, number]];
type Four = tf.Tensor4D;

const explicit: Pad = [
  [0, 0],
  [1, 2],
  [0, 1],
  [0, 0],
];

interface Geometry {
  readonly input: number[];
  readonly filter: number[];
  readonly stride: number | [number, number];
  readonly pad: Pad;
}

const geometries: Geometry[] = [
  { input: [2, 5, 6, 3], filter: [3, 3, 3, 4], stride: 1, pad: 'same' },
  { input: [2, 5, 6, 3], filter: [3, 2, 3, 2], stride: 1, pad: 'valid' },
  { input: [1, 7, 8, 2], filter: [3, 3, 2, 3], stride: 2, pad: 'same' },
  { input: [1, 8, 7, 2], filter: [3, 3, 2, 3], stride: 2, pad: 'valid' },
  { input: [2, 6, 6, 4], filter: [1, 1, 4, 5], stride: 2, pad: 'same' },
  { input: [1, 9, 7, 1], filter: [5, 3, 1, 2], stride: [3, 2], pad: explicit },
  { input: [1, 4, 4, 2], filter: [3, 3, 2, 2], stride: 1, pad: 3 },
  { input: [2, 1, 1, 8], filter: [1, 1, 8, 4], stride: 1, pad: 'valid' },
  { input: [2, 6, 6, 16], filter: [3, 3, 16, 32], stride: 1, pad: 'same' },
  { input: [1, 6, 5, 32], filter: [3, 3, 32, 16], stride: 2, pad: 'same' },
  { input: [2, 8, 6, 16], filter: [3, 3, 16, 32], stride: 2, pad: 'same' },
  { input: [2, 6, 4, 32], filter: [1, 1, 32, 16], stride: 2, pad: 'valid' },
  { input: [1, 9, 6, 16], filter: [5, 4, 16, 16], stride: [3, 2], pad: explicit },
  { input: [1, 8, 8, 16], filter: [2, 2, 16, 16], stride: 2, pad: 'valid' },
  { input: [2, 7, 6, 20], filter: [3, 3, 20, 50], stride: 1, pad: 'valid' },
  { input: [2, 6, 6, 12], filter: [3, 3, 12, 24], stride: 2, pad: 'same' },
  { input: [2, 4, 3, 192], filter: [3, 3, 192, 160], stride: 1, pad: 'same' },
];

for (const { input, filter, stride, pad } of geometries) {
  const label = `${input} * ${filter}, stride ${stride}, pad ${JSON.stringify(pad)}`;
  test(`conv2d ${label}`, (t) => {
    const run: Case['run'] = (x, w) => tf.conv2d(x as Four, w as Four, stride, pad);
    sameAsCpu(t, { name: 'conv2d', inputs: [input, filter], run });
  });
  test(`conv2dTranspose ${label}`, (t) => {
    const { outShape } = tf.backend_util.computeConv2DInfo(input as never, filter as never, stride, 1, pad);
    const run: Case['run'] = (y, w) =>
      tf.conv2dTranspose(y as Four, w as Four, input as never, stride, pad as never);
    sameAsCpu(t, { name: 'conv2dTranspose', inputs: [outShape, filter], run });
  });
}

test('conv2d with dilation; NCHW', (t) => {
  const dilated: Case['run'] = (x, w) => tf.conv2d(x as Four, w as Four, 1, 'same', 'NHWC', 2);
  sameAsCpu(t, {
    name: 'dilated',
    inputs: [
      [1, 7, 7, 2],
      [3, 3, 2, 3],
    ],
    run: dilated,
    gradients: false,
  });
  const nchw: Case['run'] = (x, w) => tf.conv2d(x as Four, w as Four, 1, 'valid', 'NCHW');
  sameAsCpu(t, {
    name: 'NCHW',
    inputs: [
      [1, 2, 5, 6],
      [3, 3, 2, 3],
    ],
    run: nchw,
    gradients: false,
  });
});

for (const multiplier of [1, 2]) {
  for (const stride of [1, 2]) {
    for (const pad of ['same', 'valid'] as const) {
      test(`depthwiseConv2d, multiplier ${multiplier}, stride ${stride}, ${pad}`, (t) => {
        const run: Case['run'] = (x, w) => tf.depthwiseConv2d(x as Four, w as Four, stride, pad);
        sameAsCpu(t, {
          name: 'depthwise',
          inputs: [
            [2, 6, 7, 3],
            [3, 3, 3, multiplier],
          ],
          run,
        });
      });
    }
  }
}

test('depthwiseConv2d with dilation, separableConv2d, conv1d', (t) => {
  const dilated: Case['run'] = (x, w) => tf.depthwiseConv2d(x as Four, w as Four, 1, 'same', 'NHWC', 2);
  sameAsCpu(t, {
    name: 'dilated',
    inputs: [
      [1, 7, 7, 2],
      [3, 3, 2, 2],
    ],
    run: dilated,
    gradients: false,
  });
  const separable: Case['run'] = (x, d, p) => tf.separableConv2d(x as Four, d as Four, p as Four, 1, 'same');
  sameAsCpu(t, {
    name: 'separable',
    inputs: [
      [1, 5, 5, 3],
      [3, 3, 3, 2],
      [1, 1, 6, 4],
    ],
    run: separable,
  });
  const line: Case['run'] = (x, w) => tf.conv1d(x as tf.Tensor3D, w as tf.Tensor3D, 2, 'same');
  sameAsCpu(t, {
    name: 'conv1d',
    inputs: [
      [2, 9, 3],
      [3, 3, 4],
    ],
    run: line,
  });
});

test('conv3d: value and gradients', (t) => {
  for (const pad of ['same', 'valid'] as const) {
    for (const stride of [1, 2, [1, 2, 1], [2, 1, 1]] as const) {
      const run: Case['run'] = (x, w) =>
        tf.conv3d(x as tf.Tensor5D, w as tf.Tensor5D, stride as [number, number, number], pad);
      sameAsCpu(t, {
        name: 'conv3d',
        inputs: [
          [2, 4, 5, 4, 2],
          [3, 3, 2, 2, 3],
        ],
        run,
      });
    }
  }
});

const pools: [number | [number, number], number | [number, number], Pad][] = [
  [2, 2, 'same'],
  [2, 2, 'valid'],
  [3, 2, 'same'],
  [3, 1, 'valid'],
  [[2, 3], [1, 2], 'valid'],
  [3, 3, 1],
];

for (const [size, stride, pad] of pools) {
  test(`maxPool ${size}, stride ${stride}, pad ${pad}`, (t) => {
    const run: Case['run'] = (x) => tf.maxPool(x as Four, size, stride, pad as never);
    sameAsCpu(t, { name: 'maxPool', inputs: [[2, 7, 6, 3]], run });
    sameAsCpu(t, { name: 'maxPool in blocks', inputs: [[2, 7, 6, 16]], run });
    // The relu's gradient is decided on the maxima.
    const ofRelu: Case['run'] = (x) => tf.maxPool(tf.relu(x) as Four, size, stride, pad as never);
    sameAsCpu(t, { name: 'maxPool of relu in blocks', inputs: [[2, 7, 6, 16]], run: ofRelu });
  });
  test(`avgPool ${size}, stride ${stride}, pad ${pad}`, (t) => {
    const run: Case['run'] = (x) => tf.avgPool(x as Four, size, stride, pad as never);
    sameAsCpu(t, { name: 'avgPool', inputs: [[2, 7, 6, 3]], run, gradients: pad === 'valid' });
  });
}

test('the gradient of a padded avgPool is that of its own forward pass', (t) => {
  void tf.setBackend('onnx');
  const x = tf.ones([1, 3, 3, 1]);
  const gradient = tf.grad((y: tf.Tensor) => tf.avgPool(y as Four, 2, 2, 'same'))(x);
  // Windows: 4, 2, 2 and 1 elements; each element receives one over the size of its window.
  t.deepEqual(Array.from(gradient.dataSync()), [0.25, 0.25, 0.5, 0.25, 0.25, 0.5, 0.5, 0.5, 1]);
});

test('the gradient of maxPool goes to the first of equal elements', (t) => {
  const ties = { shape: [1, 2, 4, 1], values: [1, 1, 0, 0, 1, 1, 0, 0] };
  sameAsCpu(t, { name: 'ties', inputs: [ties], run: (x) => tf.maxPool(x as Four, 2, 2, 'valid') });
  const blocks = { shape: [1, 4, 4, 16], values: Array.from({ length: 256 }, (_, i) => i % 3) };
  for (const [size, stride] of [
    [2, 2],
    [3, 2],
    [3, 1],
  ] as const) {
    const run: Case['run'] = (x) => tf.maxPool(x as Four, size, stride, 'same');
    sameAsCpu(t, { name: `ties in blocks ${size}/${stride}`, inputs: [blocks], run });
  }
  sameAsCpu(t, { name: 'overlap', inputs: [ties], run: (x) => tf.maxPool(x as Four, 2, 1, 'valid') });
});

// One axis after the other, where the image is the result times the stride (separable-pooling-gradient.ts).
for (const [size, stride, pad] of [
  [2, 2, 'valid'],
  [3, 2, 'same'],
  [3, 2, 1],
  [3, 1, 'same'],
  [4, 2, 1],
  [[3, 2], [1, 2], 'same'],
  [[1, 3], [1, 3], 'valid'],
] as [number | [number, number], number | [number, number], Pad][]) {
  test(`the gradient of maxPool along one axis after the other: ${size}, stride ${stride}, pad ${pad}`, (t) => {
    const pool = (x: tf.Tensor) => tf.maxPool(x as Four, size, stride, pad as never);
    const shape = [2, 8, 6, 32];
    // Few different numbers, so that equals meet along rows, columns and across; many of them not above zero.
    const values = Array.from({ length: 2 * 8 * 6 * 32 }, (_, i) => (((i * 7919) % 101) % 5) - 2);
    for (const input of [shape, { shape, values }]) {
      sameAsCpu(t, { name: 'maxPool', inputs: [input], run: (x) => pool(x!) });
      sameAsCpu(t, { name: 'maxPool of relu', inputs: [input], run: (x) => pool(tf.relu(x!)) });
      // Others read the relu too: the gradient of the pooling is not masked then.
      const both: Case['run'] = (x) => tf.add(tf.sum(tf.square(tf.relu(x!))), pool(tf.relu(x!)));
      sameAsCpu(t, { name: 'maxPool beside another', inputs: [input], run: both });
    }
  });
}

// Places within the windows as channels (quartered-convolution.ts): channels first and in blocks, with borders and without.
for (const [channels, outputs, pad, size] of [
  [1, 20, 'valid', 12],
  [1, 16, 'same', 8],
  [3, 32, 'same', 8],
  [3, 5, 1, 9],
  [3, 5, 'same', 7],
] as [number, number, Pad, number][]) {
  test(`convolution, relu and pooling in quarters: ${channels} to ${outputs}, pad ${pad}, ${size}`, (t) => {
    const kernel = size === 9 ? 4 : size === 12 ? 5 : 3;
    const whole = [2, size, size + 2 * (size % 2), channels];
    const filter = [kernel, kernel, channels, outputs];
    const bias = [outputs];
    const layer = (...[x, w, b]: tf.Tensor[]): tf.Tensor =>
      tf.relu(tf.add(tf.conv2d(x as Four, w as Four, 1, pad as never), b!));
    const pool = (x: tf.Tensor) => tf.maxPool(x as Four, 2, 2, 'valid');
    const inputs = [whole, filter, bias];
    sameAsCpu(t, { name: 'with bias', inputs, run: (...args) => pool(layer(...args)) });
    // Whole numbers: equal maxima.
    const whole2 = (shape: number[], period: number) => ({
      shape,
      values: Array.from(
        { length: shape.reduce((a, b) => a * b, 1) },
        (_, i) => (((i * 31) % 17) % period) - 1,
      ),
    });
    const ties = [whole2(whole, 3), whole2(filter, 3), whole2(bias, 2)];
    sameAsCpu(t, { name: 'ties', inputs: ties, run: (...args) => pool(layer(...args)) });
    const alone: Case['run'] = (x, w) => pool(tf.relu(tf.conv2d(x as Four, w as Four, 1, pad as never)));
    sameAsCpu(t, { name: 'without bias', inputs: inputs.slice(0, 2), run: alone });
    // Others read the relu, or the convolution.
    const both: Case['run'] = (...args) => {
      const y = layer(...args);
      return tf.add(pool(y), tf.mean(y));
    };
    sameAsCpu(t, { name: 'read by another', inputs, run: both });
    sameAsCpu(t, {
      name: 'two poolings',
      inputs,
      run: (...args) => {
        const y = layer(...args);
        return tf.add(tf.sum(pool(y)), tf.sum(tf.maxPool(y as Four, 3, 1, 'same')));
      },
    });
  });
}

test('the gradient of a gradient through a pooling in quarters', (t) => {
  enableHigherOrderGradients();
  const run: Case['run'] = (x, w) =>
    tf.grad((v: tf.Tensor) =>
      tf.sum(tf.square(tf.maxPool(tf.relu(tf.conv2d(v as Four, w as Four, 1, 'same')), 2, 2, 'valid'))),
    )(x!);
  sameAsCpu(t, {
    name: 'twice',
    inputs: [
      [2, 6, 6, 3],
      [3, 3, 3, 16],
    ],
    run,
  });
});

test('maxPoolWithArgmax, pooling in 3-D', (t) => {
  for (const withBatch of [true, false]) {
    const run: Case['run'] = (x) => {
      const { result, indexes } = tf.maxPoolWithArgmax(x as Four, 2, 2, 'same', withBatch);
      return [result!, indexes!];
    };
    sameAsCpu(t, { name: `argmax ${withBatch}`, inputs: [[2, 5, 4, 3]], run, gradients: false });
  }
  const max: Case['run'] = (x) => tf.maxPool3d(x as tf.Tensor5D, 2, 2, 'same');
  sameAsCpu(t, { name: 'maxPool3d', inputs: [[1, 4, 5, 4, 2]], run: max });
  const ofFrames: Case['run'] = (x) => tf.maxPool3d(x as tf.Tensor5D, [1, 2, 2], [1, 2, 2], 'valid');
  sameAsCpu(t, { name: 'maxPool3d of frames', inputs: [[2, 3, 4, 6, 2]], run: ofFrames });
  const uneven: Case['run'] = (x) => tf.avgPool3d(x as tf.Tensor5D, [1, 3, 2], [1, 2, 1], 'valid');
  sameAsCpu(t, { name: 'avgPool3d of frames', inputs: [[2, 3, 4, 5, 2]], run: uneven });
  const mean: Case['run'] = (x) => tf.avgPool3d(x as tf.Tensor5D, 2, 2, 'valid');
  sameAsCpu(t, { name: 'avgPool3d', inputs: [[1, 4, 4, 4, 2]], run: mean });
});

test('matMul over transposes and batches, fused with bias and activation', (t) => {
  for (const a of [false, true]) {
    for (const b of [false, true]) {
      const inputs = [a ? [4, 3] : [3, 4], b ? [5, 4] : [4, 5]];
      sameAsCpu(t, { name: `matMul ${a} ${b}`, inputs, run: (x, y) => tf.matMul(x!, y!, a, b) });
      const batched = inputs.map((shape, i) => [i === 0 ? 2 : 1, ...shape]);
      sameAsCpu(t, {
        name: `batched ${a} ${b}`,
        inputs: batched,
        run: (x, y) => tf.matMul(x!, y!, a, b),
        gradients: false,
      });
      const flipped: Case['run'] = (x, y) => tf.matMul(tf.transpose(x!), y!, !a, b);
      sameAsCpu(t, { name: `of a transpose ${a} ${b}`, inputs, run: flipped });
    }
  }
  for (const activation of ['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'leakyrelu'] as const) {
    const run: Case['run'] = (a, b, bias) => tf.fused.matMul({ a: a!, b: b!, bias: bias!, activation });
    sameAsCpu(t, { name: `fused ${activation}`, inputs: [[3, 4], [4, 5], [5]], run, gradients: false });
    const conv: Case['run'] = (x, filter, bias) =>
      tf.fused.conv2d({
        x: x as Four,
        filter: filter as Four,
        strides: 1,
        pad: 'same',
        bias: bias!,
        activation,
        leakyreluAlpha: 0.2,
      });
    sameAsCpu(t, {
      name: `fused conv ${activation}`,
      inputs: [[1, 4, 4, 2], [3, 3, 2, 3], [3]],
      run: conv,
      gradients: false,
    });
  }
});

test('einsum', (t) => {
  for (const [equation, ...inputs] of [
    ['ij,jk->ik', [2, 3], [3, 4]],
    ['bij,bjk->bik', [2, 2, 3], [2, 3, 4]],
    ['ij->ji', [2, 3]],
    ['bhwc,c->bhw', [1, 2, 3, 4], [4]],
  ] as [string, ...number[][]][]) {
    sameAsCpu(t, {
      name: equation,
      inputs,
      run: (...xs) => tf.einsum(equation, ...xs),
      gradients: false,
    });
  }
});

test('batchNorm: value and gradients', (t) => {
  const positive = { shape: [3], scale: 0.2, shift: 1 };
  const run: Case['run'] = (x, mean, variance, offset, scale) =>
    tf.batchNorm(
      x as Four,
      mean as tf.Tensor1D,
      variance as tf.Tensor1D,
      offset as tf.Tensor1D,
      scale as tf.Tensor1D,
    );
  sameAsCpu(t, { name: 'batchNorm', inputs: [[2, 4, 3, 3], [3], positive, [3], [3]], run });
});

for (const align of [false, true]) {
  for (const half of align ? [false] : [false, true]) {
    test(`resize, alignCorners ${align}, halfPixelCenters ${half}`, (t) => {
      for (const size of [
        [5, 7],
        [2, 3],
        [8, 1],
      ] as [number, number][]) {
        const bilinear: Case['run'] = (x) => tf.image.resizeBilinear(x as Four, size, align, half);
        // The cpu backend's gradient ignores halfPixelCenters, exchanges height and width, and mixes up batches.
        sameAsCpu(t, {
          name: `bilinear ${size}`,
          inputs: [[2, 5, 5, 3]],
          run: bilinear,
          gradients: !half,
        });
        const nearest: Case['run'] = (x) => tf.image.resizeNearestNeighbor(x as Four, size, align, half);
        sameAsCpu(t, {
          name: `nearest ${size}`,
          inputs: [[1, 5, 5, 3]],
          run: nearest,
          gradients: !half,
        });
      }
    });
  }
}

test('the gradient of a resize is its adjoint: ⟨R x, y⟩ = ⟨x, Rᵀ y⟩', (t) => {
  void tf.setBackend('onnx');
  for (const resize of [tf.image.resizeBilinear, tf.image.resizeNearestNeighbor]) {
    const x = random([1, 4, 6, 2], 1) as Four;
    const y = random([1, 7, 5, 2], 2) as Four;
    const run = (z: tf.Tensor): tf.Tensor => resize(z as Four, [7, 5], false, true);
    const right = tf.sum(tf.mul(x, tf.grad(run)(x, y))).dataSync()[0]!;
    const left = tf.sum(tf.mul(run(x), y)).dataSync()[0]!;
    t.true(Math.abs(left - right) < 1e-4, `${left} against ${right}`);
  }
});

test('a convolution of small images with a large filter, with bias and relu', (t) => {
  const run: Case['run'] = (x, w, bias) => tf.relu(tf.add(tf.conv2d(x as Four, w as Four, 2, 'same'), bias!));
  const inputs = [[2, 4, 5, 192], { shape: [3, 3, 192, 160], scale: 0.1 }, [160]];
  sameAsCpu(t, { name: 'small images', inputs, run });
});
