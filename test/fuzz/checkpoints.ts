import '@tensorflow/tfjs-backend-cpu';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { parseConfig, stringifyConfig } from '../../src/config/index.ts';
import { CheckpointStore } from '../../src/experiment/checkpoint.ts';
import { Optimizer } from '../../src/gain/index.ts';
import { buildModel, saveLayersModel } from '../../src/models/index.ts';
import type { Random } from '../../src/random/index.ts';
import { openTrainedNetwork, type WhichWeights } from '../../src/run/index.ts';
import { damagedJson } from './damaged-json.ts';
import { damaged, inFolder, put } from './data-inputs.ts';
import { type FuzzTarget, wrong } from './target.ts';

/** Files of a run of two checkpoints, by their path in it. */
let files: Record<string, Buffer> = {};
let network: tfl.LayersModel;
let optimizer: Optimizer;
/** Fingerprints of both checkpoints. */
let written: string[] = [];
/** Of the weights alone. */
let known: string[] = [];

const hash = (parts: readonly unknown[]) => createHash('sha256').update(JSON.stringify(parts)).digest('hex');

function weightsOf(model: tfl.LayersModel): string {
  return hash(model.getWeights().map((weight) => [weight.shape, ...weight.dataSync()]));
}

async function fingerprint(progress: unknown): Promise<string> {
  const { updates, tensors } = await optimizer.state();
  return hash([
    weightsOf(network),
    updates,
    tensors.map(({ name, shape, values }) => [name, shape, ...values]),
    progress,
  ]);
}

/** Another network and optimizer state for each `n`. */
function setTo(n: number): void {
  tf.tidy(() => {
    network.setWeights(
      network
        .getWeights()
        .map((weight, i) => tf.sin(tf.add(tf.range(0, weight.size), n + i)).reshape(weight.shape)),
    );
    const variables = network.trainableWeights.map((weight) => weight.read());
    optimizer.apply(variables.map((value) => tf.mul(value, n / 10)));
  });
}

function filesIn(dir: string, prefix = ''): Record<string, Buffer> {
  return Object.fromEntries(
    readdirSync(join(dir, prefix), { withFileTypes: true }).flatMap((entry) => {
      const name = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
      return entry.isDirectory()
        ? Object.entries(filesIn(dir, name))
        : [[name, readFileSync(join(dir, name))]];
    }),
  );
}

/** The checkpoints and the model of a run, a file of which is damaged, gone, or a folder. */
export const checkpointsTarget: FuzzTarget = {
  name: 'checkpoints',
  describe:
    'the checkpoints of a run with a file damaged, gone or swapped: a typed error, or to the bit what was written',
  short: 50,
  seconds: 10,
  async start() {
    await tf.setBackend('cpu');
    network = buildModel('small-cnn', { inputShape: [8, 8, 3], classes: 2, widths: [2, 2], seed: 1 });
    optimizer = new Optimizer(
      network.trainableWeights.map((weight) => (weight as unknown as { val: tf.Variable }).val),
      { name: 'adam', learningRate: 0.01 },
    );
    [written, known] = [[], []];
    await inFolder(async (dir) => {
      const store = new CheckpointStore(join(dir, 'checkpoints'));
      for (const step of [1, 2]) {
        setTo(step);
        const progress = { step, epoch: 0, batch: step, carried: { written: step, best: null } };
        await store.save(network, optimizer, progress, { best: step === 1 });
        written.push(await fingerprint(progress));
        known.push(weightsOf(network));
      }
      await saveLayersModel(network, join(dir, 'model'));
      const config = parseConfig('name: f\ndata: { dir: /nowhere }\ngain: { link: softmax }\n', 'f.yaml');
      put(dir, { 'config.yaml': stringifyConfig(config) });
      files = filesIn(dir);
    });
  },
  async end() {
    network.dispose();
  },
  async run(random) {
    await inFolder(async (dir) => {
      const names = Object.keys(files);
      const victim = names[random.integer(names.length)]!;
      const folder = victim.split('/').slice(0, -1).join('/');
      // Checkpoints of version 0.1 have no checksums.
      const old = random.integer(4) === 3;
      const kept = Object.entries(files).filter(([name]) => !(old && name === `${folder}/checksums.json`));
      put(dir, Object.fromEntries(kept));
      const what = spoil(dir, victim, random);
      const text = `${victim} ${what}${old ? ', without checksums' : ''}`;
      const isSure = !old || what === 'untouched';
      if (random.integer(2) === 0) await resumed(join(dir, 'checkpoints'), victim, text, isSure);
      else await opened(dir, victim, text, isSure, random);
    });
  },
};

/** @returns what was done to the file */
function spoil(dir: string, victim: string, random: Random): string {
  const path = join(dir, victim);
  const bytes = files[victim]!;
  switch (random.integer(8)) {
    case 0:
      return 'untouched';
    case 1:
      rmSync(path, { force: true });
      return 'is gone';
    case 2:
      rmSync(path, { force: true });
      mkdirSync(path);
      return 'is a folder';
    case 3: {
      const others = Object.keys(files);
      const other = others[random.integer(others.length)]!;
      put(dir, { [victim]: files[other]! });
      return `holds ${other}`;
    }
    default: {
      const isJson = victim.endsWith('.json') && random.integer(3) > 0;
      const after = isJson
        ? Buffer.from(damagedJson(bytes.toString(), random))
        : Buffer.from(damaged(bytes, random));
      put(dir, { [victim]: after });
      return after.equals(bytes) ? 'untouched' : 'damaged';
    }
  }
}

async function resumed(path: string, victim: string, text: string, isSure: boolean): Promise<void> {
  const store = new CheckpointStore(path);
  const tensors = tf.memory().numTensors;
  let progress: Awaited<ReturnType<typeof store.restore>>;
  try {
    progress = await store.restore(network, optimizer);
  } finally {
    const left = tf.memory().numTensors - tensors;
    if (left !== 0) wrong(`${text}: ${left} tensors are left`);
  }
  if (progress === undefined) {
    if (!victim.endsWith('index.json')) wrong(`${text}: begins anew, without a word`);
    return;
  }
  if (isSure && !written.includes(await fingerprint(progress))) wrong(`${text}: resumed from something else`);
}

async function opened(
  dir: string,
  victim: string,
  text: string,
  isSure: boolean,
  random: Random,
): Promise<void> {
  const which: WhichWeights = (['last', 'best', 'model'] as const)[random.integer(3)]!;
  const { saved, model, classes } = await openTrainedNetwork(
    { run: dir, checkpoint: which },
    { imageSize: [8, 8] },
  );
  try {
    if (classes.length !== 2) wrong(`${text}: ${classes.length} classes`);
    // A saved model has no checksums: what nobody can tell apart is what it is.
    if (victim.startsWith('checkpoints') || victim === 'config.yaml') {
      const found = weightsOf(saved);
      if (isSure && !known.includes(found)) wrong(`${text}: other weights (${which})`);
    }
  } finally {
    if (model !== saved) model.dispose();
    saved.dispose();
  }
}
