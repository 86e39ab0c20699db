import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test, { type ExecutionContext } from 'ava';
import { ModelError, UsageError } from '../../src/errors/index.ts';
import {
  type AttentionMapsOptions,
  attentionMaps,
  forward,
  mapMethods,
  type Pair,
} from '../../src/gradcam/index.ts';
import { startTestEngine } from './engine.ts';
import { tensorOf } from './reference-network.ts';

test.before(startTestEngine);

const symbolic = (value: unknown) => value as tfl.SymbolicTensor;
const pair = (sample: number, label: number): Pair => ({ sample, class: label });

/** conv-relu-pool-GAP-dense over [B, 6, 6, 2] with weights from the generator; four classes. */
function classifier(activation: 'linear' | 'softmax' | 'sigmoid' = 'linear'): tfl.Sequential {
  const model = tfl.sequential({
    name: 'net',
    layers: [
      tfl.layers.conv2d({
        name: 'conv',
        inputShape: [6, 6, 2],
        filters: 3,
        kernelSize: 3,
        activation: 'relu',
      }),
      tfl.layers.globalAveragePooling2d({ name: 'gap' }),
      tfl.layers.dropout({ name: 'drop', rate: 0.5 }),
      tfl.layers.dense({ name: 'classes', units: 4, activation }),
    ],
  });
  model.setWeights(model.getWeights().map((weight, i) => tensorOf(1000 * (i + 1), weight.shape)));
  return model;
}

const images = () => tensorOf(5, [3, 6, 6, 2]);
const values = (tensor: tf.Tensor) => Array.from(tensor.dataSync());

function close(t: ExecutionContext, actual: tf.Tensor, expected: tf.Tensor, message?: string) {
  t.deepEqual(actual.shape, expected.shape, message);
  const error = tf.tidy(() => tf.max(tf.abs(tf.sub(actual, expected))).dataSync()[0]!);
  t.true(error < 1e-6, `${message ?? 'tensors'} differ by ${error}`);
}

test('maps come in the order of the pairs and do not depend on who else is in the batch', (t) => {
  const model = classifier();
  const pairs = [pair(2, 3), pair(0, 1), pair(2, 0), pair(0, 1), pair(2, 1)];
  const x = images();
  for (const method of mapMethods) {
    const { maps } = attentionMaps(model, x, pairs, { method });
    const alone = pairs.map(({ sample, class: label }) => {
      const image = tf.slice(x, [sample, 0, 0, 0], [1, 6, 6, 2]);
      return attentionMaps(model, image, [pair(0, label)], { method }).maps;
    });
    close(t, maps, tf.concat(alone, 0), method);
    t.true(values(maps).some((value) => value > 0));
    const reversed = attentionMaps(model, x, pairs.toReversed(), { method }).maps;
    close(t, tf.reverse(reversed, 0), maps, `${method}, reversed`);
  }
});

test('with global average pooling and a dense head cam is Grad-CAM times the number of places', (t) => {
  const pairs = [pair(0, 0), pair(1, 2), pair(2, 3)];
  const cam = attentionMaps(classifier(), images(), pairs, { method: 'cam' });
  const gradCam = attentionMaps(classifier(), images(), pairs, { method: 'grad-cam' });
  close(t, cam.maps, tf.mul(gradCam.maps, 16));
  close(t, cam.logits, gradCam.logits);
});

test('the score is the logit: a final softmax or sigmoid changes neither maps nor logits', (t) => {
  const pairs = [pair(0, 0), pair(1, 2)];
  const linear = attentionMaps(classifier(), images(), pairs);
  close(t, linear.logits, classifier().predict(images()) as tf.Tensor);
  for (const activation of ['softmax', 'sigmoid'] as const) {
    const { maps, logits } = attentionMaps(classifier(activation), images(), pairs);
    close(t, maps, linear.maps, activation);
    close(t, logits, linear.logits, activation);
    close(t, forward(classifier(activation), images()), linear.logits, activation);
  }
});

