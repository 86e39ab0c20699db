import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import test, { type ExecutionContext } from 'ava';
import { ModelError } from '../../src/errors/index.ts';
import { buildModel, loadLayersModel, saveLayersModel } from '../../src/models/index.ts';
import { startTestEngine } from '../engine/test-engine.ts';

test.before(() => startTestEngine());

// biome-ignore lint/suspicious/noExplicitAny: the test breaks parts of any type.
type Broken = any;

async function saved(t: ExecutionContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'gain-models-'));
  t.teardown(() => rm(dir, { recursive: true }));
  await saveLayersModel(buildModel('small-cnn', { inputShape: [8, 8, 3], classes: 2, widths: [4, 4] }), dir);
  return dir;
}

const layer = (json: Broken, name: string) =>
  json.modelTopology.config.layers.find((one: Broken) => one.name === name);

const cases: [title: string, message: RegExp, damage: (json: Broken) => void][] = [
  [
    'a cycle',
    /layer "conv1_1": it waits for its own output: the graph has a cycle$/,
    (json) => {
      layer(json, 'conv1_1').inbound_nodes = [[['pool1', 0, 0, {}]]];
    },
  ],
  [
    'a layer that reads itself',
    /layer "conv1_1": it waits for its own output/,
    (json) => {
      layer(json, 'conv1_1').inbound_nodes = [[['conv1_1', 0, 0, {}]]];
    },
  ],
  [
    'an inbound layer that is not there',
    /what layer "conv1_1" reads is layer "nowhere", which is not there$/,
    (json) => {
      layer(json, 'conv1_1').inbound_nodes = [[['nowhere', 0, 0, {}]]];
    },
  ],
  [
    'an inbound call that is not there',
    /what layer "conv1_1" reads is call 3 of layer "image", which has 1$/,
    (json) => {
      layer(json, 'conv1_1').inbound_nodes = [[['image', 3, 0, {}]]];
    },
  ],
  [
    'an output that is not there',
    /one of the output_layers of the model is layer "gone", which is not there$/,
    (json) => {
      json.modelTopology.config.output_layers = [['gone', 0, 0]];
    },
  ],
  [
    'no outputs',
    /the model: its output_layers are \[\], not a list$/,
    (json) => {
      json.modelTopology.config.output_layers = [];
    },
  ],
  [
    'two layers of one name',
    /layer "conv1_1": there are two layers of this name$/,
    (json) => {
      json.modelTopology.config.layers.push(layer(json, 'conv1_1'));
    },
  ],
  [
    'layers that are no list',
    /the model has no layers$/,
    (json) => {
      json.modelTopology.config.layers = { a: 1 };
    },
  ],
  [
    'a layer that is null',
    /layer 1 of the model is null, not a layer with a class_name$/,
    (json) => {
      json.modelTopology.config.layers[1] = null;
    },
  ],
  [
    'inbound nodes that are no list',
    /layer "conv1_1": it has no list of inbound_nodes$/,
    (json) => {
      layer(json, 'conv1_1').inbound_nodes = 'pool1';
    },
  ],
  [
    'a topology that is a string',
    /it has no "modelTopology"$/,
    (json) => {
      json.modelTopology = 'x';
    },
  ],
  [
    'a manifest that is an object',
    /weightsManifest\.: /,
    (json) => {
      json.weightsManifest = {};
    },
  ],
  [
    'a manifest without paths',
    /weightsManifest\.0\.paths: /,
    (json) => {
      delete json.weightsManifest[0].paths;
    },
  ],
  [
    'a negative shape',
    /weightsManifest\.0\.weights\.0\.shape\.0: /,
    (json) => {
      json.weightsManifest[0].weights[0].shape[0] = -3;
    },
  ],
  [
    'a dtype that there is not',
    /weightsManifest\.0\.weights\.0\.dtype: /,
    (json) => {
      json.weightsManifest[0].weights[0].dtype = 'float128';
    },
  ],
  [
    'a weight of no name',
    /weightsManifest\.0\.weights\.0\.name: /,
    (json) => {
      json.weightsManifest[0].weights[0].name = 7;
    },
  ],
  [
    'two weights of one name',
    /there are two weights called "conv1_1\/kernel"$/,
    (json) => {
      json.weightsManifest[0].weights[1].name = 'conv1_1/kernel';
    },
  ],
  [
    'a weight that is missing',
    /layer "conv1_1": its weight "kernel" is missing from the file$/,
    (json) => {
      json.weightsManifest[0].weights[0].name = 'other/kernel';
    },
  ],
  [
    'a weight of another shape',
    /layer "logits": its weight "bias" is \[1,2\] in the file, and \[2\] by the description$/,
    (json) => {
      json.weightsManifest[0].weights.at(-1).shape = [1, 2];
    },
  ],
  [
    'a layer far larger than its weights',
    /layer "logits": its weight "kernel" is \[4,2\] in the file, and \[4,2000000000\] by the description$/,
    (json) => {
      layer(json, 'logits').config.units = 2_000_000_000;
    },
  ],
  [
    'shapes whose product is past all memory',
    /the weights are cut short: expected/,
    (json) => {
      json.weightsManifest[0].weights[0].shape = [2 ** 20, 2 ** 20, 2 ** 20];
    },
  ],
  ...['../outside.bin', '/etc/passwd', 'a/../../outside.bin', '..\\outside.bin', 'C:\\x.bin', 'a\0b'].map(
    (path): [string, RegExp, (json: Broken) => void] => [
      `the path ${JSON.stringify(path)}`,
      /weightsManifest: the path ".*" (leads out of its folder|holds a NUL character)$/,
      (json) => {
        json.weightsManifest[0].paths = [path];
      },
    ],
  ),
  [
    'a window that leaves nothing of the image',
    /layer "pool1": its output would be \[any,0,0,4\]$|layer "pool1": its output would be \[any,-\d+,-\d+,4\]$/,
    (json) => {
      layer(json, 'pool1').config.pool_size = [64, 64];
      layer(json, 'pool1').config.padding = 'valid';
    },
  ],
  [
    'a path that is a folder',
    /sub: this is no file$|this file is missing$/,
    (json) => {
      json.weightsManifest[0].paths = ['.'];
    },
  ],
];

