import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { type Scene, sceneColors, sceneShapes, sceneWords } from '../../src/data.ts';
import { GainTrainer } from '../../src/index.ts';

/** Side of the images, and of the maps that the words select from. */
export const imageSize = 32;
const mapSize = imageSize / 4;
/** Words that name what is at a place, and the two coordinates of the place beside them. */
const names = sceneColors.length + sceneShapes.length;
const seenChannels = names + 2;

/** The layer whose maps explain: behind the words' say, so that it differs from word to word. */
export const explainedLayer = 'selected';

/** Layers by name with weights of their own for each seed. */
function layersOf(seed: number) {
  let n = 0;
  const initializer = () => tfl.initializers.heNormal({ seed: 1000 * seed + n++ });
  const apply = (layer: tfl.layers.Layer, from: tfl.SymbolicTensor) =>
    layer.apply(from) as tfl.SymbolicTensor;
  return {
    apply,
    initializer,
    conv(name: string, filters: number, kernelSize: number, from: tfl.SymbolicTensor) {
      const kernelInitializer = initializer();
      const options = { name: `${name}-conv`, filters, kernelSize, kernelInitializer };
      const made = apply(tfl.layers.conv2d({ ...options, padding: 'same', useBias: false }), from);
      const normed = apply(tfl.layers.batchNormalization({ name: `${name}-norm`, momentum: 0.9 }), made);
      return apply(tfl.layers.reLU({ name }), normed);
    },
    dense(name: string, units: number, from: tfl.SymbolicTensor, activation: 'relu' | 'linear') {
      const kernelInitializer = initializer();
      return apply(tfl.layers.dense({ name, units, kernelInitializer, activation }), from);
    },
  };
}

/**
 * The eye: three convolutions and a fourth, [B,32,32,3] to [B,8,8,8], and the scores of the words that name what a scene shows
 * (four colours, four shapes), each the largest over the places.
 */
function newEye(seed: number): tfl.LayersModel {
  const { apply, conv } = layersOf(seed);
  const half = (from: tfl.SymbolicTensor) => apply(tfl.layers.maxPooling2d({ poolSize: 2 }), from);
  const image = tfl.input({ name: 'image', shape: [imageSize, imageSize, 3] });
  const seen = conv('seen3', 48, 3, half(conv('seen2', 32, 3, half(conv('seen1', 16, 3, image)))));
  const shown = tfl.layers.conv2d({
    name: 'shown',
    filters: names,
    kernelSize: 1,
    kernelInitializer: tfl.initializers.heNormal({ seed: 1000 * seed + 500 }),
  });
  const scores = apply(tfl.layers.globalMaxPooling2d({ name: 'scores' }), apply(shown, seen));
  return tfl.model({ name: 'eye', inputs: image, outputs: scores });
}

/** The numbers of the words that name what a scene shows. */
function shownIn({ objects }: Scene): number[] {
  return objects.flatMap(({ color, shape }) => [
    sceneColors.indexOf(color),
    sceneColors.length + sceneShapes.indexOf(shape),
  ]);
}

const imagesOf = (scenes: readonly Scene[]) =>
  tf.tidy(
    () => tf.stack(scenes.map(({ image }) => tf.tensor3d(image, [imageSize, imageSize, 3]))) as tf.Tensor4D,
  );

/**
 * Trains an eye to say which colours and shapes are in a scene, as the networks of the paper begin with weights from ImageNet. Where
 * the objects are it is never told, nor which colour goes with which shape.
 *
 * @returns what it sees in any scenes: [N,8,8,10], how likely each name is at each place, and the coordinates from −1 to 1
 */
export async function learnToSee(
  scenes: readonly Scene[],
  { steps, seed }: { steps: number; seed: number },
): Promise<{ see(scenes: readonly Scene[]): tf.Tensor4D; dispose(): void }> {
  const eye = newEye(seed);
  const labels = scenes.map(shownIn);
  await train(eye, { steps, seed, name: 'eye' }, (step) => {
    const batch = Array.from({ length: 32 }, (_, i) => (32 * step + i) % scenes.length);
    return { images: imagesOf(batch.map((i) => scenes[i]!)), labels: batch.map((i) => labels[i]!) };
  });
  const places = tfl.model({ inputs: eye.inputs, outputs: eye.getLayer('shown').output });
  const see = (some: readonly Scene[]) => {
    const parts = Array.from({ length: Math.ceil(some.length / 100) }, (_, i) =>
      tf.tidy(() => tf.sigmoid(places.predict(imagesOf(some.slice(100 * i, 100 * i + 100))) as tf.Tensor4D)),
    );
    const seen = tf.tidy(() => tf.concat([tf.concat(parts, 0), placesOf(some.length)], 3) as tf.Tensor4D);
    tf.dispose(parts);
    return seen;
  };
  return { see, dispose: () => void eye.dispose() };
}

/** Where each place of the maps is, [N,8,8,2]. */
function placesOf(count: number): tf.Tensor4D {
  const axis = tf.linspace(-1, 1, mapSize);
  const x = tf.tile(tf.reshape(axis, [1, 1, mapSize, 1]), [count, mapSize, 1, 1]);
  const y = tf.tile(tf.reshape(axis, [1, mapSize, 1, 1]), [count, 1, mapSize, 1]);
  return tf.concat([x, y], 3) as tf.Tensor4D;
}

