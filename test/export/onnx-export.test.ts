import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import type * as ort from 'onnxruntime-node';
import { startEngine } from '../../src/engine/index.ts';
import { ModelError } from '../../src/errors/index.ts';
import { type ExportSource, exportOnnx } from '../../src/export/index.ts';
import {
  attentionMaps,
  type MapMethod,
  mapMethods,
  normalizeMaps,
  upsampleMaps,
} from '../../src/gradcam/index.ts';
import { buildModel } from '../../src/models/index.ts';

const { InferenceSession, Tensor } = createRequire(import.meta.url)('onnxruntime-node') as typeof ort;

test.before(() => startEngine({ engine: 'cpu' }));

const smallCnn = () =>
  buildModel('small-cnn', { inputShape: [16, 16, 3], classes: 5, seed: 3, widths: [4, 6] });

function sourceOf(model: tfl.LayersModel, rest: Partial<ExportSource> = {}): ExportSource {
  const count = model.outputs[0]!.shape[1]!;
  const classes = Array.from({ length: count }, (_, c) => `class ${c}`);
  return {
    name: 'net',
    model,
    given: model,
    classes,
    link: 'softmax',
    targetLayer: 'auto',
    method: 'grad-cam',
    ...rest,
  };
}

/** Moves the moving averages away from 0 and 1, where a mistake in batch norm would not be seen. */
function disturb(model: tfl.LayersModel): tfl.LayersModel {
  model.setWeights(
    model
      .getWeights()
      .map((weight, i) =>
        tf.tidy(() =>
          weight.rank === 1
            ? tf.add(weight, tf.randomUniform(weight.shape, 0, 0.3, 'float32', i + 1))
            : weight,
        ),
      ),
  );
  return model;
}

/** What the model says on the cpu backend, and the map of the top class as `attentionMaps` makes it. */
function expected(source: ExportSource, images: tf.Tensor4D, method: MapMethod) {
  return tf.tidy(() => {
    const { model, targetLayer, link } = source;
    const [batch, height, width] = images.shape;
    const logits = model.predict(images) as tf.Tensor2D;
    const top = Array.from(tf.argMax(logits, 1).dataSync());
    const pairs = top.map((c, sample) => ({ sample, class: c }));
    const { maps } = attentionMaps(model, images, pairs, {
      method,
      targetLayer,
      differentiateWeights: false,
    });
    return {
      scores: (link === 'softmax' ? tf.softmax(logits) : tf.sigmoid(logits)).dataSync(),
      logits: logits.dataSync(),
      top_class: Int32Array.from(top),
      map: normalizeMaps(upsampleMaps(maps, [height, width])).dataSync(),
      shapes: { scores: logits.shape, logits: logits.shape, top_class: [batch], map: [batch, height, width] },
    };
  });
}

async function compare(
  t: { true(value: boolean, message?: string): unknown; deepEqual(a: unknown, b: unknown): unknown },
  source: ExportSource,
  method: MapMethod,
  layout: 'nchw' | 'nhwc' = 'nchw',
) {
  const { bytes } = await exportOnnx(source, { map: method, layout });
  const session = await InferenceSession.create(bytes);
  const [, height, width, channels] = source.model.inputs[0]!.shape as number[];
  for (const batch of [1, 2, 7]) {
    const images = tf.randomUniform<tf.Rank.R4>([batch, height!, width!, channels!], 0, 1, 'float32', batch);
    const given = layout === 'nchw' ? tf.transpose(images, [0, 3, 1, 2]) : images;
    const feeds = { images: new Tensor('float32', given.dataSync<'float32'>(), given.shape) };
    const found = await session.run(feeds);
    const { shapes, ...wanted } = expected(source, images, method);
    for (const [name, values] of Object.entries(wanted)) {
      const output = found[name]!;
      t.deepEqual([...output.dims], shapes[name as keyof typeof shapes]);
      const worst = Array.from<number>(values).reduce(
        (most, value, i) => Math.max(most, Math.abs(value - Number(output.data[i]))),
        0,
      );
      t.true(worst < 1e-4, `${method}, ${layout}, batch ${batch}: ${name} differs by ${worst}`);
    }
    tf.dispose([images, given]);
  }
  await session.release();
}

for (const method of mapMethods) {
  test.serial(
    `the file gives what the tfjs model gives, with batches of 1, 2 and 7: ${method}`,
    async (t) => {
      await compare(t, sourceOf(smallCnn()), method);
    },
  );
}

test.serial('a target layer with pooling and convolution after it, channels last, sigmoid', async (t) => {
  const source = sourceOf(smallCnn(), { targetLayer: 'conv1_1', link: 'sigmoid' });
  await compare(t, source, 'grad-cam++', 'nhwc');
});

test.serial('batch norm, strides, residual sums', async (t) => {
  const options = { inputShape: [32, 32, 3] as [number, number, number], classes: 4, baseWidth: 4, seed: 2 };
  await compare(t, sourceOf(disturb(buildModel('resnet18', options))), 'hires-cam');
});

test.serial('depthwise convolutions, relu6, one channel, a head with hidden units', async (t) => {
  const options = { inputShape: [32, 32, 1] as [number, number, number], classes: 3, alpha: 0.1, seed: 2 };
  const model = disturb(buildModel('mobilenet-v1', { ...options, head: 'hidden', hiddenUnits: 8 }));
  await compare(t, sourceOf(model), 'layer-cam');
});

