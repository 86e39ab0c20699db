import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { deflateSync } from 'node:zlib';
import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import type { Browser, Page } from 'playwright-core';
import sharp from 'sharp';
import { readPredictedMasks } from '../../src/data/index.ts';
import { startEngine } from '../../src/engine/index.ts';
import { explainImages, readImages, writeExplanations } from '../../src/explain/index.ts';
import { drawnMasksFile, explore, exportSite } from '../../src/explore/index.ts';
import { nodeOutputs } from '../../src/gradcam/index.ts';
import { openTrainedNetwork } from '../../src/run/index.ts';
import { programCommand } from '../program-command.ts';
import { complaints, executable, launch, pixelsOf, seriousFaults, until } from './browser.ts';
import { smallRun } from './scene.ts';

const inBrowser = executable ? test.serial : test.serial.skip;
const where = executable ?? 'Chromium (there is none; CHROMIUM=PATH names one)';

/**
 * The programs of the package, but a training in a few steps, and an audit that only says that there was one: what they
 * do is tested elsewhere.
 */
const quickPrograms = `
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
const [program, ...args] = process.argv.slice(2);
const option = (name) => args[args.indexOf(name) + 1];
if (program === 'audit') {
  const out = args.includes('--out') ? option('--out') : option('--run') + '/audit';
  mkdirSync(out, { recursive: true });
  writeFileSync(out + '/audit.json', JSON.stringify({ classes: [] }));
} else {
  const quick = ['--set', 'data.masks.predicted.steps=4', '--set', 'data.composites.cache=8'];
  const words = JSON.parse(process.env.EXPLORE_PROGRAM);
  const { status } = spawnSync(words[0], [...words.slice(1), program, ...args, ...quick], { stdio: 'inherit' });
  process.exit(status);
}
`;

/** Blocks of colour, PNG. */
async function picture(): Promise<Buffer> {
  const block = sharp({
    create: { width: 40, height: 24, channels: 3, background: { r: 220, g: 30, b: 20 } },
  });
  return block
    .extend({ top: 16, left: 24, background: { r: 20, g: 90, b: 200 } })
    .png()
    .toBuffer();
}