/**
 * A network that answers what the eye sees and a few words with one of `classes`: the next word of a caption, or the answer to a
 * question.
 *
 *     h = ReLU(W words);   A = ReLU((1 + γ(h)) ⊙ conv(ReLU(conv(seen))) + β(h));   scores = MLP(maximum of A over places, h)
 *
 * The words scale and shift the channels (FiLM, Perez et al., AAAI 2018, arXiv 1709.07871).
 *
 * @param length of the words, see `wordNumbers`
 * @returns a model of two inputs: seen [B,8,8,10], words [B,length·vocabulary]
 */
export function newReader(length: number, classes: number, seed: number): tfl.LayersModel {
  const { apply, dense, initializer } = layersOf(seed + 0.5);
  const width = 96;
  const seen = tfl.input({ name: 'seen', shape: [mapSize, mapSize, seenChannels] });
  const words = tfl.input({ name: 'words', shape: [length * sceneWords.length] });
  const read = dense('read', 64, words, 'relu');
  const conv = (name: string, activation: 'relu' | 'linear', from: tfl.SymbolicTensor) =>
    apply(
      tfl.layers.conv2d({
        name,
        filters: width,
        kernelSize: 1,
        activation,
        kernelInitializer: initializer(),
      }),
      from,
    );
  const features = conv('features', 'linear', conv('joined', 'relu', seen));
  const everywhere = (name: string) =>
    apply(
      tfl.layers.reshape({ name: `${name}-everywhere`, targetShape: [1, 1, width] }),
      dense(name, width, read, 'linear'),
    );
  const join = (layer: tfl.layers.Layer, ...from: tfl.SymbolicTensor[]) =>
    layer.apply(from) as tfl.SymbolicTensor;
  const scaled = join(tfl.layers.multiply({ name: 'scaled' }), features, everywhere('gamma'));
  const shifted = join(tfl.layers.add({ name: 'shifted' }), scaled, features, everywhere('beta'));
  const selected = apply(tfl.layers.reLU({ name: explainedLayer }), shifted);
  const most = apply(tfl.layers.globalMaxPooling2d({ name: 'most' }), selected);
  const both = join(tfl.layers.concatenate({ name: 'both' }), most, read);
  const scores = dense('scores', classes, dense('hidden', 64, both, 'relu'), 'linear');
  return tfl.model({ name: 'reader', inputs: [seen, words], outputs: scores });
}

/** One thing to learn or to be asked: the number of a scene, words about it, and the class that is right. */
export interface Example {
  readonly scene: number;
  readonly words: readonly number[];
  readonly label: number;
}

/**
 * The inputs of a batch.
 *
 * @param seen of all scenes, [N,8,8,10]
 */
export function inputsOf(seen: tf.Tensor4D, examples: readonly Omit<Example, 'label'>[]): tf.Tensor[] {
  const some = tf.gather(
    seen,
    examples.map(({ scene }) => scene),
  );
  const words = tf.oneHot(
    tf.tensor2d(
      examples.map((example) => [...example.words]),
      undefined,
      'int32',
    ),
    sceneWords.length,
  );
  return [some, tf.cast(tf.reshape(words, [examples.length, -1]), 'float32')];
}

/** Trains a reader on batches that `draw` gives. */
export async function learnToRead(
  model: tfl.LayersModel,
  seen: tf.Tensor4D,
  draw: (step: number) => readonly Example[],
  { steps, seed }: { steps: number; seed: number },
): Promise<void> {
  await train(model, { steps, seed, name: 'reader' }, (step) => {
    const examples = draw(step);
    return {
      images: tf.tidy(() => inputsOf(seen, examples)),
      labels: examples.map(({ label }) => label),
    };
  });
}

/** The class of the largest score of each example. */
export function answersOf(
  model: tfl.LayersModel,
  seen: tf.Tensor4D,
  examples: readonly Omit<Example, 'label'>[],
): number[] {
  const answers: number[] = [];
  for (let first = 0; first < examples.length; first += 200) {
    const some = examples.slice(first, first + 200);
    answers.push(
      ...tf.tidy(() => tf.argMax(model.predictOnBatch(inputsOf(seen, some)) as tf.Tensor, 1).dataSync()),
    );
  }
  return answers;
}

type Batch = { images: tf.Tensor | tf.Tensor[]; labels: number[] | number[][] };

async function train(
  model: tfl.LayersModel,
  { steps, seed, name }: { steps: number; seed: number; name: string },
  draw: (step: number) => Batch,
): Promise<void> {
  const trainer = new GainTrainer(model, {
    link: name === 'eye' ? 'sigmoid' : 'softmax',
    weights: { mining: 0, supervision: 0 },
    optimizer: { name: 'adam', learningRate: 5e-3 },
    schedule: { name: 'cosine', warmupEpochs: 0.05 },
    clipNorm: 5,
    seed,
  });
  const batches = function* () {
    for (let step = 0; step < steps; step++) yield draw(step);
  };
  const every = Math.max(1, Math.floor(steps / 8));
  let sum = 0;
  await trainer.fitDataset(batches(), {
    epochs: 1,
    batchesPerEpoch: steps,
    callbacks: {
      onBatchEnd(batch, { losses }) {
        sum += losses.total!;
        if ((batch + 1) % every !== 0) return;
        console.error(`${name}, step ${batch + 1}: loss ${(sum / every).toFixed(3)}`);
        sum = 0;
      },
    },
  });
  trainer.dispose();
}