test.serial('as many channels as real networks have', async (t) => {
  const options = { inputShape: [16, 16, 3] as [number, number, number], classes: 3, seed: 4 };
  await compare(t, sourceOf(buildModel('small-cnn', { ...options, widths: [32, 96, 128] })), 'grad-cam');
});

test.serial('without a map the file has scores and logits alone', async (t) => {
  const { bytes } = await exportOnnx(sourceOf(smallCnn()));
  const session = await InferenceSession.create(bytes);
  t.deepEqual([...session.inputNames], ['images']);
  t.deepEqual([...session.outputNames], ['scores', 'logits']);
  await session.release();
});

test.serial('standard operators alone; filters are constants; metadata says what the file is', async (t) => {
  const { bytes, graph } = await exportOnnx(sourceOf(smallCnn()), { map: 'grad-cam' });
  t.false(Buffer.from(bytes).includes('com.microsoft'));
  t.is(graph.operators.get('Conv'), 2);
  const { metadata, initializers, opsets } = readModel(bytes);
  t.deepEqual(opsets, [['', 20]]);
  for (const name of ['conv1_1/kernel', 'conv2_1/bias', 'logits/kernel'])
    t.true(initializers.includes(name), name);
  t.regex(metadata.generator!, /^tfjs-gain \d+\.\d+\.\d+$/);
  t.deepEqual(JSON.parse(metadata.classes!), ['class 0', 'class 1', 'class 2', 'class 3', 'class 4']);
  t.deepEqual(JSON.parse(metadata.input!), {
    layout: 'nchw',
    height: 16,
    width: 16,
    channels: 3,
    range: [0, 1],
    order: 'RGB',
  });
  t.is(metadata.map_method, 'grad-cam');
  t.is(metadata.target_layer, 'conv2_1');
  t.is(metadata.scores, 'softmax');
});

test.serial('the engine that was active stays so, and no tensor is left', async (t) => {
  const source = sourceOf(smallCnn());
  await exportOnnx(source, { map: 'grad-cam' });
  const before = tf.memory().numTensors;
  await exportOnnx(source, { map: 'grad-cam' });
  t.is(tf.memory().numTensors, before);
  t.is(tf.getBackend(), 'cpu');
});

test.serial('cam needs the head that it has a closed form for', async (t) => {
  const model = buildModel('small-cnn', {
    inputShape: [16, 16, 3],
    classes: 2,
    widths: [4],
    head: 'flatten',
  });
  await t.throwsAsync(exportOnnx(sourceOf(model), { map: 'cam' }), {
    instanceOf: ModelError,
    message:
      /^cam: model "small_cnn" after layer "conv1_1": .*expected global average pooling, found "flatten"/,
  });
});

const python = process.env.ONNX_PYTHON;
const checked = python ? test.serial : test.serial.skip;
for (const method of mapMethods) {
  checked(
    `onnx.checker finds nothing wrong: ${method} [needs ONNX_PYTHON, a Python with onnx]`,
    async (t) => {
      const folder = await mkdtemp(join(tmpdir(), 'export-'));
      t.teardown(() => rm(folder, { recursive: true }));
      const file = join(folder, 'model.onnx');
      // CAM is read at the last layer before the pooling; the others also go back through what lies between.
      const targetLayer = method === 'cam' ? 'auto' : 'conv1_1';
      const { bytes } = await exportOnnx(sourceOf(smallCnn(), { targetLayer }), { map: method });
      await writeFile(file, bytes);
      const script =
        'import onnx, sys; m = onnx.load(sys.argv[1]); onnx.checker.check_model(m, full_check=True); ' +
        'print({n.domain for n in m.graph.node}, [d.dim_param for d in m.graph.input[0].type.tensor_type.shape.dim])';
      const { stdout } = await promisify(execFile)(python!, ['-c', script, file]);
      t.is(stdout.trim(), "{''} ['batch', '', '', '']");
    },
  );
}

/** The parts of ModelProto that the tests look at. */
function readModel(bytes: Uint8Array) {
  const metadata: Record<string, string> = {};
  const initializers: string[] = [];
  const opsets: [string, number][] = [];
  for (const [field, value] of fields(bytes)) {
    if (field === 7) {
      for (const [inner, tensor] of fields(value as Uint8Array)) {
        if (inner === 5) initializers.push(text(new Map(fields(tensor as Uint8Array)).get(8)));
      }
    }
    const entry = field === 8 || field === 14 ? new Map(fields(value as Uint8Array)) : undefined;
    if (field === 8) opsets.push([text(entry!.get(1)), Number(entry!.get(2))]);
    if (field === 14) metadata[text(entry!.get(1))] = text(entry!.get(2));
  }
  return { metadata, initializers, opsets };
}

function fields(bytes: Uint8Array): [number, Uint8Array | number][] {
  const reader = new BinaryReader(bytes);
  const found: [number, Uint8Array | number][] = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (type === 2) found.push([field, reader.bytes()]);
    else if (type === 0) found.push([field, Number(reader.int64())]);
    else reader.skip(type);
  }
  return found;
}

function text(value: Uint8Array | number | undefined): string {
  return new TextDecoder().decode(value as Uint8Array);
}
