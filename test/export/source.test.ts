import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { startEngine } from '../../src/engine/index.ts';
import { UsageError } from '../../src/errors/index.ts';
import { exportSource } from '../../src/export/index.ts';
import { buildModel, saveLayersModel } from '../../src/models/index.ts';
import { type NetworkOverrides, networkSource, openTrainedNetwork } from '../../src/run/index.ts';
import { callProgram } from '../programs/call-program.ts';

let folder = '';
test.before(async () => {
  await startEngine({ engine: 'cpu' });
  folder = await mkdtemp(join(tmpdir(), 'export-source-'));
  const model = buildModel('small-cnn', { inputShape: [8, 8, 3], classes: 2, seed: 1, widths: [4] });
  for (const run of ['run', 'unfinished']) {
    await mkdir(join(folder, run));
    const config = `name: pets\ndata:\n  dir: ${join(folder, 'data')}\ngain:\n  method: layer-cam\n  targetLayer: conv1_1\n`;
    await writeFile(join(folder, run, 'config.yaml'), config);
  }
  await saveLayersModel(model, join(folder, 'run', 'model'));
  await mkdir(join(folder, 'data'));
  const info = { name: 'pets', classes: ['cat', 'dog'], multiLabel: true, splits: {} };
  await writeFile(join(folder, 'data', 'dataset.json'), JSON.stringify(info));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

const open = async (path: string, overrides: NetworkOverrides = {}) =>
  exportSource(await openTrainedNetwork(networkSource(join(folder, path)), overrides));

test.serial('a run says what its network, classes, link, layer and method are', async (t) => {
  const { model, given: _, ...rest } = await open('run');
  t.deepEqual(rest, {
    name: 'pets',
    classes: ['cat', 'dog'],
    link: 'sigmoid',
    targetLayer: 'conv1_1',
    method: 'layer-cam',
  });
  t.deepEqual(model.outputs[0]!.shape, [null, 2]);
});

test.serial('options win over the run', async (t) => {
  const options = { classes: ['a', 'b'], link: 'softmax', targetLayer: 'auto' } as const;
  const { classes, link, targetLayer } = await open('run', options);
  t.deepEqual({ classes, link, targetLayer }, { classes: ['a', 'b'], link: 'softmax', targetLayer: 'auto' });
});

test.serial('a run whose data set is not here must be told its link', async (t) => {
  await mkdir(join(folder, 'moved'));
  await writeFile(
    join(folder, 'moved', 'config.yaml'),
    `name: moved\ndata:\n  dir: ${join(folder, 'gone')}\n`,
  );
  await saveLayersModel(
    buildModel('small-cnn', { inputShape: [8, 8, 3], classes: 2, seed: 1, widths: [4] }),
    join(folder, 'moved', 'model'),
  );
  await t.throwsAsync(open('moved'), { instanceOf: UsageError, message: /--link: the data set of the run/ });
  t.is((await open('moved', { link: 'sigmoid' })).link, 'sigmoid');
});

test.serial('the program writes the file, with the map that the run was trained with', async (t) => {
  const call = (...args: string[]) => callProgram('export', ...args);
  const run = join(folder, 'run');
  const { code, stdout, stderr } = await call('--run', run, '--with-map');
  t.is(code, 0, stderr);
  t.is(stdout, `${join(run, 'model.onnx')}\n`);
  t.regex(stderr, /^network {2}pets, \d+ nodes, .*opset 20$/m);
  t.regex(stderr, /^map {6}layer-cam at conv1_1$/m);
  const file = await readFile(join(run, 'model.onnx'));
  t.true(file.includes('["cat","dog"]'));

  const wrong = await call('--run', run, '--with-map', 'grad');
  t.is(wrong.code, 2);
  t.regex(wrong.stderr, /--with-map: no method "grad"; did you mean "grad-cam"\?/);
});
