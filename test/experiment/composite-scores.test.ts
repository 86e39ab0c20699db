import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { type Config, parseConfig } from '../../src/config/index.ts';
import { generateBiasedBoats, openDataset, type PredictedMask } from '../../src/data/index.ts';
import { startEngine } from '../../src/engine/index.ts';
import { UsageError } from '../../src/errors/index.ts';
import { compositeQuestions, compositeScores } from '../../src/experiment/composite-scores.ts';
import { compositesOf } from '../../src/experiment/data-from-config.ts';
import { buildModel } from '../../src/models/index.ts';
import { temporaryFolder } from '../data/temporary-folder.ts';

test.before(() => startEngine({ engine: 'cpu' }));

const sizes = { size: 16, train: 30, trainFullsup: 30, val: 30, test: 1, unbiased: 1 };

function configOf(dir: string, validation: string, suspects = '[boat]'): Config {
  return parseConfig(
    `name: x
data:
  dir: ${dir}
  imageSize: [16, 16]
  splits: { train: [train-fullsup], validation: ${validation} }
  masks: { count: 20 }
  composites: { suspects: ${suspects}, perBatch: 4 }
training: { selectBy: compositesApart }
`,
    'x.yaml',
  );
}

test('composites that choose checkpoints are seen to before the training: true masks first, else what was predicted', async (t) => {
  const dir = join(temporaryFolder(t), 'boats');
  await generateBiasedBoats(dir, sizes);
  const data = await openDataset(dir);
  t.teardown(() => data.close());
  const asked = (config: Config, masks: PredictedMask[]) => {
    const info = {
      imageSize: [16, 16] as const,
      fit: 'squash' as const,
      classes: data.classes,
      learnedFrom: 20,
      iou: [],
      segmenter: {},
    };
    const predicted = { info, masks: new Map(masks.map((mask) => [mask.id, mask])) };
    return compositeQuestions(data, config, { predicted, composites: compositesOf(config, data) });
  };

  // The split has true masks: that the pixel classifier found nothing there does not matter.
  const withTruth = configOf(dir, 'val');
  const questions = await asked(withTruth, []);
  t.deepEqual(
    questions.map(({ suspect, predicted }) => [suspect, predicted]),
    [[0, undefined]],
  );
  const model = buildModel('small-cnn', { inputShape: [16, 16, 3], classes: 6, widths: [2, 2] });
  model.setWeights(model.getWeights().map((weight) => tf.zerosLike(weight)));
  const scores = await compositeScores(model, data, 'sigmoid', questions);
  t.deepEqual(scores, { apart: 0.5, worst: 0, auc: 0.5 });

  // The split `train` has none.
  const blind = configOf(dir, 'train');
  await t.throwsAsync(asked(blind, []), {
    instanceOf: UsageError,
    message:
      /^training\.selectBy: compositesApart needs composites of 'boat' in train, and with the predicted masks none can be made/,
  });
  const labels = await data.labels('train');
  const mask = (id: string, pixels: number): PredictedMask => ({
    id,
    classes: new Uint8Array(16 * 16).fill(1, 0, pixels),
    confidence: new Map([[0, 0.9]]),
  });
  const boats = labels.filter((example) => example.labels.includes(0));
  // A thousandth of the picture would be less than a pixel; .3 % is the least that is cut.
  await t.throwsAsync(asked(blind, [mask(boats[0]!.id, 0)]), {
    message: /no object is large enough to be cut out; take another metric/,
  });
  const [question] = await asked(
    blind,
    boats.map(({ id }) => mask(id, 100)),
  );
  t.true(question!.predicted !== undefined);
});

test('composites of a training that cannot be made are an error before it, whatever chooses checkpoints', async (t) => {
  const dir = join(temporaryFolder(t), 'boats');
  await generateBiasedBoats(dir, sizes);
  const data = await openDataset(dir);
  t.teardown(() => data.close());
  const config = configOf(dir, 'val');
  const without: Config = {
    ...config,
    data: {
      ...config.data,
      splits: { ...config.data.splits, train: ['train'] },
      masks: { ...config.data.masks, count: 0 },
    },
    training: { ...config.training, selectBy: 'mAP' },
  };
  await t.throwsAsync(compositeQuestions(data, without, { composites: compositesOf(without, data) }), {
    instanceOf: UsageError,
    message: /composites: no image of the training set has a mask of 'boat'/,
  });
  const fine = { ...config, training: { ...config.training, selectBy: 'mAP' as const } };
  t.deepEqual(await compositeQuestions(data, fine, { composites: compositesOf(fine, data) }), []);
});
