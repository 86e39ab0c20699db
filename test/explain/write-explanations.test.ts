import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import sharp from 'sharp';
import { DataError, ModelError, RunError, UsageError } from '../../src/errors/index.ts';
import {
  explainImages,
  explanationMethods,
  findMethods,
  readImages,
  writeExplanations,
} from '../../src/explain/index.ts';
import { attentionMaps } from '../../src/gradcam/index.ts';
import { findClasses, openTrainedNetwork, readClassNames } from '../../src/run/index.ts';
import { startTestEngine } from '../gradcam/engine.ts';
import { smallNetwork, smallScene } from './networks.ts';

test.before(startTestEngine);

/** The values and shape of an `.npy` file of float32. */
async function readNpy(path: string): Promise<{ shape: number[]; values: Float32Array }> {
  const bytes = await readFile(path);
  const end = 10 + bytes.readUInt16LE(8);
  const shape = /'shape': \(([\d, ]*)\)/.exec(bytes.toString('latin1', 10, end))![1]!;
  return {
    shape: shape.split(',').map(Number).filter(Boolean),
    values: new Float32Array(new Uint8Array(bytes.subarray(end)).buffer),
  };
}

test.serial('all quick methods: pictures, raw maps, list and page', async (t) => {
  const scene = await smallScene(t);
  const subject = await openTrainedNetwork(
    { model: scene.model },
    { classes: await readClassNames(scene.classes) },
  );
  t.is(subject.name, 'small');
  t.deepEqual([subject.classes, subject.link, subject.notes], [['cat', 'dog', 'bird & co'], 'softmax', []]);
  const images = await readImages([scene.file('red.png'), scene.file('green.png')], subject);
  const quick = explanationMethods.filter(({ slow, group }) => !slow && group !== 'attention');
  const methods = quick.map(({ name }) => name);
  const out = join(scene.dir, 'out');
  const before = tf.memory().numTensors;
  const seen: number[] = [];
  const written = await writeExplanations(out, subject, images, {
    methods,
    top: 1,
    batchSize: 1,
    onProgress: (done, all) => {
      seen.push(done);
      t.is(all, 2 * methods.length);
    },
  });
  t.is(tf.memory().numTensors, before, 'no tensor is left');
  t.is(written.pictures, 2 * methods.length);
  t.deepEqual(
    seen,
    seen.toSorted((a, b) => a - b),
    'progress never goes back',
  );
  t.is(seen.at(-1), 2 * methods.length);

  const list = JSON.parse(await readFile(join(out, 'explanations.json'), 'utf8'));
  t.is(list.targetLayer, 'conv2');
  const [red] = list.images;
  const [first] = red.classes;
  t.is(first.class, subject.classes[first.index]);

  // The raw map is the map, and the picture is as large as the enlarged image.
  const model = smallNetwork();
  const maps = tf.tidy(() => {
    const image = tf.tensor4d(images[0]!.pixels, [1, 16, 16, 3]);
    return attentionMaps(model, image, [{ sample: 0, class: first.index }]).maps.dataSync();
  });
  const raw = await readNpy(join(out, first.methods['grad-cam'].values));
  t.deepEqual(raw.shape, [5, 5]);
  for (const [i, value] of raw.values.entries()) t.true(Math.abs(value - maps[i]!) < 1e-6);
  t.deepEqual((await readNpy(join(out, first.methods.gradient.values))).shape, [16, 16, 3]);
  const { width, height, channels } = await sharp(join(out, first.methods.gradient.picture)).metadata();
  t.deepEqual([width, height, channels], [224, 224, 3]);
  t.is(first.methods['grad-cam'].values, `red/${first.index}-${fileNames[first.index]}.grad-cam.npy`);

  const page = await readFile(written.page, 'utf8');
  t.is(Buffer.byteLength(page), written.bytes);
  for (const { title } of findMethods(methods)) t.true(page.includes(`<figcaption>${title}`), title);
  t.true(page.includes('bird &#38; co'), 'names are escaped');
  t.false(page.includes('bird & co'));
  t.regex(page, /conv1[\s\S]*Conv2D 3×3, relu[\s\S]*14×14×4 · 112 parameters/);
  t.false(/(?:src|href)="(?!data:|#)/.test(page), 'the page loads nothing');
  t.false((await readdir(out, { recursive: true })).some((file) => file.endsWith('.tmp')));
});

const fileNames = ['cat', 'dog', 'bird-co'];

test.serial('every image that does not decode is named, before anything is computed', async (t) => {
  const scene = await smallScene(t);
  const subject = await openTrainedNetwork({ model: scene.model });
  const files = ['red.png', 'broken.png', 'missing.png'].map(scene.file);
  const error = await t.throwsAsync(readImages(files, subject), { instanceOf: DataError });
  t.regex(error!.message, /broken\.png: image cannot be decoded: .*\n.*missing\.png: no such file$/);
  t.is(error!.exitCode, 3);
});

test.serial(
  'a layer that does not exist is an error with the nearest name, and leaves no files',
  async (t) => {
    const scene = await smallScene(t);
    const subject = await openTrainedNetwork({ model: scene.model });
    const images = await readImages([scene.file('red.png')], subject);
    const out = join(scene.dir, 'out');
    for (const methods of [['grad-cam'], ['all']]) {
      await t.throwsAsync(writeExplanations(out, subject, images, { methods, targetLayer: 'conv3' }), {
        instanceOf: ModelError,
        message: /no layer "conv3"\. Did you mean "conv1" or "conv2"\?/,
      });
    }
    t.false(existsSync(out));
  },
);

test.serial(
  'a network without spatial layers: class maps by name are an error, by group are left out',
  async (t) => {
    const flat = tfl.sequential({
      name: 'flat',
      layers: [
        tfl.layers.flatten({ inputShape: [16, 16, 3] }),
        tfl.layers.dense({ units: 3, kernelInitializer: tfl.initializers.glorotNormal({ seed: 4 }) }),
      ],
    });
    const scene = await smallScene(t, flat);
    const subject = await openTrainedNetwork({ model: scene.model });
    t.deepEqual(
      subject.notes.map((note) => note.split(' ')[0]),
      ['scores', 'classes'].toReversed().toSorted().reverse(),
    );
    const images = await readImages([scene.file('red.png')], subject);
    const named = explainImages(subject, images, { methods: ['gradient', 'grad-cam'] });
    await t.throwsAsync(named.next(), {
      instanceOf: ModelError,
      message: /no layer before output .* has spatial extent/,
    });

    const notes: string[] = [];
    const methods = ['gradient', 'class-maps'];
    const written = await writeExplanations(join(scene.dir, 'out'), subject, images, {
      methods,
      onNote: (note) => notes.push(note),
    });
    t.is(written.pictures, 3);
    t.is(notes.length, explanationMethods.filter(({ group }) => group === 'class-maps').length);
    t.true(notes.every((note) => note.startsWith('left out  ')));
    t.regex(await readFile(written.page, 'utf8'), /no layer: none has spatial extent/);
  },
);

test.serial('a dead map is a warning with image and class, and is said on the page', async (t) => {
  const model = smallNetwork();
  // Features that nothing activates: every gradient map is zero.
  model.getLayer('conv2').setWeights([tf.zeros([3, 3, 4, 5]), tf.fill([5], -1)]);
  const scene = await smallScene(t, model);
  const subject = await openTrainedNetwork(
    { model: scene.model },
    { classes: await readClassNames(scene.classes) },
  );
  const images = await readImages([scene.file('red.png')], subject);
  const notes: string[] = [];
  const written = await writeExplanations(join(scene.dir, 'out'), subject, images, {
    methods: ['grad-cam'],
    classes: [1],
    onNote: (note) => notes.push(note),
  });
  t.deepEqual(notes, [
    'warning  red, class dog: the grad-cam map is dead: of one value all over, it points nowhere',
  ]);
  t.regex(await readFile(written.page, 'utf8'), /dead map: one value all over/);
});

test('methods and classes are found by name; a wrong one is an error with the nearest', (t) => {
  t.deepEqual(
    findMethods(['grad-cam++', 'class-maps']).map(({ name }) => name),
    [
      'grad-cam++',
      ...explanationMethods
        .filter((m) => m.group === 'class-maps' && m.name !== 'grad-cam++')
        .map((m) => m.name),
    ],
  );
  t.is(new Set(explanationMethods.map(({ name }) => name)).size, explanationMethods.length);
  t.throws(() => findMethods(['grad-cma']), {
    instanceOf: UsageError,
    message: /no method "grad-cma"; did you mean "grad-cam"\?/,
  });
  t.deepEqual(findClasses(['dog', '0'], ['cat', 'dog']), [1, 0]);
  t.throws(() => findClasses(['dogg'], ['cat', 'dog']), {
    message: '--class: no class "dogg"; did you mean "dog"?',
  });
  t.throws(() => findClasses(['2'], ['cat', 'dog']), {
    message: '--class: no class "2"; there are 2, numbered from 0',
  });
});

test('what is no run, or of another size, is refused', async (t) => {
  const scene = await smallScene(t);
  await t.throwsAsync(openTrainedNetwork({ run: scene.model }), {
    instanceOf: RunError,
    message: /holds no run.*--model/,
  });
  await t.throwsAsync(openTrainedNetwork({ model: scene.model }, { imageSize: [32, 32] }), {
    instanceOf: UsageError,
    message: /it takes images of 16x16, not of 32x32$/,
  });
  await t.throwsAsync(openTrainedNetwork({ model: scene.model }, { classes: ['a'] }), {
    instanceOf: UsageError,
    message: /the model has 3 classes, received 1 names$/,
  });
  await t.throwsAsync(openTrainedNetwork({ model: scene.model }, { output: 'other' }), {
    instanceOf: UsageError,
    message: /no output other; the model has 0 \(/,
  });
});
