import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { sceneWords } from '../../src/data.ts';
import { GainTrainer } from '../../src/index.ts';

/** Side of the images, and of the maps that the words select from. */
export const imageSize = 32;
const mapSize = imageSize / 4;

/** The layer whose maps explain: behind the words' say, so that it differs from word to word. */
export const explainedLayer = 'selected';

/**
 * A network that answers a picture and a few words with one of `classes`: the next word of a caption, or the answer to a question.
 *
 *     A = conv(image), with the coordinates of every place beside it;   h = tanh(W [embedded words])
 *     A' = conv(ReLU(γ(h) ⊙ A + β(h)));   scores = MLP(mean and maximum of A' over places)
 *
 * The words scale and shift the channels (FiLM, Perez et al., AAAI 2018, arXiv 1709.07871), as small as it goes: a layer for
 * each place of the words in place of a recurrent one, which takes several times as long here.
 *
 * @param length of the words, see `wordNumbers`
 * @returns a model of three inputs: image [B,32,32,3], words [B,length], places [B,8,8,2], see {@link placesOf}
 */
export function imageAndWords(length: number, classes: number, seed: number): tfl.LayersModel {
  let n = 0;
  const initializer = () => tfl.initializers.heNormal({ seed: 1000 * seed + n++ });
  const conv = (name: string, filters: number, kernelSize: number, from: tfl.SymbolicTensor) => {
    const made = tfl.layers
      .conv2d({
        name: `${name}-conv`,
        filters,
        kernelSize,
        padding: 'same',
        useBias: false,
        kernelInitializer: initializer(),
      })
      .apply(from);
    const normed = tfl.layers.batchNormalization({ name: `${name}-norm` }).apply(made);
    return tfl.layers.reLU({ name }).apply(normed) as tfl.SymbolicTensor;
  };
  const dense = (name: string, units: number, from: tfl.SymbolicTensor, activation?: 'relu' | 'tanh') =>
    tfl.layers
      .dense({ name, units, kernelInitializer: initializer(), ...(activation && { activation }) })
      .apply(from) as tfl.SymbolicTensor;
  const pool = (name: string, from: tfl.SymbolicTensor) =>
    tfl.layers.maxPooling2d({ name, poolSize: 2 }).apply(from) as tfl.SymbolicTensor;

  const image = tfl.input({ name: 'image', shape: [imageSize, imageSize, 3] });
  const words = tfl.input({ name: 'words', shape: [length], dtype: 'int32' });
  const places = tfl.input({ name: 'places', shape: [mapSize, mapSize, 2] });

  const fine = pool('pool1', conv('seen1', 16, 3, image));
  const seen = conv('seen3', 48, 3, pool('pool2', conv('seen2', 32, 3, fine)));
  const placed = tfl.layers.concatenate({ name: 'placed' }).apply([seen, places]) as tfl.SymbolicTensor;
  const features = conv('features', 48, 1, placed);

  const embedded = tfl.layers
    .embedding({
      name: 'embedding',
      inputDim: sceneWords.length,
      outputDim: 16,
      embeddingsInitializer: tfl.initializers.randomUniform({
        minval: -0.5,
        maxval: 0.5,
        seed: 1000 * seed + 900,
      }),
    })
    .apply(words);
  const inARow = tfl.layers.flatten({ name: 'in-a-row' }).apply(embedded) as tfl.SymbolicTensor;
  const read = dense('read', 48, inARow, 'tanh');
  const spread = (name: string) =>
    tfl.layers
      .reshape({ name: `${name}-everywhere`, targetShape: [1, 1, 48] })
      .apply(dense(name, 48, read)) as tfl.SymbolicTensor;
  const scaled = tfl.layers.multiply({ name: 'scaled' }).apply([features, spread('gamma')]);
  const shifted = tfl.layers
    .add({ name: 'shifted' })
    .apply([scaled as tfl.SymbolicTensor, spread('beta')]) as tfl.SymbolicTensor;
  const kept = tfl.layers.reLU({ name: 'kept' }).apply(shifted) as tfl.SymbolicTensor;
  const selected = conv(explainedLayer, 48, 1, kept);
  const mean = tfl.layers.globalAveragePooling2d({ name: 'mean' }).apply(selected) as tfl.SymbolicTensor;
  const most = tfl.layers.globalMaxPooling2d({ name: 'most' }).apply(selected) as tfl.SymbolicTensor;
  const pooled = tfl.layers.concatenate({ name: 'pooled' }).apply([mean, most]) as tfl.SymbolicTensor;
  const scores = dense('scores', classes, dense('hidden', 64, pooled, 'relu'));
  return tfl.model({ name: 'image-and-words', inputs: [image, words, places], outputs: scores });
}

/** Where each place of the maps is, from −1 to 1, [B,8,8,2]. */
export function placesOf(count: number): tf.Tensor4D {
  return tf.tidy(() => {
    const axis = tf.linspace(-1, 1, mapSize);
    const x = tf.tile(tf.reshape(axis, [1, 1, mapSize, 1]), [count, mapSize, 1, 1]);
    const y = tf.tile(tf.reshape(axis, [1, mapSize, 1, 1]), [count, 1, mapSize, 1]);
    return tf.concat([x, y], 3) as tf.Tensor4D;
  });
}

/** One thing to learn or to be asked: an image, words about it, and the class that is right. */
export interface Example {
  readonly image: Float32Array;
  readonly words: readonly number[];
  readonly label: number;
}

/** The three inputs of a batch; a blind network gets the words and no picture. */
export function inputsOf(examples: readonly Omit<Example, 'label'>[], blind = false): tf.Tensor[] {
  const images = tf.stack(examples.map(({ image }) => tf.tensor3d(image, [imageSize, imageSize, 3])));
  return [
    blind ? tf.zerosLike(images) : images,
    tf.tensor2d(
      examples.map(({ words }) => [...words]),
      undefined,
      'int32',
    ),
    placesOf(examples.length),
  ];
}

/** Trains a network on batches that `draw` gives. */
export async function trainOn(
  model: tfl.LayersModel,
  draw: (step: number) => readonly Example[],
  { steps, blind = false, seed }: { steps: number; blind?: boolean; seed: number },
): Promise<void> {
  const trainer = new GainTrainer(model, {
    link: 'softmax',
    weights: { mining: 0, supervision: 0 },
    optimizer: { name: 'adam', learningRate: 3e-3 },
    schedule: { name: 'cosine', warmupEpochs: 0.1 },
    clipNorm: 5,
    seed,
  });
  const batches = function* () {
    for (let step = 0; step < steps; step++) {
      const examples = draw(step);
      yield { images: inputsOf(examples, blind), labels: examples.map(({ label }) => label) };
    }
  };
  const every = Math.max(1, Math.floor(steps / 5));
  let sum = 0;
  await trainer.fitDataset(batches, {
    epochs: 1,
    batchesPerEpoch: steps,
    callbacks: {
      onBatchEnd(batch, { losses }) {
        sum += losses.total!;
        if ((batch + 1) % every !== 0) return;
        console.error(`step ${batch + 1}: loss ${(sum / every).toFixed(3)}`);
        sum = 0;
      },
    },
  });
  trainer.dispose();
}
