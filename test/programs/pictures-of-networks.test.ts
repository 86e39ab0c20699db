import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test, { type ExecutionContext } from 'ava';
import sharp from 'sharp';
import { saveLayersModel } from '../../src/models/index.ts';
import { startTestEngine } from '../engine/test-engine.ts';
import { callProgram } from './call-program.ts';
import { halfScores } from './half-scores.mjs';

// `network`, `explain --command` and `--url`, `units --kernels` and `--invariance`, as they are called.

let folder = '';
const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const scorer = `"${process.execPath}" "${fileURLToPath(new URL('half-scorer.mjs', import.meta.url))}"`;

test.before(async () => {
  await startTestEngine();
  folder = await mkdtemp(join(tmpdir(), 'gain-pictures-'));
  const white = sharp({ create: { width: 16, height: 16, channels: 3, background: '#ffffff' } });
  await white.png().toFile(join(folder, 'white.png'));
  const half = Uint8Array.from({ length: 256 }, (_, i) => (i % 16 < 8 ? 255 : 0));
  await sharp(half, { raw: { width: 16, height: 16, channels: 1 } }).toFile(join(folder, 'half.png'));
  await saveLayersModel(filters(), join(folder, 'model'));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

/** Three filters of 3x3: a mean, a checkerboard, and nothing. */
function filters(): tfl.Sequential {
  const model = tfl.sequential({
    name: 'filters',
    layers: [
      tfl.layers.conv2d({
        name: 'first',
        inputShape: [16, 16, 3],
        filters: 3,
        kernelSize: 3,
        activation: 'relu',
      }),
      tfl.layers.globalAveragePooling2d({}),
      tfl.layers.dense({ units: 2 }),
    ],
  });
  const of = [() => 1 / 27, (y: number, x: number) => (-1) ** (y + x) / 27, () => 0];
  const values = Float32Array.from({ length: 81 }, (_, i) => {
    const place = Math.trunc(i / 9);
    return of[i % 3]!(Math.trunc(place / 3), place % 3);
  });
  model.layers[0]!.setWeights([tf.tensor4d(values, [3, 3, 3, 3]), tf.zeros([3])]);
  model.layers[2]!.setWeights([
    tf.tensor2d([
      [1, 0],
      [0, 1],
      [0, 0],
    ]),
    tf.zeros([2]),
  ]);
  return model;
}

async function worked(t: ExecutionContext, ...argv: string[]) {
  const called = await callProgram(...argv);
  t.is(called.code, 0, called.stderr);
  return called;
}

/** Values of a raw map, row by row. */
async function values(file: string): Promise<Float32Array> {
  const bytes = await readFile(file);
  const at = 10 + bytes.readUInt16LE(8);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset + at, bytes.byteOffset + bytes.length));
}

test.serial(
  'network: a line as text, a prototxt as TikZ, a model as SVG and PNG, a network by name',
  async (t) => {
    const text = await worked(t, 'network', '--line', 'input 8x8x3; stem: conv 3x3x4 relu; gap; dense 5');
    // 3 * 3 * 3 * 4 + 4 and 4 * 5 + 5 weights.
    t.regex(text.stdout, /^stem +Conv2D 3x3, relu +8x8x4 +112$/m);
    t.regex(text.stdout, /\n137 weights\n$/);
    const file = (name: string) => join(folder, name);
    const tikz = await worked(
      t,
      'network',
      '--prototxt',
      fixture('alexnet.prototxt'),
      '--out',
      file('net.tex'),
    );
    const same = await worked(t, 'network', '--model', fixture('alexnet.prototxt'));
    t.regex(same.stdout, /\n60,965,224 weights\n$/);
    t.regex(tikz.stdout, /net\.tex: \d+ layers, 60,965,224 weights\n$/);
    t.regex(await readFile(file('net.tex'), 'utf8'), /\\begin\{tikzpicture\}/);
    await worked(t, 'network', '--model', file('model'), '--out', file('net.svg'), '--title', 'mine');
    const svg = await readFile(file('net.svg'), 'utf8');
    for (const name of ['mine', 'first', '14×14×3']) t.true(svg.includes(name), name);
    await worked(t, 'network', '--model', file('model'), '--out', file('net.png'));
    t.is((await sharp(file('net.png')).metadata()).format, 'png');
    const named = await worked(
      t,
      ...[
        'network',
        '--backbone',
        'small-cnn',
        '--image-size',
        '32',
        '--class-count',
        '3',
        '--out',
        file('net.txt'),
      ],
    );
    t.regex(named.stdout, /net\.txt: \d+ layers/);
    t.regex(await readFile(file('net.txt'), 'utf8'), /32x32x3/);
  },
);

test.serial('network: what is wrong is named', async (t) => {
  const refused = async (...argv: string[]) => {
    const { code, stderr, stdout } = await callProgram('network', ...argv);
    t.is(stdout, '');
    return `${code} ${stderr}`;
  };
  t.regex(await refused(), /^2 .*one of --run, --model, --backbone, --prototxt and --line is needed/s);
  t.regex(await refused('--line', 'gap', '--model', folder), /^2 .*one of --run/s);
  t.regex(
    await refused('--line', 'input 8x8x3; gap', '--out', 'net.jpg'),
    /^2 .*--out: expected a name that ends in/,
  );
  t.regex(await refused('--line', 'input 8x8x3; convolve 3'), /^2 .*convolve/s);
  t.regex(await refused('--prototxt', join(folder, 'nowhere')), /^3 .*nowhere: it cannot be read/s);
});

