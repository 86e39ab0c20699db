import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { ModelError } from '../../src/errors/index.ts';
import {
  attentionMaps,
  attentionRollout,
  gradientAttention,
  methodMaps,
  resolveTargetLayer,
  spatialLayers,
} from '../../src/gradcam/index.ts';
import { buildModel, describeModel, loadTorchModel } from '../../src/models/index.ts';
import { startTestEngine } from '../engine/test-engine.ts';

/** Made by test/reference/vit_maps.py. */
const reference = JSON.parse(readFileSync(new URL('../fixtures/vit-maps.json', import.meta.url), 'utf8')) as {
  size: number;
  tensors: [string, number[]][];
  pairs: [number, number][];
  logits: number[][];
  maps: Record<'grad-cam' | 'layer-cam' | 'gradient-attention', number[][][]>;
  rollout: number[][][];
  gradients: Record<string, Record<string, number[]>>;
  rolloutGradient: number[];
};

let model: tfl.LayersModel;
let images: tf.Tensor4D;
const pairs = reference.pairs.map(([sample, c]) => ({ sample, class: c }));

function values(name: string, count: number): Float64Array {
  const phase = [...name].reduce((sum, char, i) => sum + (i + 1) * char.charCodeAt(0), 0) % 1000;
  return Float64Array.from({ length: count }, (_, j) => {
    const x = Math.sin(j * 12.9898 + phase) * 43758.5453;
    return 2 * (x - Math.floor(x)) - 1;
  });
}