test('a softmax in a layer of its own, with a reshape after it, is taken off too', (t) => {
  const model = classifier();
  const x = tfl.input({ shape: [6, 6, 2] });
  for (const activated of [
    tfl.layers.softmax({ axis: -1 }),
    tfl.layers.activation({ activation: 'softmax' }),
  ]) {
    const inner = symbolic(activated.apply(symbolic(model.apply(x))));
    const outer = tfl.model({
      inputs: x,
      outputs: symbolic(tfl.layers.reshape({ targetShape: [4] }).apply(inner)),
    });
    const pairs = [pair(1, 1)];
    const found = attentionMaps(outer, images(), pairs, { targetLayer: 'net/conv' });
    close(t, found.maps, attentionMaps(model, images(), pairs).maps);
    close(t, found.logits, forward(model, images()));
  }
});

test('the sign of the logit does not turn the map round', (t) => {
  const model = classifier();
  const pairs = [pair(0, 0), pair(1, 1), pair(2, 2)];
  const before = attentionMaps(model, images(), pairs).maps;
  const [kernel, bias, dense, offset] = model.getWeights();
  model.setWeights([kernel!, bias!, dense!, tf.sub(offset!, 100)]);
  const after = attentionMaps(model, images(), pairs);
  t.true(values(after.logits).every((logit) => logit < 0));
  close(t, after.maps, before);
});

test('relu: false leaves the maps signed', (t) => {
  const pairs = [0, 1, 2, 3].map((label) => pair(0, label));
  const signed = attentionMaps(classifier(), images(), pairs, { relu: false }).maps;
  t.true(values(signed).some((value) => value < 0));
  close(t, tf.relu(signed), attentionMaps(classifier(), images(), pairs).maps);
});

test('a number of groups can be fixed, and must suffice', (t) => {
  const pairs = [pair(0, 0), pair(0, 1), pair(1, 1), pair(0, 1)];
  const expected = attentionMaps(classifier(), images(), pairs);
  const more = attentionMaps(classifier(), images(), pairs, { groups: 4 });
  close(t, more.maps, expected.maps);
  t.throws(() => attentionMaps(classifier(), images(), pairs, { groups: 1 }), {
    instanceOf: UsageError,
    message: 'groups: the pairs name up to 2 classes of one sample and need as many groups, received 1',
  });
});

test('no pairs give no maps, and the logits', (t) => {
  const { maps, logits } = attentionMaps(classifier(), images(), []);
  t.deepEqual(maps.shape, [0, 4, 4]);
  close(t, logits, forward(classifier(), images()));
});

test('a pair out of range is named', (t) => {
  const model = classifier();
  const fails = (pairs: Pair[], message: string) =>
    t.throws(() => attentionMaps(model, images(), pairs), { instanceOf: UsageError, message });
  fails(
    [pair(0, 0), pair(3, 0)],
    'pair 1 { sample: 3, class: 0 }: sample must be a whole number from 0 to 2, the batch holds 3',
  );
  fails(
    [pair(0, 4)],
    'pair 0 { sample: 0, class: 4 }: class must be a whole number from 0 to 3, the model scores 4',
  );
  fails(
    [pair(0, 0.5)],
    'pair 0 { sample: 0, class: 0.5 }: class must be a whole number from 0 to 3, the model scores 4',
  );
  t.throws(() => attentionMaps(model, images(), [], { method: 'gradcam' as 'cam' }), {
    instanceOf: UsageError,
    message: /^method: expected one of cam, grad-cam, .+ received "gradcam"$/,
  });
});

test('the target can be a function of the outputs, one score per sample or per class', (t) => {
  const model = classifier('softmax');
  const pairs = [pair(0, 2), pair(1, 0), pair(1, 2)];
  const log = attentionMaps(model, images(), pairs, {
    target: (probabilities) => tf.log(probabilities),
    relu: false,
  });
  // d log p_c = d s_c - sum_k p_k d s_k
  const all = [0, 1, 2, 3].map(
    (label) =>
      attentionMaps(
        model,
        images(),
        pairs.map(({ sample }) => pair(sample, label)),
        { relu: false },
      ).maps,
  );
  const probabilities = tf.gather(model.predict(images()) as tf.Tensor, [0, 1, 1]);
  const expected = pairs.map(({ class: label }, p) =>
    tf.tidy(() => {
      const row = (k: number) => tf.slice(all[k]!, [p, 0, 0], [1, 4, 4]);
      const probability = (k: number) => tf.reshape(tf.slice(probabilities, [p, k], [1, 1]), []);
      const mean = [0, 1, 2, 3].map((k) => tf.mul(row(k), probability(k)));
      return tf.sub(row(label), tf.addN(mean));
    }),
  );
  close(t, log.maps, tf.concat(expected, 0));
  close(t, log.logits, forward(model, images()));

  const single = attentionMaps(classifier(), images(), [pair(1, 0)], {
    target: (logits) => tf.squeeze(tf.slice(logits, [0, 2], [-1, 1]), [1]),
  });
  close(t, single.maps, attentionMaps(classifier(), images(), [pair(1, 2)]).maps);

  t.throws(() => attentionMaps(model, images(), pairs, { target: (y) => tf.sum(y) }), {
    instanceOf: UsageError,
    message: 'target: expected scores [3] or [3, classes], received []',
  });
});