test.serial(
  'explain --command and --url: the same scores, and occlusion that finds the left half',
  async (t) => {
    const asked = (out: string, ...box: string[]) =>
      worked(
        t,
        ...[
          'explain',
          ...box,
          '--image-size',
          '16',
          '--image',
          join(folder, 'half.png'),
          '--method',
          'occlusion',
        ],
        ...['--classes', 'left,rest', '--out', join(folder, out)],
      );
    await asked('command', '--command', scorer);
    const list = JSON.parse(await readFile(join(folder, 'command', 'explanations.json'), 'utf8'));
    t.deepEqual(
      list.images[0].classes.map(({ class: name, score }: { class: string; score: number }) => [name, score]),
      [
        ['left', 1],
        ['rest', 0],
      ],
    );
    const map = await values(join(folder, 'command', 'half', '0.occlusion.npy'));
    const rest = await values(join(folder, 'command', 'half', '1.occlusion.npy'));
    t.is(map.length, 256);
    const column = (x: number) => Array.from({ length: 16 }, (_, y) => map[16 * y + x]!);
    // The mean of the image, grey, in place of white takes from the left half, and on the right nothing.
    t.true(column(2).every((value) => value > 0));
    t.true(column(15).every((value) => value === 0));
    for (const [i, value] of map.entries()) t.true(Math.abs(value + rest[i]!) < 1e-6);

    const server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text) => {
        body += text;
      });
      request.on('end', () => response.end(JSON.stringify({ scores: halfScores(JSON.parse(body)) })));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    await asked('url', '--url', `http://127.0.0.1:${port}/`);
    server.close();
    t.deepEqual(await values(join(folder, 'url', 'half', '0.occlusion.npy')), map);
  },
);

test.serial('explain --command and --url: what is wrong is named', async (t) => {
  const image = ['--image', join(folder, 'white.png'), '--out', join(folder, 'wrong')];
  const refused = async (...argv: string[]) => {
    const { code, stderr } = await callProgram('explain', ...argv, ...image);
    return `${code} ${stderr}`;
  };
  t.regex(await refused('--command', scorer), /^2 .*--image-size is needed/s);
  t.regex(
    await refused('--command', scorer, '--url', 'http://127.0.0.1:1/', '--image-size', '16'),
    /^2 .*only one of --run, --model, --command and --url/,
  );
  const broken = `"${process.execPath}" -e "console.log(JSON.stringify({ error: 'no such model' }))"`;
  t.regex(
    await refused('--command', broken, '--image-size', '16', '--method', 'occlusion'),
    /^[1-9].*no such model/s,
  );
  t.regex(
    await refused('--url', 'http://127.0.0.1:1/', '--image-size', '16', '--method', 'occlusion'),
    /^[1-9].*127\.0\.0\.1:1/s,
  );
});

test.serial('units --kernels: a picture, and which filter is dead', async (t) => {
  const out = join(folder, 'kernels');
  const { stdout, stderr } = await worked(
    t,
    'units',
    '--model',
    join(folder, 'model'),
    '--kernels',
    '--out',
    out,
  );
  t.is(stdout, `${join(out, 'kernels-first.png')}\n${join(out, 'kernels-first.json')}\n`);
  t.regex(stderr, /filters {2}first: 1 of 3 filters are dead \(less than 1 % of the strongest\): 2/);
  const { layer, dead, filters: found } = JSON.parse(await readFile(join(out, 'kernels-first.json'), 'utf8'));
  t.deepEqual([layer, dead], ['first', [2]]);
  // 1/27 everywhere and 1/27 in turns are equally strong.
  for (const i of [0, 1]) t.true(Math.abs(found[i].rms - 1 / 27) < 1e-7);
  t.is((await sharp(join(out, 'kernels-first.png')).metadata()).format, 'png');
  const { code, stderr: wrong } = await callProgram('units', '--model', join(folder, 'model'), '--out', out);
  t.is(code, 2);
  t.regex(wrong, /nothing to show: .*--kernels, --invariance.* is needed/);
});

test.serial('units --invariance: nothing moves where nothing is changed', async (t) => {
  const out = join(folder, 'invariance');
  await worked(
    t,
    ...['units', '--model', join(folder, 'model'), '--invariance', join(folder, 'white.png'), '--out', out],
  );
  const curves = JSON.parse(await readFile(join(out, 'invariance.json'), 'utf8'));
  t.deepEqual(curves.map(({ change }: { change: string }) => change).length, 3);
  // A white image stays white however it is moved, since its edge is repeated.
  for (const { amounts, distances, probability } of curves) {
    t.is(probability.length, amounts.length);
    for (const p of probability) t.true(Math.abs(p - probability[0]) < 1e-6);
    const all = Object.values<number[]>(distances).flat();
    t.true(all.length >= amounts.length && all.every((distance) => distance < 1e-6));
  }
});
