import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import sharp from 'sharp';
import { configSchema, stringifyConfig } from '../../src/config/index.ts';
import { generateDrawn } from '../../src/data/index.ts';
import { DataError, ModelError, UsageError } from '../../src/errors/index.ts';
import { type EvaluateRequest, evaluate, evaluationTable, ResultWriter } from '../../src/evaluation/index.ts';
import { drawOverTime, readClips, writeExplanations } from '../../src/explain/index.ts';
import { buildModel, saveLayersModel } from '../../src/models/index.ts';
import { writeReport } from '../../src/report/index.ts';
import { openTrainedNetwork } from '../../src/run/index.ts';
import { startTestEngine } from '../gradcam/engine.ts';
import { temporary } from './networks.ts';

test.before(startTestEngine);

const clipNetwork = () =>
  buildModel('small-cnn-3d', { inputShape: [4, 16, 16, 3], classes: 6, seed: 3, widths: [3, 4] });

/** A model of clips of 4 frames, and two clips: a folder of 8 frames, and a GIF of 3. */
async function scene(t: Parameters<typeof temporary>[0]) {
  const dir = await temporary(t);
  await saveLayersModel(clipNetwork(), join(dir, 'model'));
  const frame = (r: number, g: number) =>
    sharp({ create: { width: 16, height: 16, channels: 3, background: { r, g, b: 40 } } })
      .png()
      .toBuffer();
  await mkdir(join(dir, 'clips/walk'), { recursive: true });
  for (let i = 0; i < 8; i++) {
    await writeFile(join(dir, 'clips/walk', `${i}.png`), await frame(30 * i, 255 - 30 * i));
  }
  const pages = await Promise.all([frame(255, 0), frame(0, 255), frame(255, 255)]);
  await sharp(pages, { join: { animated: true } })
    .gif()
    .toFile(join(dir, 'clips/jump.gif'));
  return dir;
}

test.serial('clips are explained over time: strips, animations, raw maps', async (t) => {
  const dir = await scene(t);
  await t.throwsAsync(openTrainedNetwork({ model: join(dir, 'model') }), {
    instanceOf: ModelError,
    message:
      /it takes clips, \[any, 4, 16, 16, 3\], and images are wanted here; explain and evaluate take clips$/,
  });
  const subject = await openTrainedNetwork({ model: join(dir, 'model') }, {}, { clips: true });
  t.is(subject.frames, 4);
  const clips = await readClips([join(dir, 'clips')], { ...subject, frames: 4 });
  t.deepEqual(
    clips.map(({ name, pixels }) => [name, pixels.length]),
    [
      ['jump', 4 * 16 * 16 * 3],
      ['walk', 4 * 16 * 16 * 3],
    ],
  );
  // Frames 1, 3, 5, 7 of eight.
  t.deepEqual(
    [0, 1, 2, 3].map((f) => Math.round(clips[1]!.pixels[f * 768]! * 255)),
    [30, 90, 150, 210],
  );
  await t.throwsAsync(readClips([join(dir, 'clips/none.gif')], { ...subject, frames: 4 }), {
    instanceOf: DataError,
    message: /none.gif: there is no such file or folder$/,
  });

  const out = join(dir, 'out');
  const before = tf.memory().numTensors;
  const written = await writeExplanations(out, subject, clips, {
    methods: ['grad-cam++', 'gradient'],
    top: 1,
    thresholds: { any: 0.5 },
  });
  t.is(tf.memory().numTensors, before);
  t.is(written.pictures, 4);
  const list = JSON.parse(await readFile(join(out, 'explanations.json'), 'utf8'));
  for (const { classes } of list.images) {
    const { methods } = classes[0];
    t.deepEqual(methods['grad-cam++'].shape, [2, 8, 8]);
    t.deepEqual(methods.gradient.shape, [4, 16, 16, 3]);
    for (const one of Object.values(methods) as { picture: string; animation: string }[]) {
      const strip = await sharp(join(out, one.picture)).metadata();
      t.deepEqual([strip.width, strip.height], [4 * 224 + 3 * 4, 224]);
      const { pages, delay } = await sharp(join(out, one.animation), { animated: true }).metadata();
      t.deepEqual([pages, delay?.[0]], [4, 160]);
    }
  }
  const page = await readFile(join(out, 'index.html'), 'utf8');
  t.regex(page, /class="strips"/);
  t.regex(page, /2 clips, 2 methods/);
  t.regex(page, /boxes: a box does not say when/);
});

