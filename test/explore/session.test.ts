import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { DataError, UsageError } from '../../src/errors/index.ts';
import { readImages } from '../../src/explain/index.ts';
import type { Finding } from '../../src/explore/core.ts';
import { DrawnMasks, NO_REVISION } from '../../src/explore/index.ts';
import { type ImageView, Session } from '../../src/explore/session/index.ts';
import { attentionMaps, forward, upsampleMaps } from '../../src/gradcam/index.ts';
import { energyInMask } from '../../src/metrics/index.ts';
import { openTrainedNetwork } from '../../src/run/index.ts';
import { smallRun } from './scene.ts';

test.serial('the images of a data set by their ids, and what is found in them', async (t) => {
  const scene = await smallRun(t);
  const session = await Session.open({ source: { run: scene.run }, engine: 'cpu' });
  t.teardown(() => session.close());
  const { data, run, network } = session.view();
  t.deepEqual([run, data!.trained, network.link], ['small', ['train'], 'sigmoid']);

  const listed = (await session.run({ kind: 'list', split: 'train-fullsup', from: 1, count: 2 })) as {
    total: number;
    examples: { id: string; masks: number }[];
  };
  t.is(listed.total, 4);
  t.deepEqual(
    listed.examples.map(({ id }) => id),
    ['train-fullsup-00000-of-00001.tfrecord#1', 'train-fullsup-00000-of-00001.tfrecord#2'],
  );
  const id = listed.examples[0]!.id;
  const image = (await session.run({ kind: 'image', image: id })) as ImageView;
  t.is(image.split, 'train-fullsup');
  t.is(image.pixels.length, 32 * 32 * 3);
  t.true(image.masks.length > 0);

  // A finding says what the network, the map and the mask say when they are asked one by one.
  const before = tf.memory().numTensors;
  const { findings, done, total } = (await session.run({
    kind: 'scan',
    split: 'train-fullsup',
    from: 0,
    count: 16,
    network: 0,
  })) as { findings: Finding[]; done: number; total: number };
  t.is(tf.memory().numTensors, before, 'no tensor is left');
  t.deepEqual([done, total], [4, 4]);
  const subject = await openTrainedNetwork({ run: scene.run });
  const input = tf.tensor4d(image.pixels, [1, 32, 32, 3]);
  const logits = await forward(subject.model, input).data();
  const own = findings.filter((finding) => finding.id === id);
  t.true(own.length > 0);
  for (const finding of own) {
    const share = 1 / (1 + Math.exp(-logits[finding.class]!));
    t.true(Math.abs(finding.probability - share) < 1e-5);
    t.is(finding.answer, share > 0.5);
    t.is(finding.truth, image.labels!.includes(finding.class));
    t.true(Math.abs(finding.sureness - Math.abs(2 * share - 1)) < 1e-5);
    const { maps } = attentionMaps(subject.model, input, [{ sample: 0, class: finding.class }], {
      method: 'grad-cam',
    });
    const map = await upsampleMaps(maps as tf.Tensor3D, [32, 32]).data();
    const mask = image.masks.find((one) => one.class === finding.class)?.mask;
    const evidence = map.some((value) => value > 0);
    if (!mask || finding.dead || !evidence) t.is(finding.off, null);
    else t.true(Math.abs(finding.off! - (1 - energyInMask(map, mask))) < 1e-5);
  }

  // Where the data set has no mask, the one that somebody drew counts.
  const [plain] = (
    (await session.run({ kind: 'list', split: 'train', from: 0, count: 1 })) as { examples: { id: string }[] }
  ).examples;
  const walk = { kind: 'scan', split: 'train', from: 0, count: 1, network: 0 } as const;
  const first = ((await session.run(walk)) as { findings: Finding[] }).findings;
  t.true(first.every(({ off }) => off === null));
  const drawn = new DrawnMasks(scene.data, [32, 32], 'squash', network.classes);
  const c = first.find(({ dead }) => !dead)?.class ?? first[0]!.class;
  const everything = new Uint8Array(1024).fill(c + 1);
  const none = new Uint8Array(1024);
  await drawn.save({ id: plain!.id, classes: everything, irrelevant: none, by: 'ann', at: '' }, NO_REVISION);
  const second = ((await session.run(walk)) as { findings: Finding[] }).findings.find(
    (one) => one.class === c,
  )!;
  if (!second.dead) t.true(second.off !== null && Math.abs(second.off) < 1e-6, String(second.off));
});

test.serial('what there is not is said, and no name of a page becomes a path', async (t) => {
  const scene = await smallRun(t);
  const images = join(scene.dir, 'pictures');
  await mkdir(images);
  const { default: sharp } = await import('sharp');
  await sharp({ create: { width: 20, height: 10, channels: 3, background: '#206040' } })
    .png()
    .toFile(join(images, 'green.png'));
  await writeFile(join(images, 'notes.txt'), 'not a picture');
  const session = await Session.open({ source: { run: scene.run }, images, engine: 'cpu' });
  t.teardown(() => session.close());
  t.deepEqual(session.view().files, ['green.png']);
  const [expected] = await readImages(
    [join(images, 'green.png')],
    await openTrainedNetwork({ run: scene.run }),
  );
  const found = (await session.run({ kind: 'image', image: 'file:0' })) as ImageView;
  t.deepEqual(found.pixels, expected!.pixels);
  for (const image of [
    'file:1',
    'file:../notes.txt',
    'file:-1',
    '../boats/dataset.json',
    '/etc/passwd#0',
    'x#0',
    '',
  ]) {
    await t.throwsAsync(session.run({ kind: 'image', image }), { instanceOf: UsageError }, image);
  }
  await t.throwsAsync(session.run({ kind: 'list', split: '../boats', from: 0, count: 1 }), {
    message: /no split/,
  });

  const bytes = await readFile(join(images, 'green.png'));
  const brought = (await session.run({ kind: 'upload', bytes, name: 'green' })) as ImageView;
  t.deepEqual(brought.pixels, expected!.pixels);
  const again = (await session.run({ kind: 'image', image: brought.id })) as ImageView;
  t.deepEqual([again.name, again.pixels], ['green', expected!.pixels]);
  await t.throwsAsync(session.run({ kind: 'image', image: 'upload:99' }), { message: /no longer held/ });
  await t.throwsAsync(session.run({ kind: 'upload', bytes: Buffer.from('no'), name: 'no' }), {
    instanceOf: DataError,
    message: /^no: image cannot be decoded/,
  });
  const { distance } = (await session.run({ kind: 'likeness', image: 'file:0', at: [3, 4] })) as {
    distance: Float32Array;
  };
  t.is(distance.length, 1024);
  await t.throwsAsync(session.run({ kind: 'likeness', image: 'file:0', at: [32, 0] }), {
    message: 'the image has 32x32 pixels, there is none at 32, 0',
  });
});
