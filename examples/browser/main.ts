/**
 * Trains a plain and a guided network in a browser, and draws what each looks at.
 *
 *     npx esbuild examples/browser/main.ts --bundle --outdir=examples/browser --servedir=examples/browser
 *
 * and open the address that it prints. In a project of your own, import from 'tfjs-gain/core'.
 */
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-webgl';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { attentionMaps, forward, GainTrainer, normalizeMaps, upsampleMaps } from '../../src/core.ts';
import { type Disc, drawDiscs, size } from '../watermarked-discs.ts';

const train = drawDiscs(192, 'on upright', 1);
const test = drawDiscs(64, 'on others', 2);

/** Scores are raw logits: no sigmoid at the end. */
function buildModel(): tfl.LayersModel {
  const conv = (filters: number, more = {}) =>
    tfl.layers.conv2d({
      filters,
      kernelSize: 3,
      padding: 'same',
      activation: 'relu',
      kernelInitializer: tfl.initializers.heNormal({ seed: filters + 2 }),
      ...more,
    });
  return tfl.sequential({
    layers: [
      conv(8, { inputShape: [size, size, 3] }),
      tfl.layers.maxPooling2d({ poolSize: 2 }),
      conv(16),
      tfl.layers.maxPooling2d({ poolSize: 2 }),
      conv(16, { name: 'maps' }),
      tfl.layers.globalAveragePooling2d({}),
      tfl.layers.dense({ units: 1, kernelInitializer: tfl.initializers.heNormal({ seed: 2 }) }),
    ],
  });
}

/** Batches of 32 as `model.fitDataset` takes them, with masks for every other pair of images. */
async function* batches() {
  for (let from = 0; from < train.length; from += 32) {
    const discs = train.slice(from, from + 32);
    yield {
      xs: imagesOf(discs),
      ys: tf.tensor2d(discs.map(({ upright }) => [Number(upright)])),
      masks: tf.stack(discs.map(({ mask }) => tf.tensor2d(mask, [size, size]))) as tf.Tensor3D,
      hasMask: tf.tensor1d(discs.map((_, i) => Number(i % 4 < 2))),
    };
    await tf.nextFrame(); // lets the page draw
  }
}

function imagesOf(discs: readonly Disc[]): tf.Tensor4D {
  return tf.tidy(
    () => tf.stack(discs.map(({ image }) => tf.tensor3d(image, [size, size, 3]))) as tf.Tensor4D,
  );
}

function accuracyOf(model: tfl.LayersModel, discs: readonly Disc[]): number {
  const logits = tf.tidy(() => forward(model, imagesOf(discs)).dataSync());
  return discs.filter(({ upright }, i) => upright === logits[i]! > 0).length / discs.length;
}

/** Image and map beside each other, the map as brightness. */
function draw(model: tfl.LayersModel, discs: readonly Disc[], into: HTMLElement): void {
  const maps = tf.tidy(() => {
    const pairs = discs.map((_, sample) => ({ sample, class: 0 }));
    const { maps } = attentionMaps(model, imagesOf(discs), pairs, { targetLayer: 'maps' });
    return upsampleMaps(normalizeMaps(maps), [size, size]).dataSync();
  });
  for (const [i, { image }] of discs.entries()) {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [2 * size + 1, size];
    const pixels = new ImageData(canvas.width, canvas.height);
    for (let at = 0; at < size * size; at++) {
      const [x, y] = [at % size, Math.floor(at / size)];
      const heat = 255 * maps[i * size * size + at]!;
      const color = [...image.subarray(3 * at, 3 * at + 3)].map((value) => 255 * value);
      pixels.data.set([...color, 255], 4 * (y * canvas.width + x));
      pixels.data.set([heat, 0.6 * heat, 0.2 * heat, 255], 4 * (y * canvas.width + size + 1 + x));
    }
    canvas.getContext('2d')!.putImageData(pixels, 0, 0);
    canvas.style.width = '12rem';
    into.append(canvas);
  }
}

async function run(backend: string, epochs: number): Promise<Record<string, number>> {
  await tf.setBackend(backend);
  await tf.ready();
  const [log, maps] = [document.querySelector('#log')!, document.querySelector<HTMLElement>('#maps')!];
  log.textContent = '';
  maps.textContent = '';
  const accuracies: Record<string, number> = {};
  for (const [name, weights] of [
    ['plain', { classification: 1, mining: 0, supervision: 0 }],
    ['guided', { classification: 1, mining: 0.2, supervision: 1 }],
  ] as const) {
    const model = buildModel();
    const trainer = new GainTrainer(model, {
      link: 'sigmoid',
      targetLayer: 'maps',
      weights,
      optimizer: { name: 'adam', learningRate: 5e-3 },
    });
    for (let epoch = 0; epoch < epochs; epoch++) {
      await trainer.fitDataset(batches(), { epochs: 1 });
      accuracies[name] = accuracyOf(model, test);
      log.textContent += epoch === 0 ? `${name}: ` : ' ';
      log.textContent += accuracies[name].toFixed(2);
    }
    log.textContent += '  (accuracy with the tile on the others)\n';
    const heading = document.createElement('h2');
    heading.textContent = name;
    maps.append(heading);
    draw(model, test.filter(({ upright }) => upright).slice(0, 6), maps);
    trainer.dispose();
  }
  return accuracies;
}

document.querySelector('#start')!.addEventListener('click', () => {
  void run(document.querySelector<HTMLSelectElement>('#backend')!.value, 15);
});
Object.assign(globalThis, { run });
