import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test, { type ExecutionContext } from 'ava';
import { UsageError } from '../../src/errors/index.ts';
import { forward, runModel, withoutActivation } from '../../src/gradcam/index.ts';
import { startTestEngine } from './engine.ts';
import { tensorOf } from './reference-network.ts';

test.before(startTestEngine);

const symbolic = (value: unknown) => value as tfl.SymbolicTensor;

function close(t: ExecutionContext, actual: tf.Tensor, expected: tf.Tensor, message?: string) {
  t.deepEqual(actual.shape, expected.shape, message);
  const error = tf.tidy(() => tf.max(tf.abs(tf.sub(actual, expected))).dataSync()[0]!);
  t.true(error < 1e-6, `${message ?? 'tensors'} differ by ${error}`);
}

/** Two inputs through one shared convolution, a nested model, a skip connection, two outputs. */
function branchedModel(): tfl.LayersModel {
  const left = tfl.input({ shape: [6, 6, 2], name: 'left' });
  const right = tfl.input({ shape: [6, 6, 2], name: 'right' });
  const shared = tfl.layers.conv2d({ name: 'shared', filters: 3, kernelSize: 3, padding: 'same' });
  const nested = tfl.sequential({ name: 'nested' });
  nested.add(
    tfl.layers.conv2d({
      name: 'inner',
      inputShape: [6, 6, 3],
      filters: 3,
      kernelSize: 1,
      activation: 'tanh',
    }),
  );
  nested.add(tfl.layers.maxPooling2d({ name: 'pool', poolSize: 2 }));
  const a = symbolic(nested.apply(symbolic(shared.apply(left))));
  const b = symbolic(nested.apply(symbolic(shared.apply(right))));
  const sum = symbolic(tfl.layers.add({ name: 'sum' }).apply([a, b]));
  const cat = symbolic(tfl.layers.concatenate({ name: 'cat' }).apply([sum, a]));
  const flat = symbolic(tfl.layers.flatten().apply(cat));
  const classes = symbolic(
    tfl.layers.dense({ name: 'classes', units: 4, activation: 'softmax' }).apply(flat),
  );
  const size = symbolic(tfl.layers.dense({ name: 'size', units: 1, activation: 'sigmoid' }).apply(flat));
  return tfl.model({ inputs: [left, right], outputs: [classes, size] });
}

test('runs a branched model with shared layers, nested models and several inputs and outputs like predict', (t) => {
  const model = branchedModel();
  const inputs = [tensorOf(1, [2, 6, 6, 2]), tensorOf(2, [2, 6, 6, 2])];
  const live = tf.memory().numTensors;
  const outputs = runModel(model, inputs);
  t.is(tf.memory().numTensors, live + 2);
  const expected = model.predict(inputs) as tf.Tensor[];
  close(t, outputs[0]!, expected[0]!);
  close(t, outputs[1]!, expected[1]!);
  t.notDeepEqual(outputs[0]!.dataSync().slice(0, 4), outputs[0]!.dataSync().slice(4));

  close(t, tf.softmax(forward(model, inputs)), expected[0]!, 'softmax of the logits');
  close(t, tf.sigmoid(forward(model, inputs, { output: 'size' })), expected[1]!, 'sigmoid of the logit');
});

test('opens a model that comes first in a Sequential, and one whose graph another model goes on from', (t) => {
  const base = tfl.sequential({
    name: 'base',
    layers: [tfl.layers.conv2d({ inputShape: [4, 4, 1], filters: 2, kernelSize: 3 })],
  });
  const x = tensorOf(3, [2, 4, 4, 1]);
  const stacked = tfl.sequential({ layers: [base, tfl.layers.flatten(), tfl.layers.dense({ units: 2 })] });
  close(t, runModel(stacked, x)[0]!, stacked.predict(x) as tf.Tensor);

  const more = symbolic(tfl.layers.flatten().apply(base.outputs[0]!));
  const extended = tfl.model({ inputs: base.inputs, outputs: more });
  close(t, runModel(extended, x)[0]!, extended.predict(x) as tf.Tensor);

  stacked.add(tfl.layers.dense({ units: 3 }));
  t.deepEqual(runModel(stacked, x)[0]!.shape, [2, 3], 'a layer added later is run');
});

