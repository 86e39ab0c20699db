import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import sharp from 'sharp';
import { buildModel, saveLayersModel, startEngine } from '../../src/index.ts';
import { moduleCommand } from '../program-command.ts';

const run = promisify(execFile);

/** What an example prints. */
async function output(name: string, ...args: string[]): Promise<string> {
  const [file, ...first] = moduleCommand(new URL(`../../examples/${name}`, import.meta.url));
  const { stdout } = await run(file, [...first, ...args]);
  return stdout;
}

const numbersAfter = (text: string, label: string) =>
  [...text.matchAll(new RegExp(`${label} (\\d+\\.\\d+)`, 'g'))].map(([, number]) => Number(number));

/** The numbers of the line that begins so. */
const percentages = (text: string, line: string) =>
  (text.split('\n').find((one) => one.startsWith(line)) ?? '')
    .slice(line.length)
    .match(/\d+\.\d/g)
    ?.map(Number) ?? [];

test.serial('own-model: guidance brings back what the watermark had replaced', async (t) => {
  const text = await output('own-model');
  const [plainTrained, plainSwapped, guidedTrained, guidedSwapped] = numbersAfter(text, 'accuracy');
  t.true(plainTrained! > 0.95 && guidedTrained! > 0.95, text);
  t.true(guidedSwapped! > plainSwapped! + 0.15, text);
  const [plainAttention, , guidedAttention] = numbersAfter(text, 'object');
  t.true(guidedAttention! > plainAttention! + 0.2, text);
});

test.serial('custom-loss: both terms fall', async (t) => {
  const text = await output('custom-loss');
  for (const term of ['classification', 'object']) {
    const values = numbersAfter(text, term);
    t.is(values.length, 5, text);
    t.true(values.at(-1)! < 0.8 * values[0]!, text);
  }
});

test.serial('explain-image: a picture of the three best classes', async (t) => {
  await startEngine({ engine: 'cpu' });
  const dir = await mkdtemp(join(tmpdir(), 'explain-'));
  t.teardown(() => rm(dir, { recursive: true }));
  const model = buildModel('small-cnn', { inputShape: [32, 32, 3], classes: 5, seed: 1, widths: [4, 8] });
  await saveLayersModel(model, join(dir, 'model'));
  await sharp({ create: { width: 50, height: 40, channels: 3, background: 'teal' } }).toFile(
    join(dir, 'photo.jpg'),
  );
  const text = await output('explain-image', join(dir, 'model'), join(dir, 'photo.jpg'), 'layer-cam');
  t.is(text.match(/^class \d: logit -?\d+\.\d\d$/gm)?.length, 3, text);
  const { width, format } = await sharp(join(dir, 'photo.maps.png')).metadata();
  t.is(format, 'png');
  t.true(width > 4 * 150, `${width} pixels wide`);
});

test.serial(
  'questions: answers beside those that are known without the picture, and where maps point',
  async (t) => {
    const text = await output('questions', '--seeds', '1', '--scenes', '40', '--steps', '6');
    for (const line of ['right', 'the question alone', 'a constant answer']) {
      const [all, ...kinds] = percentages(text, `seed 1: ${line}`);
      t.is(kinds.length, 4, text);
      // Each kind is asked as often as the others.
      t.true(Math.abs(all! - kinds.reduce((sum, kind) => sum + kind / 4, 0)) < 0.11, text);
    }
    t.is(text.match(/^seed 1: grad-cam(\+\+)? points at: own /gm)?.length, 2, text);
  },
);

test.serial('captions: words and whole captions beside the likeliest, and where maps point', async (t) => {
  const text = await output('captions', '--seeds', '1', '--scenes', '40', '--steps', '6');
  for (const line of ['right', 'the likeliest words']) {
    const [whole, words, color, shape, relation] = percentages(text, `seed 1: ${line}`);
    t.true(whole! <= Math.min(color!, shape!, relation!), text);
    // Two words of a caption are colours, two are shapes.
    t.true(Math.abs(words! - (2 * color! + 2 * shape! + relation!) / 5) < 0.11, text);
  }
  // Four scenes are asked, with four words each that are about one object.
  t.is(text.match(/^seed 1: grad-cam.*; 16 maps$/gm)?.length, 2, text);
});

test.serial('regression: a number is learned, beside the constant answer and the constant map', async (t) => {
  const text = await output('regression', '80', '1');
  const [constant, plain, guided] = numbersAfter(text, 'error');
  t.true(plain! < 0.8 * constant! && guided! < 0.8 * constant!, text);
  const [area, ofPlain, ofGuided] = numbersAfter(text, 'disc');
  t.true(ofPlain! > area! && ofGuided! > area!, text);
});