/** A PNG that says it is larger than any memory, in a few bytes. */
function hugePng(side: number): Buffer {
  const chunk = (name: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(name), data]);
    const [length, crc] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    crc.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, crc]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([8, 0, 0, 0, 0], 8);
  const data = deflateSync(Buffer.alloc(side + 1));
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]),
    chunk('IHDR', header),
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function crc32(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** Lets a file fall onto the page, as from a folder. */
async function drop(page: Page, bytes: Buffer, name: string): Promise<void> {
  const transfer = await page.evaluateHandle(`(() => {
    const data = Uint8Array.from(atob('${bytes.toString('base64')}'), (character) => character.charCodeAt(0));
    const made = new DataTransfer();
    made.items.add(new File([data], '${name}', { type: 'image/png' }));
    return made;
  })()`);
  await page.dispatchEvent('.chooser', 'drop', { dataTransfer: transfer });
}

const idle = (page: Page, selector: string) =>
  until(page, `document.querySelector(${JSON.stringify(selector)})?.getAttribute('aria-busy') === 'false'`);

/** Waits until the numbers are those of a pixel. */
const atPixel = (page: Page, place: string) =>
  until(page, `document.querySelector('.making p')?.textContent?.startsWith('Pixel ${place}:')`);

inBrowser(`look, find, correct and learn, in ${where}`, async (t) => {
  t.timeout(280_000);
  const scene = await smallRun(t);
  const file = join(scene.dir, 'blocks.png');
  await writeFile(file, await picture());
  const programs = join(scene.dir, 'programs.mjs');
  await writeFile(programs, quickPrograms);
  process.env.EXPLORE_PROGRAM = JSON.stringify(programCommand);
  const explored = await explore({
    source: { run: scene.run },
    engine: 'onnx',
    threads: 1,
    port: 0,
    who: 'ann',
    program: [process.execPath, programs],
  });
  t.teardown(() => explored.close());
  const browser: Browser = await launch();
  t.teardown(() => browser.close());
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.setDefaultTimeout(60_000);
  const said = complaints(page, `http://127.0.0.1:${explored.port}/`);
  const faults: string[] = [];

  // ---- Look: an image that is dropped; its maps are those of the program explain, pixel for pixel
  await page.goto(explored.address);
  await page.waitForSelector('.map-card[aria-busy=false] .readout');
  await drop(page, await picture(), 'blocks.png');
  await until(page, `document.querySelector('figcaption')?.textContent?.startsWith('blocks.png')`);
  await idle(page, '.scores');
  await startEngine({ engine: 'onnx', threads: 1 });
  const network = await openTrainedNetwork({ run: scene.run });
  const images = await readImages([file], network);
  const out = join(scene.dir, 'explained');
  const methods = ['grad-cam', 'grad-cam++'];
  await writeExplanations(out, network, images, { methods, top: 1 });
  const { images: listed } = JSON.parse(await readFile(join(out, 'explanations.json'), 'utf8'));
  const [{ class: likeliest, methods: files }] = listed[0].classes;
  t.is(await page.locator('.scores li button .class-name').first().innerText(), likeliest);
  for (const method of methods) {
    await idle(page, `[data-method="${method}"]`);
    const shown = await pixelsOf(page, `[data-method="${method}"] canvas`);
    const { data, info } = await sharp(join(out, files[method].picture))
      .raw()
      .toBuffer({ resolveWithObject: true });
    t.deepEqual([shown.width, shown.height], [info.width, info.height]);
    t.deepEqual(shown.rgb, [...data], `${method}: the pixels of npm run explain`);
  }
  faults.push(...(await seriousFaults(page)));

  // ---- a unit: the numbers under the pointer are those that the engine computes
  await page.locator('.layer-box[data-node="conv2"]').press('Enter');
  await page.waitForSelector('.layer-panel[data-node="conv2"][aria-busy=false]');
  await page.locator('.layer-panel [data-channel="3"]').click();
  await page.waitForSelector('.unit-panel[data-channel="3"][aria-busy=false] .sum');
  const image = tf.tensor4d(images[0]!.pixels, [1, 32, 32, 3]);
  const [own] = nodeOutputs(network.model, image, ['conv2']);
  const values = await own!.data();
  const [, height, width, channels] = own!.shape as [number, number, number, number];
  const canvas = page.locator('.unit-panel canvas').first();
  const box = (await canvas.boundingBox())!;
  for (const [y, x] of [
    [0, 0],
    [height - 1, 2],
    [2, width - 1],
  ] as const) {
    await page.mouse.move(box.x + ((x + 0.5) / width) * box.width, box.y + ((y + 0.5) / height) * box.height);
    await atPixel(page, `${y}, ${x}`);
    const numbers = (await page.evaluate(
      `['after', 'engine'].map((name) => Number(document.querySelector('[data-number="' + name + '"]').dataset.exact))`,
    )) as number[];
    t.is(numbers[1], values[(y * width + x) * channels + 3], `${y}, ${x}`);
    t.true(Math.abs(numbers[0]! - numbers[1]!) < 1e-5);
  }
  // By keyboard: one to the left.
  await canvas.focus();
  await canvas.press('ArrowLeft');
  await atPixel(page, `2, ${width - 2}`);
  tf.dispose([image, own!]);
  faults.push(...(await seriousFaults(page)));

  // ---- a picture that would fill the memory is refused, and the page goes on
  await drop(page, hugePng(30_000), 'huge.png');
  await page.waitForSelector('.chooser .trouble');
  t.regex(
    await page.locator('.chooser .trouble').innerText(),
    /huge\.png: image cannot be decoded: .*(pixel|30000)/,
  );

  // ---- Find: everything that is in an image or answered, and from there to Correct
  await page.getByRole('button', { name: 'Find', exact: true }).click();
  await page.locator('label', { hasText: /^ ?train-fullsup/ }).click();
  await page.getByLabel('First come those that are').selectOption('all');
  await until(page, `document.querySelectorAll('.finding').length > 4`);
  await until(page, `!document.querySelector('.find progress')`);
  const cards = await page.locator('.finding').count();
  t.true(cards > 4);
  await page.getByLabel('Answer').selectOption('wrong');
  t.is(await page.locator('.finding:not(.is-wrong)').count(), 0);
  await page.getByLabel('Answer').selectOption('');
  await page.locator('.finding').first().getByRole('button', { name: 'Maps' }).click();
  await page.waitForSelector('.compared[aria-busy=false] figure');
  faults.push(...(await seriousFaults(page)));

  // ---- Correct: a stroke on an image of the training is saved at once, and is there when the page is loaded anew
  await page.getByRole('button', { name: 'Correct', exact: true }).first().click();
  await page.getByLabel('Data set').selectOption('train');
  await page.waitForSelector('.editor[data-image^="train-00000"]');
  const id = await page.locator('.editor').getAttribute('data-image');
  const drawn = (await page.locator('.editing canvas').boundingBox())!;
  await page.mouse.move(drawn.x + drawn.width * 0.3, drawn.y + drawn.height * 0.5);
  await page.mouse.down();
  await page.mouse.move(drawn.x + drawn.width * 0.6, drawn.y + drawn.height * 0.5, { steps: 4 });
  await page.mouse.up();
  await page.waitForSelector('.marked li');
  await page.waitForSelector('.saved[data-saved="true"]');
  const masksFile = drawnMasksFile(scene.data, [32, 32], 'squash');
  const first = (await readPredictedMasks(masksFile)).masks.get(id!)!;
  t.is(first.drawn!.by, 'ann');
  const marked = first.classes.filter((value) => value > 0).length;
  t.true(marked > 20 && marked < 200, String(marked));
  // What must not matter, by a box of two presses, from the keyboard: x, then Enter at two places.
  await page.getByLabel('What is marked').selectOption('irrelevant');
  await page.locator('.editing canvas').focus();
  await page.keyboard.press('x');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Enter');
  for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await until(page, `document.querySelector('.marked small')?.textContent?.includes('must not matter')`);
  await page.waitForSelector('.saved[data-saved="true"]');
  const both = (await readPredictedMasks(masksFile)).masks.get(id!)!;
  t.is(both.irrelevant!.filter((value) => value > 0).length, 2 * 4);
  // Undo takes the box away again, and that too is saved.
  await page.keyboard.press('Control+z');
  await until(page, `!document.querySelector('.marked small')?.textContent?.includes('must not matter')`);
  await page.waitForSelector('.saved[data-saved="true"]');
  t.deepEqual((await readPredictedMasks(masksFile)).masks.get(id!)!.classes, first.classes);
  faults.push(...(await seriousFaults(page)));
  await page.reload();
  await page.waitForSelector(`.editor[data-image="${id}"]`);
  t.true(await page.getByRole('button', { name: id!, exact: true }).isVisible());

  // ---- Learn: a child run of its own, with the numbers before and after
  await page.getByLabel('Epochs').fill('1');
  await page.getByRole('button', { name: 'Learn from 1 marked image' }).click();
  await page.waitForSelector(
    '.learned[data-state="learning"], .learned[data-state="auditing"], .learned[data-state="done"]',
  );
  const learned = join(scene.run, 'learned', '1');
  t.deepEqual(
    (await readdir(learned))
      .filter((name) => ['config.yaml', 'masks.tfrecord', 'plan.json'].includes(name))
      .sort(),
    ['config.yaml', 'masks.tfrecord', 'plan.json'],
  );
  await page.waitForSelector('.learned[data-state="done"], .learned[data-state="failed"]', {
    timeout: 200_000,
  });
  const state = await readFile(join(learned, 'state.json'), 'utf8');
  t.regex(state, /"done"/, await readFile(join(learned, 'log.txt'), 'utf8'));
  t.true(existsSync(join(learned, 'run', 'model', 'model.json')));
  t.true(existsSync(join(learned, 'run', 'audit', 'audit.json')));
  const row = page.locator('.learned tr[data-split="test"] td');
  t.is(await row.first().innerText(), '75.0 %');
  const { metrics } = JSON.parse(await readFile(join(learned, 'run', 'summary.json'), 'utf8'));
  t.true(
    (await row.last().innerText()).startsWith((100 * metrics.test.focus.accuracy).toFixed(0).slice(0, 1)),
  );
  await page.getByRole('button', { name: 'Before and after on this image' }).click();
  await page.waitForSelector('.learned .compared[aria-busy=false] figure:nth-child(2)');
  faults.push(...(await seriousFaults(page)));
  t.deepEqual([...new Set(faults)], [], 'axe-core finds nothing serious');
  t.deepEqual(
    said.filter((line) => !line.includes('422')),
    [],
    'no complaint, and no request elsewhere',
  );
});

inBrowser(`a static page computes the same maps, in ${where}`, async (t) => {
  t.timeout(200_000);
  const scene = await smallRun(t);
  const site = join(scene.dir, 'site');
  const written = await exportSite(site, {
    source: { run: scene.run },
    engine: 'onnx',
    threads: 1,
    samples: 2,
  });
  t.is(written.images, 2);
  const types: Record<string, string> = {
    '.html': 'text/html',
    '.js': 'text/javascript',
    '.css': 'text/css',
  };
  const server = createServer(async (request, response) => {
    const name = new URL(request.url!, 'http://x').pathname.slice(1) || 'index.html';
    try {
      const content = await readFile(join(site, name));
      response
        .writeHead(200, { 'content-type': types[extname(name)] ?? 'application/octet-stream' })
        .end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const browser = await launch();
  t.teardown(() => browser.close());
  const page = await browser.newPage();
  page.setDefaultTimeout(90_000);
  const said = complaints(page, address);
  await page.goto(address);
  await page.waitForSelector('.map-card[aria-busy=false] .readout');
  t.true((await page.locator('.facts').innerText()).includes('computed in this browser, by webgl'));
  await page.locator('.layer-box[data-node="pool"]').click();
  await page.waitForSelector('.layer-panel[data-node="pool"][aria-busy=false] .maps');

  const network = await openTrainedNetwork({ run: scene.run });
  const [image] = await readImages([join(site, 'images', '0.png')], network);
  let largest = 0;
  const wanted = ['grad-cam', 'grad-cam++', 'layer-cam', 'gradient', 'guided-backprop', 'occlusion'];
  for await (const { classes } of explainImages(network, [image!], { methods: wanted, classes: [0] })) {
    for (const { method, values } of classes[0]!.attributions) {
      const found = (await page.evaluate(
        `explored.look(explored.image, { kind: 'map', method: '${method.name}', class: 0 }).then(({ values }) => [...values])`,
      )) as number[];
      t.is(found.length, values.length, method.name);
      const peak = Math.max(...values.map(Math.abs), 1e-12);
      const worst = Math.max(...found.map((value, i) => Math.abs(value - values[i]!)));
      largest = Math.max(largest, worst / Math.max(1, peak));
      t.true(worst <= 1e-3 * Math.max(1, peak), `${method.name}: ${worst} of ${peak}`);
    }
  }
  t.log(`differs from Node by ${largest.toExponential(1)} at most`);
  t.deepEqual(await seriousFaults(page), []);
  t.deepEqual(said, []);
});
