import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import sharp from 'sharp';
import { DatasetWriter } from '../../../src/data/index.ts';
import { DataError, UsageError } from '../../../src/errors/index.ts';
import { unitImages } from '../../../src/explain/units/index.ts';
import { buildModel, saveLayersModel } from '../../../src/models/index.ts';
import { openTrainedNetwork } from '../../../src/run/index.ts';
import { startTestEngine } from '../../gradcam/engine.ts';
import { callProgram } from '../../programs/call-program.ts';

let folder = '';

test.before(async () => {
  await startTestEngine();
  folder = await mkdtemp(join(tmpdir(), 'units-'));
  const model = buildModel('small-cnn', { inputShape: [16, 16, 3], classes: 3, seed: 3, widths: [4, 14] });
  await saveLayersModel(model, join(folder, 'model'));
  await mkdir(join(folder, 'images'));
  for (const [i, background] of ['#ff0000', '#00ff40', '#0020ff'].entries()) {
    const image = sharp({ create: { width: 20, height: 16, channels: 3, background } });
    await image.png().toFile(join(folder, 'images', `${i}.png`));
  }
  await writeFile(join(folder, 'images', 'notes.txt'), 'no image');
});

test.after.always(() => rm(folder, { recursive: true, force: true }));

const call = (...args: string[]) => callProgram('units', ...args);

test.serial('the program writes every picture that is asked for, and names it', async (t) => {
  const out = join(folder, 'out');
  const images = join(folder, 'images');
  const { code, stdout, stderr } = await call(
    ...['--model', join(folder, 'model'), '--out', out, '--engine', 'cpu', '--steps', '2'],
    ...['--feature-maps', join(images, '0.png'), '--top-images', images, '--top', '2'],
    ...['--maximize', '0-1,13', '--maximize-class', 'all'],
  );
  t.is(code, 0, stderr);
  const layer = /^layer {4}(\S+): the last of/m.exec(stderr)![1]!;
  const expected = [
    `feature-maps-${layer}-0.png`,
    `top-images-${layer}.png`,
    `maximized-${layer}.png`,
    'maximized-classes.png',
  ];
  t.is(stdout, expected.map((name) => `${join(out, name)}\n`).join(''));
  t.deepEqual((await readdir(out)).sort(), [...expected].sort());
  // Three images of 160 pixels side by side.
  t.is((await sharp(join(out, `maximized-${layer}.png`)).metadata()).width, 20 + 3 * 168 - 8 + 20);
});

test.serial('a wrong call is answered with what is wrong, and exit code 2', async (t) => {
  const wrong: [args: string[], message: RegExp][] = [
    [
      ['--model', folder],
      /nothing to show: --feature-maps, --top-images, --maximize, --maximize-class, --kernels, --invariance, --over-epochs or --correspondence/,
    ],
    [['--model', folder, '--maximize', '3-1'], /--maximize: expected numbers such as 0-8,12, found "3-1"/],
    [
      ['--model', join(folder, 'model'), '--layer', 'conv9', '--maximize', '0'],
      /no layer "conv9"\. Layers with spatial extent: conv1_1/,
    ],
  ];
  for (const [args, message] of wrong) {
    const { code, stderr } = await call(...args, '--engine', 'cpu');
    t.is(code, 2);
    t.regex(stderr, message);
  }
});

test('images come from a folder in the order of their names, as many as asked for', async (t) => {
  const subject = await openTrainedNetwork({ model: join(folder, 'model') });
  const { count, batches } = await unitImages(join(folder, 'images'), subject, { batchSize: 2 });
  t.is(count, 3);
  const seen: [string, number, number][] = [];
  for await (const { size, images, ids } of batches) {
    t.is(images.length, size * 16 * 16 * 3);
    for (let i = 0; i < size; i++) seen.push([ids[i]!, images[i * 768]!, images[i * 768 + 2]!]);
  }
  t.deepEqual(
    seen.map(([id, red, blue]) => [id, Math.round(red), Math.round(blue)]),
    [
      ['0.png', 1, 0],
      ['1.png', 0, 0],
      ['2.png', 0, 1],
    ],
  );
  t.is((await unitImages(join(folder, 'images'), subject, { batchSize: 2, limit: 1 })).count, 1);
  await t.throwsAsync(unitImages(join(folder, 'model'), subject, { batchSize: 2 }), {
    instanceOf: DataError,
    message: /neither a dataset.json nor images/,
  });
  await t.throwsAsync(unitImages(join(folder, 'images'), subject, { batchSize: 2, splits: ['val'] }), {
    message: /--split: .*holds no data set/,
  });
});

test('images come from the splits of a data set, as many as asked for', async (t) => {
  const dir = join(folder, 'set');
  const info = { name: 'grey', classes: ['one', 'two'], multiLabel: true };
  const writer = await DatasetWriter.create(dir, info, ['train', 'val']);
  for (const [i, split] of ['train', 'train', 'train', 'val'].entries()) {
    const grey = 60 * (i + 1);
    const background = { r: grey, g: grey, b: grey };
    const encoded = await sharp({ create: { width: 8, height: 8, channels: 3, background } })
      .png()
      .toBuffer();
    await writer.write(split, { encoded, format: 'png', filename: `${i}.png`, labels: [0], objects: [] });
  }
  await writer.finish();
  const subject = await openTrainedNetwork({ model: join(folder, 'model') });
  const greys = async (options: { splits?: string[]; limit?: number }) => {
    const { count, batches } = await unitImages(dir, subject, { batchSize: 2, ...options });
    const seen: number[] = [];
    for await (const { size, images, ids } of batches) {
      t.true(ids.length >= size);
      for (let i = 0; i < size; i++) seen.push(Math.round((255 * images[(i * images.length) / size]!) / 60));
    }
    t.is(seen.length, count);
    return seen;
  };
  t.deepEqual(await greys({}), [1, 2, 3, 4]);
  t.deepEqual(await greys({ splits: ['val'] }), [4]);
  t.deepEqual(await greys({ limit: 3 }), [1, 2, 3]);
  await t.throwsAsync(unitImages(dir, subject, { batchSize: 2, splits: ['test'] }), {
    instanceOf: UsageError,
  });
});