test('passes Keras masks on', (t) => {
  const model = tfl.sequential({
    layers: [
      tfl.layers.embedding({ inputDim: 5, outputDim: 3, inputLength: 4, maskZero: true }),
      tfl.layers.lstm({ units: 2, recurrentInitializer: 'glorotNormal' }),
    ],
  });
  const tokens = tf.tensor2d(
    [
      [1, 2, 0, 0],
      [3, 0, 0, 4],
    ],
    [2, 4],
  );
  close(t, runModel(model, tokens)[0]!, model.predict(tokens) as tf.Tensor);
});

function normalised(): { model: tfl.Sequential; norm: tfl.layers.Layer } {
  const norm = tfl.layers.batchNormalization({ inputShape: [3, 3, 2], momentum: 0.9 });
  const model = tfl.sequential({ layers: [norm] });
  norm.setWeights([
    tf.tensor1d([1.5, 0.5]),
    tf.tensor1d([0.2, -0.1]),
    tf.tensor1d([0.3, 0]),
    tf.tensor1d([2, 1]),
  ]);
  return { model, norm };
}

test('batch norm in training is that of tfjs, and moves the moving averages as tfjs does', (t) => {
  const [ours, theirs] = [normalised(), normalised()];
  const x = tensorOf(4, [5, 3, 3, 2]);
  close(
    t,
    runModel(ours.model, x, { training: true })[0]!,
    theirs.model.apply(x, { training: true }) as tf.Tensor,
  );
  for (const i of [2, 3]) close(t, ours.norm.getWeights()[i]!, theirs.norm.getWeights()[i]!, `average ${i}`);
  t.not(ours.norm.getWeights()[2]!.dataSync()[0], Math.fround(0.3));
});

test('batch norm mode "batch" answers the same and leaves the averages; "inference" uses them', (t) => {
  const { model, norm } = normalised();
  const x = tensorOf(4, [5, 3, 3, 2]);
  const batch = runModel(model, x, { training: true, batchNorm: 'batch' })[0]!;
  t.deepEqual(Array.from(norm.getWeights()[2]!.dataSync()), [0.3, 0].map(Math.fround));
  close(t, runModel(model, x, { training: true, batchNorm: 'inference' })[0]!, model.predict(x) as tf.Tensor);
  t.deepEqual(Array.from(norm.getWeights()[3]!.dataSync()), [2, 1]);
  close(t, batch, runModel(model, x, { training: true })[0]!);
});

test('a frozen batch norm uses its averages and leaves them alone in training too, as in Keras', (t) => {
  const freezings: Record<string, (parts: ReturnType<typeof normalised>) => void> = {
    layer: ({ norm }) => {
      norm.trainable = false;
    },
    'model around it': ({ model }) => {
      model.trainable = false;
    },
  };
  const x = tensorOf(4, [5, 3, 3, 2]);
  for (const [what, freeze] of Object.entries(freezings)) {
    const parts = normalised();
    freeze(parts);
    close(t, runModel(parts.model, x, { training: true })[0]!, parts.model.predict(x) as tf.Tensor, what);
    const averages = parts.norm.getWeights().slice(2);
    close(t, averages[0]!, tf.tensor1d([0.3, 0]), what);
    close(t, averages[1]!, tf.tensor1d([2, 1]), what);
  }
});

test('batch norm works without scale and centre in training, and on volumes', (t) => {
  const model = tfl.sequential({
    layers: [
      tfl.layers.batchNormalization({ inputShape: [1, 1, 2, 1], scale: false, center: false, epsilon: 0 }),
    ],
  });
  const x = tf.tensor5d([1, 3, 5, 7], [2, 1, 1, 2, 1]);
  // mean 4, variance 5
  close(
    t,
    runModel(model, x, { training: true, batchNorm: 'batch' })[0]!,
    tf.div(tf.tensor5d([-3, -1, 1, 3], [2, 1, 1, 2, 1]), Math.sqrt(5)),
  );
  close(t, runModel(model, x)[0]!, x, 'moving averages 0 and 1');
});

/** One input to two layers side by side. */
function sideBySide(make: () => tfl.layers.Layer): tfl.LayersModel {
  const x = tfl.input({ shape: [64] });
  return tfl.model({ inputs: x, outputs: [symbolic(make().apply(x)), symbolic(make().apply(x))] });
}

