import { readFileSync, writeFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { startEngine } from '../../src/engine/index.ts';
import { GainTrainer } from '../../src/gain/trainer.ts';
import { buildModel } from '../../src/models/index.ts';

/**
 * Losses of the first steps as they were before the step was rewritten as a plan and three streams (cpu engine,
 * Node 20). `FIRST_STEPS=write npx ava test/gain/first-steps.test.ts` stores them anew; that is for a change that is
 * meant to change them, and for no other.
 */
const file = new URL('../fixtures/first-steps.json', import.meta.url);
const steps = 20;
const settings = {
  gain: { method: 'grad-cam', miningGradient: 'all', fill: 'zero' },
  judge: { method: 'grad-cam++', miningGradient: 'mask', fill: 'mean' },
  'layer-cam': { method: 'layer-cam', miningGradient: 'parameters', fill: 'blur' },
} as const;

test.before(() => startEngine({ engine: 'cpu' }));

for (const [name, options] of Object.entries(settings)) {
  test.serial(`${name}: the first losses are those of before the rewriting`, async (t) => {
    const losses = firstSteps(options);
    if (process.env.FIRST_STEPS === 'write') {
      const stored = readStored();
      writeFileSync(file, `${JSON.stringify({ ...stored, [name]: losses }, null, 1)}\n`);
    }
    const stored = readStored()[name]!;
    t.is(stored.length, steps);
    // The last bits of exp and log are the machine's.
    losses.forEach((terms, step) => {
      t.deepEqual(Object.keys(terms).sort(), Object.keys(stored[step]!).sort());
      for (const [term, value] of Object.entries(terms)) {
        const wanted = stored[step]![term]!;
        t.true(
          Math.abs(value - wanted) <= 1e-6 * Math.abs(wanted),
          `step ${step}, ${term}: ${value}, not ${wanted}`,
        );
      }
    });
  });
}

function readStored(): Record<string, Record<string, number>[]> {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return {};
  }
}

function firstSteps(options: (typeof settings)[keyof typeof settings]) {
  const model = buildModel('small-cnn', { inputShape: [12, 12, 3], classes: 3, seed: 4, widths: [4, 6] });
  const trainer = new GainTrainer(model, {
    ...options,
    link: 'sigmoid',
    optimizer: { name: 'adam', learningRate: 2e-3 },
    pairCapacity: 8,
    groups: 2,
    seed: 5,
  });
  const images = tf.randomUniform<tf.Rank.R4>([4, 12, 12, 3], 0, 1, 'float32', 6);
  const drawn = tf.randomUniform<tf.Rank.R3>([2, 12, 12], 0, 1, 'float32', 7);
  const masks = tf.cast<tf.Tensor3D>(tf.greater<tf.Tensor3D>(drawn, 0.6), 'float32');
  const labels = [[0], [1, 2], [2], []];
  const maskPairs = [
    { sample: 0, class: 0 },
    { sample: 1, class: 2 },
  ];
  const losses: Record<string, number>[] = [];
  for (let step = 0; step < steps; step++) {
    const batch = { images, labels, masks, maskPairs };
    const report = trainer.trainOnBatch(batch, { epoch: step / 10, epochs: 5, batchLength: 0.1 });
    losses.push({ ...report.losses });
  }
  trainer.dispose();
  tf.dispose([images, drawn, masks]);
  return losses;
}