for (const [title, message, damage] of cases) {
  test.serial(`a malformed part is a typed error at once: ${title}`, async (t) => {
    const dir = await saved(t);
    const file = join(dir, 'model.json');
    const json = JSON.parse(await readFile(file, 'utf8')) as Broken;
    damage(json);
    await writeFile(file, JSON.stringify(json));
    const error = await t.throwsAsync(loadLayersModel(dir), { instanceOf: ModelError });
    if (title !== 'a path that is a folder') t.regex(error.message, message);
    t.true(error.message.includes(dir), 'the message names the file');
  });
}

test.serial('a model that is refused at the end leaves no tensors', async (t) => {
  const dir = await saved(t);
  const file = join(dir, 'model.json');
  const json = JSON.parse(await readFile(file, 'utf8'));
  json.weightsManifest[0].weights.push({ name: 'nobodys', shape: [0], dtype: 'float32' });
  await writeFile(file, JSON.stringify(json));
  const before = tf.memory().numTensors;
  await t.throwsAsync(loadLayersModel(dir), {
    message: /there are 1 weights that no layer reads: "nobodys"$/,
  });
  t.is(tf.memory().numTensors, before);
});

test.serial('lists in lists, deeper than the stack, are a typed error', async (t) => {
  const dir = await saved(t);
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
  await writeFile(join(dir, 'model.json'), `{"modelTopology":{"class_name":"Model","config":${deep}}}`);
  await t.throwsAsync(loadLayersModel(dir), { instanceOf: ModelError });
});

/** Replaces every value of a JSON tree, one at a time. */
function* mutations(value: Broken, path: (string | number)[] = []): Generator<(string | number)[]> {
  if (typeof value !== 'object' || value === null) return;
  for (const key of Array.isArray(value) ? value.keys() : Object.keys(value)) {
    yield [...path, key];
    yield* mutations(value[key], [...path, key]);
  }
}

test.serial('whatever part of a model.json is replaced: it loads, or is a typed error', async (t) => {
  const dir = await saved(t);
  const file = join(dir, 'model.json');
  const text = await readFile(file, 'utf8');
  const outcomes = { loaded: 0, refused: 0 };
  for (const [i, path] of [...mutations(JSON.parse(text))].entries()) {
    for (const other of [[null, -1, 'x', [], {}][i % 5]]) {
      const json = JSON.parse(text);
      const parent = path.slice(0, -1).reduce((at, key) => at[key], json);
      parent[path.at(-1)!] = other;
      await writeFile(file, JSON.stringify(json));
      try {
        (await loadLayersModel(dir)).dispose();
        outcomes.loaded++;
      } catch (error) {
        if (!(error instanceof ModelError)) {
          t.fail(`${path.join('.')} = ${JSON.stringify(other)}: ${String(error)}`);
          return;
        }
        outcomes.refused++;
      }
    }
  }
  t.true(outcomes.loaded > 0 && outcomes.refused > 100, JSON.stringify(outcomes));
});

const cycle = fileURLToPath(new URL('../../../shared/cases/faults/model-cycle', import.meta.url));
(existsSync(cycle) ? test.serial : test.serial.skip)(
  'the model of the fault report is refused',
  async (t) => {
    await t.throwsAsync(loadLayersModel(cycle), { instanceOf: ModelError, message: /has a cycle$/ });
  },
);