test.before(async (t) => {
  await startTestEngine();
  const header: Record<string, object> = {};
  const parts: Buffer[] = [];
  let at = 0;
  for (const [name, shape] of reference.tensors) {
    const count = shape.reduce((a, b) => a * b, 1);
    const isKernel = name.endsWith('.weight') && shape.length >= 2;
    const scale = isKernel ? Math.sqrt(6 / (count / shape[0]!)) : 0.1;
    const offset = name.endsWith('.weight') && !isKernel ? 1 : 0;
    const bytes = Buffer.from(Float32Array.from(values(name, count), (v) => offset + scale * v).buffer);
    header[name] = { dtype: 'F32', shape, data_offsets: [at, at + bytes.length] };
    parts.push(bytes);
    at += bytes.length;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  const folder = await mkdtemp(join(tmpdir(), 'gain-tokens-'));
  const file = join(folder, 'vit.safetensors');
  await writeFile(file, Buffer.concat([length, text, ...parts]));
  model = await loadTorchModel(file);
  await rm(folder, { recursive: true });
  const { size } = reference;
  images = tf.tensor4d(Float32Array.from(values('image', 2 * size * size * 3)), [2, size, size, 3]);
  t.pass();
});

function assertClose(
  t: { true(ok: boolean, message: string): void },
  actual: tf.Tensor,
  expected: unknown,
  bound: number,
): void {
  const wanted = ([expected].flat(9) as number[]) ?? [];
  const found = actual.dataSync();
  const scale = Math.max(...wanted.map(Math.abs));
  const error = Math.max(...wanted.map((one, i) => Math.abs(one - found[i]!))) / scale;
  t.true(wanted.length === found.length && error < bound, `${found.length} values, relative error ${error}`);
}

test.serial('auto takes what the last attention reads, as the grid of its patches', (t) => {
  const target = resolveTargetLayer(model);
  t.is(target.path, 'block2_norm1');
  t.deepEqual(target.shape, [null, 3, 3, 64]);
  t.regex(target.reason, /what the last attention reads; 3x3 patches after 1 other tokens/);
  t.true(spatialLayers(model).includes('block1_add2'));
  t.false(spatialLayers(model).includes('block1_attention'));
  const described = describeModel(model).targetLayers;
  t.deepEqual(described.find(({ path }) => path === 'block2_norm1')?.shape, [3, 3, 64]);
  const pooled = buildModel('vit-tiny', {
    inputShape: [16, 16, 3],
    classes: 2,
    patch: 8,
    width: 24,
    depth: 1,
    pool: 'mean',
  });
  t.is(resolveTargetLayer(pooled).path, 'norm');
});

for (const method of ['grad-cam', 'layer-cam'] as const) {
  test.serial(`${method} on tokens: the maps of PyTorch, and the gradient of a loss on them`, (t) => {
    const { maps, logits } = attentionMaps(model, images, pairs, { method });
    assertClose(t, logits, reference.logits, 1e-4);
    assertClose(t, maps, reference.maps[method], 1e-4);
    const weights = tf.tensor3d(Float32Array.from(values('loss', 27)), [3, 3, 3]);
    const loss = () =>
      tf.sum(tf.mul(weights, attentionMaps(model, images, pairs, { method }).maps)) as tf.Scalar;
    checkGradients(t, loss, reference.gradients[method]!);
  });
}

test.serial('gradient-weighted attention: the maps of PyTorch, and the gradient of a loss on them', (t) => {
  const { maps, logits } = gradientAttention(model, images, pairs);
  assertClose(t, logits, reference.logits, 1e-4);
  assertClose(t, maps, reference.maps['gradient-attention'], 1e-4);
  const weights = tf.tensor3d(Float32Array.from(values('loss', 27)), [3, 3, 3]);
  const loss = () => tf.sum(tf.mul(weights, gradientAttention(model, images, pairs).maps)) as tf.Scalar;
  checkGradients(t, loss, reference.gradients['gradient-attention']!);
});

test.serial('attention rollout: the maps of PyTorch, and the gradient of a loss on them', (t) => {
  assertClose(t, attentionRollout(model, images), reference.rollout, 1e-4);
  const weights = tf.tensor3d(Float32Array.from(values('loss', 27)).slice(0, 18), [2, 3, 3]);
  const loss = () => tf.sum(tf.mul(weights, attentionRollout(model, images))) as tf.Scalar;
  checkGradients(t, loss, { 'blocks.0.attn.qkv.bias': reference.rolloutGradient });
});

const ours: Record<string, [layer: string, weight: number]> = {
  'blocks.0.attn.qkv.bias': ['block1_qkv', 1],
  'blocks.1.norm1.weight': ['block2_norm1', 0],
};

function checkGradients(
  t: { true(ok: boolean, message: string): void },
  loss: () => tf.Scalar,
  expected: Record<string, number[]>,
): void {
  for (const [name, gradient] of Object.entries(expected)) {
    const [layer, weight] = ours[name]!;
    const variable = (model.getLayer(layer).weights[weight] as unknown as { val: tf.Variable }).val;
    const { grads } = tf.variableGrads(loss, [variable]);
    assertClose(t, grads[variable.name]!, gradient, 1e-3);
  }
}

test.serial('maps on tokens leave no tensors behind', (t) => {
  const before = tf.memory().numTensors;
  tf.dispose({ ...attentionMaps(model, images, pairs) });
  tf.dispose({ ...gradientAttention(model, images, pairs) });
  tf.dispose(attentionRollout(model, images));
  const { maps, logits } = methodMaps(model, images, pairs, { methods: ['grad-cam', 'hires-cam'] });
  tf.dispose([...maps, logits]);
  t.is(tf.memory().numTensors, before);
});

test.serial('the closed form of CAM holds where the mean of the patches is classified', (t) => {
  const pooled = buildModel('vit-tiny', {
    inputShape: [16, 16, 3],
    classes: 2,
    patch: 4,
    width: 24,
    depth: 1,
    registers: 1,
    pool: 'mean',
  });
  const x = tf.randomUniform([2, 16, 16, 3], 0, 1, 'float32', 3) as tf.Tensor4D;
  const two = [0, 1].map((sample) => ({ sample, class: 1 }));
  const cam = attentionMaps(pooled, x, two, { method: 'cam', relu: false });
  const gradCam = attentionMaps(pooled, x, two, { method: 'grad-cam', relu: false });
  t.deepEqual(cam.maps.shape, [2, 4, 4]);
  // Σ_k w_k A_k over the mean of 16 patches: Grad-CAM is a sixteenth of it.
  assertClose(t, tf.mul(gradCam.maps, 16), cam.maps.arraySync(), 1e-4);
});

test.serial('tokens of a model that says nothing of them: a square behind a class token', (t) => {
  const input = tfl.input({ shape: [8, 8, 3] });
  const patches = tfl.layers.conv2d({ filters: 4, kernelSize: 4, strides: 4 }).apply(input);
  const tokens = tfl.layers
    .dense({ name: 'mix', units: 4 })
    .apply(tfl.layers.reshape({ targetShape: [4, 4] }).apply(patches));
  const pooled = tfl.layers.globalAveragePooling1d({}).apply(tokens);
  const plain = tfl.model({
    inputs: input,
    outputs: tfl.layers.dense({ units: 2 }).apply(pooled) as tfl.SymbolicTensor,
  });
  const x = tf.randomUniform([1, 8, 8, 3], 0, 1, 'float32', 1);
  const one = [{ sample: 0, class: 0 }];
  const { maps } = attentionMaps(plain, x, one, { targetLayer: 'mix' });
  t.deepEqual(maps.shape, [1, 2, 2]);
  t.throws(() => attentionRollout(plain, x), {
    instanceOf: ModelError,
    message: /it has no layers of attention weights/,
  });
});
