import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { DataError, RunError, UsageError } from '../../../src/errors/index.ts';
import {
  commandPredictor,
  explainBlackBox,
  httpPredictor,
  lime,
  occlusion,
  type Predictor,
  rise,
} from '../../../src/explain/index.ts';
import { startTestEngine } from '../../gradcam/engine.ts';
import { numbers } from '../../gradcam/reference-network.ts';
import { temporary } from '../networks.ts';

test.before(startTestEngine);

/** Scores 8x8 images by the brightness of their upper left and lower right quarters. */
const scoring = `
function scores({ shape, data }) {
  const [n, h, w, c] = shape;
  const bytes = Buffer.from(data, 'base64');
  const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  return Array.from({ length: n }, (_, i) => {
    const sums = [0, 0];
    for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) for (let k = 0; k < c; k++) {
      const value = values[((i * h + y) * w + x) * c + k];
      if (y < h / 2 && x < w / 2) sums[0] += value; else if (y >= h / 2 && x >= w / 2) sums[1] += value;
    }
    return sums.map((sum) => sum / (h * w * c / 4));
  });
}`;
const program = `${scoring}
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  process.stdout.write(JSON.stringify({ scores: scores(JSON.parse(line)) }) + '\\n');
});`;

/** The same as an object of this process. */
const here: Predictor = {
  predict: (inputs) =>
    tf.tidy(() => {
      const x = inputs as tf.Tensor4D;
      const quarter = (y: number, column: number) =>
        tf.mean(tf.slice(x, [0, y, column, 0], [-1, 4, 4, -1]), [1, 2, 3]);
      return tf.stack([quarter(0, 0), quarter(4, 4)], 1);
    }),
};

const images = () =>
  tf.tensor4d(
    numbers(5, 192).map((value) => value + 0.5),
    [1, 8, 8, 3],
  );
/** Quarters, without a look at the image. */
const segment = (_: Float32Array, h: number, w: number) =>
  Int32Array.from({ length: h * w }, (_, i) => 2 * Number(i >= (h * w) / 2) + Number(i % w >= w / 2));
const pairs = [
  { sample: 0, class: 0 },
  { sample: 0, class: 1 },
];
const same = (
  t: { true(value: boolean, message?: string): void },
  a: tf.Tensor,
  b: tf.Tensor,
  title: string,
) => {
  const error = tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!;
  t.true(error < 1e-5, `${title} differs by ${error}`);
};

async function scriptOf(t: Parameters<typeof temporary>[0], text: string): Promise<string> {
  const file = join(await temporary(t), 'predict.cjs');
  await writeFile(file, text);
  return `"${process.execPath}" "${file}"`;
}

test.serial('a program is explained as the same function in this process is', async (t) => {
  const predictor = commandPredictor(await scriptOf(t, program));
  t.teardown(() => predictor.close());
  const options = { batchSize: 7, seed: 3 };
  same(
    t,
    await occlusion(predictor, images(), pairs, options),
    await occlusion(here, images(), pairs, options),
    'occlusion',
  );
  const few = { ...options, masks: 20, samples: 20, segment };
  same(t, await rise(predictor, images(), pairs, few), await rise(here, images(), pairs, few), 'RISE');
  same(t, await lime(predictor, images(), pairs, few), await lime(here, images(), pairs, few), 'LIME');
  await t.throwsAsync(occlusion(predictor, images(), pairs, { target: 'logit' }), {
    instanceOf: UsageError,
    message: /^target: of a program or a server/,
  });
  await predictor.close();
  await t.throwsAsync(predictor.score(new Float32Array(192), [1, 8, 8, 3]), { instanceOf: RunError });
});