test('several inputs and outputs: each output has its maps', (t) => {
  const [a, b] = [tfl.input({ shape: [4, 4, 1], name: 'a' }), tfl.input({ shape: [4, 4, 1], name: 'b' })];
  const conv = tfl.layers.conv2d({ name: 'conv', filters: 2, kernelSize: 3, activation: 'relu' });
  const sum = symbolic(
    tfl.layers.add({ name: 'sum' }).apply([symbolic(conv.apply(a)), symbolic(conv.apply(b))]),
  );
  const flat = symbolic(tfl.layers.flatten().apply(sum));
  const head = (name: string, units: number) => symbolic(tfl.layers.dense({ name, units }).apply(flat));
  const model = tfl.model({ inputs: [a, b], outputs: [head('kind', 2), head('colour', 3)] });
  const inputs = [tensorOf(1, [2, 4, 4, 1]), tensorOf(2, [2, 4, 4, 1])];
  const [kind, colour] = model.predict(inputs) as tf.Tensor[];
  t.deepEqual(attentionMaps(model, inputs, [pair(0, 1)]).maps.shape, [1, 2, 2]);
  close(t, attentionMaps(model, inputs, [pair(0, 1)]).logits, kind!);
  const found = attentionMaps(model, inputs, [pair(0, 2)], { output: 'colour' });
  close(t, found.logits, colour!);
  const both = attentionMaps(model, inputs, [pair(0, 2)], { target: (_kind, second) => second! });
  close(t, both.maps, found.maps);
});

test('no tensor is left behind, with and without a tape around', (t) => {
  const model = classifier('softmax');
  const x = images();
  const pairs = [pair(0, 0), pair(0, 1), pair(2, 3)];
  const variants: AttentionMapsOptions[] = [
    ...mapMethods.map((method) => ({ method })),
    { training: true, dropoutSeed: 1 },
    { differentiateWeights: false },
    { target: (y) => tf.log(y) },
  ];
  for (const options of variants) {
    const live = tf.memory().numTensors;
    const { maps, logits } = attentionMaps(model, x, pairs, options);
    t.is(tf.memory().numTensors, live + 2);
    tf.dispose([maps, logits]);
    const { value, grads } = tf.variableGrads(
      () => tf.sum(tf.square(attentionMaps(model, x, pairs, options).maps)) as tf.Scalar,
    );
    tf.dispose([value, grads]);
    t.is(tf.memory().numTensors, live);
    t.throws(() => attentionMaps(model, x, [pair(0, 9)], options));
    t.is(tf.memory().numTensors, live, 'after an error');
  }
});

test('a seed makes a training pass with dropout repeatable, and the logits those of forward', (t) => {
  const model = classifier();
  const options = { training: true, dropoutSeed: 11 };
  const pairs = [pair(0, 0), pair(0, 1), pair(1, 1)];
  const first = attentionMaps(model, images(), pairs, options);
  close(t, attentionMaps(model, images(), pairs, options).maps, first.maps);
  close(t, forward(model, images(), options), first.logits);
  t.notDeepEqual(values(first.logits), values(forward(model, images())));
});

test('a dead network gives finite maps and gradients', (t) => {
  const model = classifier();
  const [kernel, bias, dense, offset] = model.getWeights();
  model.setWeights([kernel!, tf.sub(bias!, 100), dense!, offset!]);
  for (const method of mapMethods) {
    const { value, grads } = tf.variableGrads(
      () =>
        tf.sum(
          tf.square(attentionMaps(model, images(), [pair(0, 1), pair(0, 2)], { method }).maps),
        ) as tf.Scalar,
    );
    t.is(value.dataSync()[0], 0, method);
    for (const gradient of Object.values(grads)) {
      t.true(gradient === null || values(gradient).every((one) => one === 0), method);
    }
  }
});

