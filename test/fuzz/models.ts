import '@tensorflow/tfjs-backend-cpu';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { buildModel, loadLayersModel, loadStateDict, saveLayersModel } from '../../src/models/index.ts';
import type { Random } from '../../src/random/index.ts';
import { damagedJson } from './damaged-json.ts';
import { damaged, inFolder, put } from './data-inputs.ts';
import { type FuzzTarget, wrong } from './target.ts';

const fixtures = new URL('../fixtures/', import.meta.url).pathname;

/** A model as it lies on disk: the file that is named, and those beside it. */
interface Stored {
  readonly name: string;
  readonly files: Record<string, Buffer>;
  /** State dicts of PyTorch hold no network. */
  readonly isDict?: boolean;
  /** What it answers to {@link image}; undefined for one that is refused. */
  answer?: readonly number[] | undefined;
}

const stored: Stored[] = [];
/** Numbers of an image beyond which a model is not called. */
const MOST_PIXELS = 1e5;

/** Damaged models of every format. */
export const modelsTarget: FuzzTarget = {
  name: 'models',
  describe:
    'damaged model.json, weights, .keras, .h5, .onnx, .safetensors, .pth: a typed error, or a network that answers; nothing is kept of what is refused',
  short: 60,
  seconds: 20,
  async start() {
    await tf.setBackend('cpu');
    stored.length = 0;
    await inFolder(async (dir) => {
      const networks = [
        buildModel('small-cnn', { inputShape: [8, 8, 3], classes: 2, widths: [2, 3], seed: 1 }),
        buildModel('resnet18', { inputShape: [16, 16, 3], classes: 2, stem: 'small', baseWidth: 2, seed: 1 }),
      ];
      for (const [i, network] of networks.entries()) {
        const folder = join(dir, `m${i}`);
        await saveLayersModel(network, folder);
        network.dispose();
        stored.push({
          name: 'model.json',
          files: Object.fromEntries(readdirSync(folder).map((f) => [f, readFileSync(join(folder, f))])),
        });
      }
    });
    const single = (path: string, isDict = false) => {
      const name = path.split('/').at(-1)!;
      stored.push({ name, files: { [name]: readFileSync(join(fixtures, path)) }, ...(isDict && { isDict }) });
    };
    for (const name of ['nested.h5', 'nested.keras', 'only.weights.h5']) single(`keras-files/${name}`);
    for (const name of ['many.onnx', 'convnext.onnx', 'unknown.onnx']) single(`onnx-files/${name}`);
    for (const name of ['small.safetensors', 'wrapped.pth', 'old.pth', 'hostile.pth'])
      single(`torch-files/${name}`, true);
    for (const model of stored) {
      await inFolder(async (dir) => {
        put(dir, model.files);
        model.answer = await answerOf(model, dir).catch(() => undefined);
      });
    }
  },
  async run(random) {
    const model = stored[random.integer(stored.length)]!;
    await inFolder(async (dir) => {
      const names = Object.keys(model.files);
      const victim = names[random.integer(names.length)]!;
      const before = model.files[victim]!;
      const after = damagedFile(victim, before, random);
      put(dir, { ...model.files, [victim]: after });
      // Beside the file lies nothing that it may read.
      writeFileSync(join(dirname(dir), 'x'), '');
      const tensors = tf.memory().numTensors;
      const answer = await answerOf(model, dir).finally(() => {
        const left = tf.memory().numTensors - tensors;
        if (left !== 0) wrong(`${model.name}, ${victim} damaged: ${left} tensors are left`);
      });
      if (Buffer.compare(before, after) !== 0 || model.answer === undefined) return;
      if (answer.join() !== model.answer.join())
        wrong(`${model.name}: answers ${answer}, not ${model.answer}`);
    });
  },
};

function damagedFile(name: string, bytes: Buffer, random: Random): Uint8Array {
  if (name.endsWith('.json') && random.integer(4) < 3)
    return Buffer.from(damagedJson(bytes.toString(), random));
  return damaged(bytes, random);
}

/** What the model in a folder answers; the sums of the tensors of a state dict. */
async function answerOf({ name, isDict }: Stored, dir: string): Promise<number[]> {
  if (isDict) {
    const dict = await loadStateDict(join(dir, name));
    return [...dict.values()].map((tensor) => {
      const size = tensor.shape.reduce((a, b) => a * b, 1);
      const values = tensor.values();
      if (values.length !== size) wrong(`${name}: ${values.length} numbers of [${tensor.shape}]`);
      return values.reduce((a, b) => a + b, 0);
    });
  }
  const model = await loadLayersModel(join(dir, name), { onNote: () => {} });
  try {
    return call(model, name);
  } finally {
    // tfjs counts the calls of a layer, and keeps one that is called twice.
    const values = model.weights.map((weight) => weight.read());
    model.dispose();
    for (const value of values) if (!value.isDisposed) value.dispose();
  }
}

function call(model: tfl.LayersModel, name: string): number[] {
  const shapes = model.inputs.map(({ shape }) => shape.map((size) => size ?? 1));
  if (shapes.some((shape) => shape.reduce((a, b) => a * b, 1) > MOST_PIXELS)) return [];
  const images = shapes.map((shape) => {
    const size = shape.reduce((a, b) => a * b, 1);
    return tf.tensor(
      Array.from({ length: size }, (_, i) => Math.sin(i)),
      shape,
    );
  });
  try {
    const found = tf.tidy(() => [model.predict(images.length === 1 ? images[0]! : images)].flat());
    const numbers = found.flatMap((x, i) => {
      const said = model.outputs[i]!.shape;
      const fits =
        x.shape.length === said.length && said.every((size, d) => size === null || size === x.shape[d]);
      const values = Array.from(x.dataSync());
      if (!fits) wrong(`${name}: an output of [${x.shape}], described as [${said}]`);
      return values;
    });
    tf.dispose(found);
    return numbers;
  } finally {
    tf.dispose(images);
  }
}
