import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { ModelError } from '../../src/errors/index.ts';
import { attentionMaps } from '../../src/gradcam/index.ts';
import { importOnnx, loadLayersModel, saveLayersModel } from '../../src/models/index.ts';
import { openTrainedNetwork } from '../../src/run/index.ts';
import { startTestEngine } from '../engine/test-engine.ts';

/** Made by test/reference/onnx_import.py. */
const folder = fileURLToPath(new URL('../fixtures/onnx-files/', import.meta.url));
const { cases, segmenter } = JSON.parse(readFileSync(join(folder, 'scores.json'), 'utf8')) as {
  cases: {
    name: string;
    size: [number, number];
    scores: number[][];
    operators: string[];
    gradCam?: number[][][];
  }[];
  segmenter: { size: [number, number]; scores: number[][][][] };
};

test.before(() => startTestEngine());

function image([height, width]: [number, number]): tf.Tensor4D {
  const phase = [...'image'].reduce((sum, char, i) => sum + (i + 1) * char.charCodeAt(0), 0) % 1000;
  const drawn = Float32Array.from({ length: 2 * height * width * 3 }, (_, j) => {
    const x = Math.sin(j * 12.9898 + phase) * 43758.5453;
    return 2 * (x - Math.floor(x)) - 1;
  });
  return tf.tensor4d(drawn, [2, height, width, 3]);
}

function error(actual: tf.Tensor, expected: unknown): number {
  const wanted = [expected].flat(9) as number[];
  const found = actual.dataSync();
  const scale = Math.max(...wanted.map(Math.abs));
  return Math.max(...wanted.map((one, i) => Math.abs(one - found[i]!))) / scale;
}

const scoresOf = (model: tfl.LayersModel, x: tf.Tensor) => model.predict(x) as tf.Tensor;

for (const { name, size, scores, operators, gradCam } of cases) {
  test.serial(
    `${name}.onnx: the scores of ONNX Runtime, in any batch, and saved (${operators.join(', ')})`,
    async (t) => {
      const model = await loadLayersModel(join(folder, `${name}.onnx`));
      const x = image(size);
      t.true(error(scoresOf(model, x), scores) < 1e-4, `relative error ${error(scoresOf(model, x), scores)}`);
      const dir = await mkdtemp(join(tmpdir(), 'gain-onnx-'));
      t.teardown(() => rm(dir, { recursive: true }));
      await saveLayersModel(model, join(dir, 'model'));
      const again = await loadLayersModel(join(dir, 'model'));
      t.true(error(scoresOf(again, x), scores) < 1e-4, 'saved and loaded');
      if (!gradCam) return;
      const pairs = [0, 1].map((sample) => ({ sample, class: 1 }));
      const { maps } = attentionMaps(model, x, pairs);
      t.true(error(maps, gradCam) < 1e-4, `Grad-CAM as PyTorch makes it: ${error(maps, gradCam)}`);
    },
  );
}

test.serial('a segmenter answers with images, channels last as what it takes', async (t) => {
  const file = join(folder, 'segmenter.onnx');
  const model = await importOnnx(file);
  const [height, width] = segmenter.size;
  t.deepEqual(model.outputs[0]!.shape, [null, height, width, 4]);
  const wanted = tf.transpose(tf.tensor4d(segmenter.scores), [0, 2, 3, 1]);
  const found = scoresOf(model, image(segmenter.size));
  t.true(error(found, wanted.arraySync()) < 1e-5, `${error(found, wanted.arraySync())}`);

  // Each pixel is called one class: the shares of an image make 1.
  const { model: scored } = await openTrainedNetwork(
    { model: file, known: { target: 'predicted' } },
    {},
    { targets: true },
  );
  const shares = (scored.predict(image(segmenter.size)) as tf.Tensor[])[1]!;
  t.deepEqual(shares.shape, [2, 4]);
  for (const sum of tf.sum(shares, 1).dataSync()) t.true(Math.abs(sum - 1) < 1e-6);
});

test.serial('a network that is disposed of, or refused halfway, leaves no tensors', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'gain-onnx-'));
  t.teardown(() => rm(dir, { recursive: true }));
  const before = tf.memory().numTensors;
  for (const name of ['many.onnx', 'convnext.onnx']) {
    const model = await importOnnx(join(folder, name));
    t.is(tf.memory().numTensors - before, model.weights.length, name);
    model.dispose();
    t.is(tf.memory().numTensors, before, name);
  }
  // The output is called otherwise: that is seen when all layers are made.
  const bytes = await readFile(join(folder, 'convnext.onnx'));
  const at = bytes.lastIndexOf('scores', bytes.lastIndexOf('Gemmscores_dim_0'));
  t.true(at > 0);
  bytes.write('sc0res', at);
  await writeFile(join(dir, 'x.onnx'), bytes);
  await t.throwsAsync(importOnnx(join(dir, 'x.onnx')), { instanceOf: ModelError });
  t.is(tf.memory().numTensors, before);
});

test.serial('operators that are not known are listed, all of them', async (t) => {
  await t.throwsAsync(importOnnx(join(folder, 'unknown.onnx')), {
    instanceOf: ModelError,
    message:
      /3 of its operators have no derivative here: ReduceMax \(1\), CumSum \(1\), Sin \(1\)|3 of its operators .*(CumSum|Sin|ReduceMax).*(CumSum|Sin|ReduceMax).*(CumSum|Sin|ReduceMax)/,
  });
});

test.serial('a damaged file is a typed error, wherever it is cut or changed', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'gain-onnx-'));
  t.teardown(() => rm(dir, { recursive: true }));
  const bytes = await readFile(join(folder, 'many.onnx'));
  const file = join(dir, 'damaged.onnx');
  for (let i = 0; i < 40; i++) {
    const at = Math.floor((bytes.length * i) / 40);
    const changed = Buffer.from(bytes);
    changed[at]! ^= 0x15;
    for (const damaged of [bytes.subarray(0, at), changed]) {
      await writeFile(file, damaged);
      try {
        (await importOnnx(file)).dispose();
      } catch (cause) {
        t.true(cause instanceof ModelError, `at ${at}: ${String(cause)}`);
      }
    }
  }
});