test.serial('an attribution over time has one scale for all frames', (t) => {
  const photo = { data: new Uint8Array(4 * 4 * 3).fill(128), width: 4, height: 4 };
  const method = { name: 'grad-cam', kind: 'map' } as const;
  // Two frames of a map: nothing, and all; four frames of the clip lie between them.
  const values = Float32Array.from([0, 0, 0, 0, 1, 1, 1, 1]);
  const frames = drawOverTime({ method, shape: [2, 2, 2], values }, [photo, photo, photo, photo]);
  const first = frames.map(({ data }) => data[0]! + data[1]! + data[2]!);
  t.true(first[0]! < first[1]! && first[1]! < first[2]! && first[2]! < first[3]!, String(first));
});

test.serial('evaluate measures maps over all frames, beside constants', async (t) => {
  const dir = await temporary(t);
  const data = join(dir, 'data');
  await generateDrawn('moving-shapes', data, {
    size: 16,
    frames: 4,
    train: 2,
    trainFullsup: 2,
    val: 2,
    test: 6,
  });
  const model = clipNetwork();
  await saveLayersModel(model, join(dir, 'run/model'));
  const config = configSchema.parse({
    name: 'tiny',
    data: { source: 'moving-shapes', dir: data, frames: 4, imageSize: [16, 16] },
    model: { backbone: 'small-cnn-3d', options: { widths: [3, 4] } },
  });
  await writeFile(join(dir, 'run/config.yaml'), stringifyConfig(config));
  const options = {
    tolerance: 3,
    replicates: 50,
    seed: 1,
    faithfulnessLimit: 2,
    sanityLimit: 2,
    batchSize: 4,
  };
  const run = (changed: Partial<EvaluateRequest['options']> = {}) =>
    evaluate({
      source: { run: join(dir, 'run') },
      options: { ...options, ...changed },
      engine: 'cpu',
      log: () => {},
      writerFor: (split) => new ResultWriter(join(dir, 'run/evaluation'), split),
      maps: { dir: join(dir, 'maps'), format: 'npy' },
    });
  const { result } = (await run())[0]!;
  const { localization, settings, dataset } = result;
  t.deepEqual([settings.frames, settings.imageSize, dataset.images, dataset.boxes], [4, [16, 16], 6, 0]);
  t.deepEqual(result.model.mapSize, [2, 8, 8]);
  t.is(localization!.thresholdFrom, 'none');
  const { methods, baselines } = localization!;
  const gradCam = methods['grad-cam']!;
  t.deepEqual([gradCam.boxAcc, gradCam.threshold, gradCam.curves.threshold], [null, null, null]);
  t.is(baselines['constant-box'], null);
  // A map that is the same everywhere has the mask's share of its energy inside.
  const share = baselines['constant-map']!.energy!.value;
  t.true(share > 0.02 && share < 0.2, String(share));
  t.is(gradCam.energy!.count, 6);
  t.true(gradCam.pxAp!.value > 0 && baselines.centre!.pxAp!.value > 0);
  t.regex(evaluationTable(result), /test of moving-shapes: 6 clips.*\n/);
  t.regex(evaluationTable(result), /over all frames against the masks; clips have no boxes/);
  const report = await writeReport(join(dir, 'run'), {});
  const html = await readFile(report.path, 'utf8');
  t.is(report.gallery, 6);
  t.regex(html, /Clips have no boxes: maps are compared with the masks of all frames/);
  t.regex(html, /gallery strips/);
  t.deepEqual(report.notes, []);

  await t.throwsAsync(run({ measures: ['faithfulness'] }), {
    instanceOf: UsageError,
    message: /^--measures: faithfulness is measured on images, and .* holds clips$/,
  });
  await t.throwsAsync(run({ threshold: { value: 0.3 } }), { message: /^--threshold is of boxes/ });
});
