import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import sharp from 'sharp';
import { EventWriter } from '../../src/tensorboard/index.ts';

const python = process.env.TENSORBOARD_PYTHON;
const maybe = python ? test : test.skip;
const needs = 'needs TENSORBOARD_PYTHON, a Python with tensorboard';

interface Read {
  plugins: Record<string, string>;
  scalars: Record<string, [number, number | string][]>;
  images: Record<string, [number, number, number, string][]>;
  histograms: Record<string, { step: number; num: number; min: number; max: number; bucket: number[] }[]>;
  texts: Record<string, [number, string][]>;
  graph: Record<string, { op: string; inputs: string[]; shape: number[]; parameters: number }>;
  hparams: {
    columns: Record<string, number>;
    metrics: string[];
    values: Record<string, unknown>;
    status: number;
  };
}

async function readBack(logdir: string): Promise<Read> {
  const script = new URL('../reference/tensorboard_read.py', import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(python!, [script, logdir], { maxBuffer: 2 ** 26 });
  return JSON.parse(stdout) as Read;
}

async function temporary(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tensorboard-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

maybe(`TensorBoard reads every kind of record back (${needs})`, async (t) => {
  const logdir = await temporary(t);
  const events = await EventWriter.create(logdir);
  events.hparams({ rate: 0.5, method: 'gain', guided: true }, ['eval/accuracy']);
  events.text('config', 0, '`alpha: 1` — größer');
  events.scalars(1, { 'loss/total': 0.25, 'eval/accuracy': 0.75 });
  events.scalar('loss/total', 2 ** 40, Number.NaN);
  events.image('attention/val', 1, { data: Uint8Array.of(255, 0, 0, 0, 0, 255), width: 2, height: 1 });
  events.histogram('gradients/conv', 1, [-2, 0, 0, 3, Number.NaN]);
  events.histogram('gradients/none', 1, []);
  events.graph([
    { name: 'image', op: 'InputLayer', inputs: [], shape: [null, 8, 8, 3], parameters: 0 },
    { name: 'body/conv', op: 'Conv2D', inputs: ['image'], shape: [null, 8, 8, 4], parameters: 112 },
  ]);
  events.endSession();
  await events.close();

  const read = await readBack(logdir);
  t.deepEqual(read.scalars, {
    'loss/total': [
      [1, 0.25],
      [2 ** 40, 'nan'],
    ],
    'eval/accuracy': [[1, 0.75]],
  });
  t.deepEqual(read.texts, { config: [[0, '`alpha: 1` — größer']] });
  const [step, width, height, png] = read.images['attention/val']![0]!;
  t.deepEqual([step, width, height], [1, 2, 1]);
  t.deepEqual([...(await sharp(Buffer.from(png, 'base64')).raw().toBuffer())], [255, 0, 0, 0, 0, 255]);
  const histogram = read.histograms['gradients/conv']![0]!;
  t.deepEqual([histogram.step, histogram.num, histogram.min, histogram.max], [1, 4, -2, 3]);
  t.deepEqual(histogram.bucket, [0, 1, 0, 2, 0, 1, 0]);
  t.is(read.histograms['gradients/none']![0]!.num, 0);
  t.deepEqual(read.hparams, {
    columns: { rate: 3, method: 1, guided: 2 },
    metrics: ['eval/accuracy'],
    values: { rate: 0.5, method: 'gain', guided: true },
    status: 1,
  });
  t.deepEqual(read.graph, {
    image: { op: 'InputLayer', inputs: [], shape: [-1, 8, 8, 3], parameters: 0 },
    'body/conv': { op: 'Conv2D', inputs: ['image'], shape: [-1, 8, 8, 4], parameters: 112 },
  });
  t.is(read.plugins['attention/val'], 'images');
  t.is(read.plugins['gradients/none'], 'histograms');
});

maybe(
  `TensorBoard skips a truncated tail and drops what a resumed run writes again (${needs})`,
  async (t) => {
    const logdir = await temporary(t);
    const killed = await EventWriter.create(logdir);
    for (let step = 0; step < 6; step++) killed.scalar('loss', step, step);
    await killed.close();
    await truncate(killed.path, (await stat(killed.path)).size - 7);

    const resumed = await EventWriter.create(logdir, { purgeStep: 3 });
    for (let step = 3; step < 5; step++) resumed.scalar('loss', step, 10 + step);
    await resumed.close();
    t.deepEqual((await readBack(logdir)).scalars, {
      loss: [
        [0, 0],
        [1, 1],
        [2, 2],
        [3, 13],
        [4, 14],
      ],
    });
  },
);