test.serial('a server is, too', async (t) => {
  const scores = ({ shape, data }: { shape: [number, number, number, number]; data: string }) =>
    tf.tidy(() => {
      const bytes = Buffer.from(data, 'base64');
      const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
      return (here.predict(tf.tensor4d(values, shape)) as tf.Tensor2D).arraySync();
    });
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (part) => {
      body += part;
    });
    request.on('end', () => {
      if (request.url === '/broken') response.writeHead(500).end('out of order');
      else response.end(JSON.stringify({ scores: scores(JSON.parse(body)) }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const predictor = httpPredictor(`http://127.0.0.1:${port}/score`);
  same(t, await occlusion(predictor, images(), pairs), await occlusion(here, images(), pairs), 'occlusion');
  const broken = httpPredictor(`http://127.0.0.1:${port}/broken`);
  await t.throwsAsync(occlusion(broken, images(), pairs), {
    instanceOf: RunError,
    message: /expected status 200, found 500: out of order/,
  });
  t.throws(() => httpPredictor('localhost'), {
    instanceOf: UsageError,
    message: /^expected an address such as/,
  });
});

test.serial('page, pictures and raw maps of a black box; methods that look inside are refused', async (t) => {
  const dir = await temporary(t);
  const predictor = commandPredictor(await scriptOf(t, program));
  t.teardown(() => predictor.close());
  const image = { name: 'one', file: 'one.png', pixels: Float32Array.from(images().dataSync()) };
  const options = { title: 'quarters', imageSize: [8, 8], channels: 3, samples: 20 } as const;
  const written = await explainBlackBox(dir, predictor, [image], {
    ...options,
    methods: ['model-agnostic'],
    classes: ['upper left', 'lower right'],
    top: 2,
  });
  t.is(written.pictures, 6);
  const page = await readFile(written.page, 'utf8');
  t.true(page.includes('upper left') && page.includes('A black box') && !page.includes('NaN'));
  const list = JSON.parse(await readFile(join(dir, 'explanations.json'), 'utf8'));
  t.deepEqual(list.images[0].classes.map((one: { class: string }) => one.class).sort(), [
    'lower right',
    'upper left',
  ]);
  const failing = (methods: string[], more: object = {}) =>
    explainBlackBox(dir, predictor, [image], { ...options, methods, ...more });
  await t.throwsAsync(failing(['grad-cam']), {
    instanceOf: UsageError,
    message: /^grad-cam looks into a network/,
  });
  await t.throwsAsync(failing(['occlusion'], { classes: ['a'] }), {
    message: /1 names, but 2 scores were answered/,
  });
  await predictor.close();
});

test.serial('a program that fails is an error that says how', async (t) => {
  const fails = async (
    text: string,
    expected: { instanceOf: typeof RunError | typeof DataError; message: RegExp },
    more = {},
  ) => {
    const predictor = commandPredictor(await scriptOf(t, text), more);
    await t.throwsAsync(predictor.score(new Float32Array(3), [1, 1, 1, 3]), expected);
    await predictor.close();
  };
  await fails('console.error("no model here"); process.exit(3)', {
    instanceOf: RunError,
    message: /ended with exit code 3; it wrote:\nno model here$/,
  });
  await fails('process.stdin.on("data", () => console.log("hello"))', {
    instanceOf: DataError,
    message: /expected a line of JSON .* found "hello"/,
  });
  await fails('process.stdin.on("data", () => console.log(JSON.stringify({ scores: [[1], [2]] })))', {
    instanceOf: DataError,
    message: /expected "scores" with 1 rows/,
  });
  await fails('process.stdin.on("data", () => console.log(JSON.stringify({ scores: [[1, null]] })))', {
    instanceOf: DataError,
    message: /row 0 holds \[1,null\]/,
  });
  await fails('process.stdin.on("data", () => console.log(JSON.stringify({ error: "no such size" })))', {
    instanceOf: DataError,
    message: /no such size$/,
  });
  await fails(
    'process.stdin.resume()',
    { instanceOf: RunError, message: /no answer within 0.3 s \(--timeout\)/ },
    { timeout: 0.3 },
  );
});
