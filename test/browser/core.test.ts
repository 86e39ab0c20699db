import { gzipSync } from 'node:zlib';
import test from 'ava';
import { startEngine } from '../../src/engine/index.ts';
import { executable, launch } from '../explore/browser.ts';
import { bundleForBrowsers } from './bundle.ts';
import { type OneStep, oneStep } from './one-step.ts';

test('the core needs tfjs alone: nothing of Node is in its bundle, and no other package', async (t) => {
  const { text, external, packages } = await bundleForBrowsers('src/core.ts', {
    external: ['@tensorflow/*'],
  });
  t.deepEqual([...new Set(external)].sort(), ['@tensorflow/tfjs-core', '@tensorflow/tfjs-layers']);
  t.deepEqual(packages, []);
  t.deepEqual(text.match(/\bnode:\w+|\bprocess\b|\bBuffer\b|\brequire\(/g), null);
  const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(0)} kB`;
  const whole = await bundleForBrowsers('src/core.ts');
  t.log(
    `minified ${kilobytes(text.length)}, gzip ${kilobytes(gzipSync(text).length)}; ` +
      `with tfjs ${kilobytes(whole.text.length)}, gzip ${kilobytes(gzipSync(whole.text).length)}`,
  );
  // A limit that a new dependency would break, not a goal.
  t.true(gzipSync(text).length < 60_000);
});

const inBrowser = executable ? test.serial : test.serial.skip;

inBrowser(
  `a step of GAIN and Grad-CAM++ maps in ${executable ?? 'Chromium (there is none; CHROMIUM=PATH names one)'}: the numbers of Node`,
  async (t) => {
    t.timeout(240_000);
    await startEngine({ engine: 'cpu' });
    const expected = await oneStep();
    t.is(expected.leaked, 0);
    t.true(expected.losses.mining! > 0 && expected.losses.supervision! > 0);
    const { text } = await bundleForBrowsers('test/browser/page.ts', { format: 'iife' });

    const browser = await launch();
    t.teardown(() => browser.close());
    const page = await browser.newPage();
    const said: string[] = [];
    page.on('pageerror', (error) => said.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && said.push(message.text()));
    await page.addScriptTag({ content: text });
    for (const backend of ['cpu', 'webgl']) {
      const found = (await page.evaluate(`stepOn('${backend}')`)) as OneStep;
      t.is(found.backend, backend);
      t.is(found.leaked, 0);
      const largest = Math.max(
        ...Object.entries(expected.losses).map(([name, value]) => Math.abs(found.losses[name]! - value)),
        ...expected.weights.map((value, i) => Math.abs(found.weights[i]! - value)),
        ...expected.maps.map((value, i) => Math.abs(found.maps[i]! - value)),
      );
      t.is(found.weights.length, expected.weights.length);
      t.is(found.maps.length, 3 * 16 * 16);
      t.true(largest < 1e-3, `${backend}: ${largest}`);
      t.log(`${backend}: differs from Node by ${largest.toExponential(1)} at most`);
    }
    t.deepEqual(said, []);
  },
);
