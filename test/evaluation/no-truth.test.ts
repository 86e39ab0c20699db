import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import sharp from 'sharp';
import { DatasetWriter } from '../../src/data/index.ts';
import { startEngine } from '../../src/engine/index.ts';
import { evaluate } from '../../src/evaluation/index.ts';
import { buildModel, saveLayersModel } from '../../src/models/index.ts';

const options = {
  measures: ['localization'] as const,
  tolerance: 0,
  replicates: 10,
  seed: 1,
  faithfulnessLimit: 1,
  sanityLimit: 1,
};

test.serial('a data set without boxes has no localization, and keeps its other measures', async (t) => {
  t.timeout(120_000);
  const folder = await mkdtemp(join(tmpdir(), 'gain-no-truth-'));
  try {
    const png = await sharp({ create: { width: 16, height: 16, channels: 3, background: '#808080' } })
      .png()
      .toBuffer();
    const info = { name: 'plain', classes: ['a', 'b'], multiLabel: false };
    const writer = await DatasetWriter.create(join(folder, 'data'), info, ['test']);
    for (const label of [0, 1]) {
      const filename = `${label}.png`;
      await writer.write('test', { encoded: png, format: 'png', filename, labels: [label], objects: [] });
    }
    await writer.finish();
    await startEngine({ engine: 'cpu' });
    const model = buildModel('small-cnn', { inputShape: [16, 16, 3], classes: 2, seed: 1, widths: [4] });
    await saveLayersModel(model, join(folder, 'model'));
    const source = { model: join(folder, 'model') };
    const data = join(folder, 'data');
    const request = { source, data, engine: 'cpu', log: () => {} };
    await t.throwsAsync(evaluate({ ...request, options }), {
      name: 'DataError',
      message: /no image of test has a box or a mask, so there is nothing to measure localization on/,
    });
    const lines: string[] = [];
    const { measures: _, ...unsaid } = options;
    const [plain] = await evaluate({ ...request, options: unsaid, log: (line) => lines.push(line) });
    t.deepEqual(plain!.result.settings.measures, []);
    t.true(lines.includes('measures test has neither boxes nor masks: no localization'));
    const tensors = tf.memory().numTensors;
    const [evaluated] = await evaluate({ ...request, options: { ...options, measures: ['faithfulness'] } });
    t.is(evaluated!.result.localization, null);
    t.is(evaluated!.result.faithfulness!.images, 1);
    t.is(evaluated!.result.classification.accuracy.count, 2);
    t.is(tf.memory().numTensors - tensors, model.weights.length, 'the loaded network is all that is left');
  } finally {
    await rm(folder, { recursive: true });
  }
});