test('Grad-CAM++ stays finite before a ReLU, where its denominator crosses zero', (t) => {
  // g = 1 at both places, A sums to -2: 2 g^2 + sum(A) g^3 = 0
  const dense = tfl.layers.dense({ units: 1 });
  const model = tfl.sequential({ layers: [tfl.layers.flatten({ inputShape: [1, 2, 1] }), dense] });
  dense.setWeights([tf.ones([2, 1]), tf.zeros([1])]);
  const x = tf.tensor4d([-3, 1], [1, 1, 2, 1]);
  const options = {
    method: 'grad-cam++',
    targetLayer: model.inputs[0]!.sourceLayer.name,
    relu: false,
  } as const;
  t.deepEqual(values(attentionMaps(model, x, [pair(0, 0)], options).maps).map(Math.abs), [0, 0]);
  const { grads } = tf.variableGrads(
    () => tf.sum(attentionMaps(model, x, [pair(0, 0)], options).maps) as tf.Scalar,
  );
  t.true(
    Object.values(grads).every((gradient) => gradient === null || values(gradient).every(Number.isFinite)),
  );
});

test('cam says which layer keeps it from its closed form', (t) => {
  const net = (...head: tfl.layers.Layer[]) =>
    tfl.sequential({
      name: 'net',
      layers: [
        tfl.layers.conv2d({ name: 'conv', inputShape: [4, 4, 1], filters: 2, kernelSize: 3 }),
        ...head,
      ],
    });
  const cam = (model: tfl.LayersModel, label = 0) =>
    attentionMaps(model, tf.ones([1, 4, 4, 1]), [pair(0, label)], {
      method: 'cam',
      targetLayer: 'conv',
      relu: false,
    });
  const { flatten, dense, globalAveragePooling2d, dropout, averagePooling2d, conv2d, reshape } = tfl.layers;
  t.throws(() => cam(net(flatten({ name: 'flat' }), dense({ units: 2 }))), {
    instanceOf: ModelError,
    message:
      'cam: model "net" after layer "conv": expected global average pooling, found "flat" (Flatten). The closed form ' +
      'needs global average pooling and one dense layer; "grad-cam" is the same where both exist, and needs neither',
  });
  t.throws(
    () =>
      cam(
        net(
          globalAveragePooling2d({}),
          dense({ name: 'hidden', units: 3, activation: 'relu' }),
          dense({ units: 2 }),
        ),
      ),
    { message: /expected one dense layer without activation, found "hidden" \(Dense\)/ },
  );
  t.throws(
    () => cam(net(globalAveragePooling2d({}), dense({ units: 3 }), dense({ name: 'second', units: 2 }))),
    {
      message: /expected nothing after the dense layer, found "second" \(Dense\)/,
    },
  );

  const pooled = net(
    averagePooling2d({ poolSize: 2 }),
    flatten(),
    dropout({ rate: 0.5 }),
    dense({ name: 'd', units: 2 }),
  );
  const one = net(
    globalAveragePooling2d({}),
    reshape({ targetShape: [1, 1, 2] }),
    conv2d({ name: 'd', filters: 2, kernelSize: 1 }),
    reshape({ targetShape: [2] }),
  );
  for (const model of [pooled, one]) {
    const kernel = model.getLayer('d');
    const shape = kernel.getWeights()[0]!.shape;
    kernel.setWeights([tf.tensor([1, 10, 2, 20], shape), tf.zeros([2])]);
    model
      .getLayer('conv')
      .setWeights([tf.concat([tf.fill([3, 3, 1, 1], 1), tf.fill([3, 3, 1, 1], 2)], 3), tf.zeros([2])]);
    // A = (9, 18) everywhere; the columns of W are (1, 2) and (10, 20)
    t.deepEqual(values(cam(model).maps), Array(4).fill(45));
    t.deepEqual(values(cam(model, 1).maps), Array(4).fill(450));
  }
  const bare = net(globalAveragePooling2d({}));
  bare
    .getLayer('conv')
    .setWeights([tf.concat([tf.ones([3, 3, 1, 1]), tf.zeros([3, 3, 1, 1])], 3), tf.zeros([2])]);
  t.deepEqual(values(cam(bare).maps), Array(4).fill(9), 'channels are classes');
});