test('noise is a function of the seed and the place of the layer, and leaves the layers as they are', (t) => {
  const x = tf.ones([2, 64]);
  const kinds: Record<string, () => tfl.layers.Layer> = {
    dropout: () => tfl.layers.dropout({ rate: 0.5 }),
    gaussianDropout: () => tfl.layers.gaussianDropout({ rate: 0.5 }),
    gaussianNoise: () => tfl.layers.gaussianNoise({ stddev: 0.5 }),
    alphaDropout: () => tfl.layers.alphaDropout({ rate: 0.5 }),
  };
  for (const [name, make] of Object.entries(kinds)) {
    const model = sideBySide(make);
    const run = (dropoutSeed?: number, training = true) =>
      runModel(model, x, { training, dropoutSeed }).map((output) => Array.from(output.dataSync()));
    const [left, right] = run(7);
    t.deepEqual(run(7), [left, right], `${name}: one seed, one mask`);
    t.notDeepEqual(left, right, `${name}: a mask of its own for each layer`);
    t.notDeepEqual(run(8)[0], left, `${name}: another seed, another mask`);
    t.notDeepEqual(run(0)[0], left, `${name}: 0 is a seed`);
    t.deepEqual(run(0), run(0), `${name}: 0 is a seed`);
    t.notDeepEqual(run()[0], run()[0], `${name}: without a seed as tfjs does`);
    t.deepEqual(run(7, false)[0], Array(128).fill(1), `${name}: nothing at inference`);
  }
});

test('dropout keeps a unit at 1 / (1 - rate); alpha dropout puts the floor of the SELU in its place', (t) => {
  const values = (make: () => tfl.layers.Layer) => {
    const [output] = runModel(sideBySide(make), tf.ones([2, 64]), { training: true, dropoutSeed: 1 });
    return [...new Set(output!.dataSync())].sort((a, b) => a - b);
  };
  t.deepEqual(
    values(() => tfl.layers.dropout({ rate: 0.5 })),
    [0, 2],
  );

  // Mean and variance of a standard normal input are kept: a and b as in Klambauer et al., section 3.
  const floor = -1.7580993408473766;
  const a = 1 / Math.sqrt(0.5 * (1 + 0.5 * floor ** 2));
  const b = -a * floor * 0.5;
  const [dropped, kept] = values(() => tfl.layers.alphaDropout({ rate: 0.5 }));
  t.true(Math.abs(dropped! - (a * floor + b)) < 1e-6);
  t.true(Math.abs(kept! - (a + b)) < 1e-6);
});

test('a rule can stand in for any layer, by class or by path', (t) => {
  const model = tfl.sequential({
    layers: [
      tfl.layers.dense({ name: 'double', inputShape: [2], units: 2, activation: 'relu', useBias: false }),
      tfl.layers.reLU({ name: 'relu' }),
    ],
  });
  model.layers[0]!.setWeights([tf.tensor2d([2, 0, 0, 2], [2, 2])]);
  const x = tf.tensor2d([[-1, 3]]);
  const seen: string[] = [];
  const [output] = runModel(model, x, {
    applyLayer(layer, inputs, kwargs, path) {
      seen.push(path);
      if (path === 'relu') return tf.neg(inputs[0]!);
      if (layer.getClassName() === 'Dense')
        return withoutActivation(layer).apply(inputs, kwargs) as tf.Tensor;
      return undefined;
    },
  });
  t.deepEqual(seen, ['double', 'relu']);
  t.deepEqual(Array.from(output!.dataSync()), [2, -6]);
  t.deepEqual(Array.from((model.predict(x) as tf.Tensor).dataSync()), [0, 6], 'the model is as it was');
});

test('inputs that do not fit are named', (t) => {
  const model = branchedModel();
  const left = tensorOf(1, [2, 6, 6, 2]);
  t.throws(() => runModel(model, left), {
    instanceOf: UsageError,
    message: 'inputs: expected 2 tensor(s), one for each of left, right, received 1',
  });
  t.throws(() => runModel(model, [left, tensorOf(1, [2, 6, 5, 2])]), {
    instanceOf: UsageError,
    message: 'input "right": expected shape [any, 6, 6, 2], received [2, 6, 5, 2]',
  });
});
