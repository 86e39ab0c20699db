import { readFileSync, writeFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test, { type ExecutionContext } from 'ava';
import { ModelError, UsageError } from '../../src/errors/index.ts';
import {
  adversarialPattern,
  deepDream,
  dRise,
  explanationMethods,
  invertFeatures,
  type MethodEntry,
  type MethodOptions,
  maximizeActivations,
  methodGroups,
  tcav,
} from '../../src/explain/index.ts';
import { gainLoss, guidanceTerms } from '../../src/gain/index.ts';
import { type MapMethod, mapMethods, type Pair, runModel } from '../../src/gradcam/index.ts';
import { buildModel, importOnnx } from '../../src/models/index.ts';
import { startTestEngine } from '../gradcam/engine.ts';
import { tensorOf } from '../gradcam/reference-network.ts';

/**
 * The table of docs/support.md, measured: every cell is what came of a try. `UPDATE_DOCS=1 npx ava
 * test/explain/support.test.ts` writes it.
 */
const DOCS = new URL('../../docs/support.md', import.meta.url);
/** What is between the marks of a table. */
const between = (name: string) => new RegExp(`(<!-- ${name}: .*?-->\\n)(.*?)(<!-- \\/${name} -->)`, 's');
const isCpu = (process.env.GAIN_TEST_ENGINE ?? 'cpu') === 'cpu';
/** One after the other: they count tensors. */
const measured = isCpu ? test.serial : test.serial.skip;

/** Where a method's values of another implementation are: a fixture, and a word that it holds for the method. */
const references: Readonly<Record<string, readonly [file: string, holds: string]>> = {
  cam: ['gradcam.json', '"method": "cam"'],
  'grad-cam': ['gradcam.json', '"method": "grad-cam"'],
  'grad-cam++': ['gradcam.json', '"method": "grad-cam++"'],
  'grad-cam++-normalized': ['gradcam.json', '"method": "grad-cam++-normalized"'],
  'layer-cam': ['gradcam.json', '"method": "layer-cam"'],
  'hires-cam': ['gradcam.json', '"method": "hires-cam"'],
  'x-grad-cam': ['gradcam.json', '"method": "x-grad-cam"'],
  'grad-cam++-softmax': ['explain.json', '"grad-cam++-softmax"'],
  'layer-cam-fused': ['explain.json', '"fused"'],
  counterfactual: ['explain.json', '"counterfactual"'],
  'score-cam': ['explain.json', '"score-cam"'],
  'ablation-cam': ['explain.json', '"ablation-cam"'],
  'shapley-cam': ['explain.json', '"shapley-cam"'],
  'finer-cam': ['explain.json', '"finer-cam"'],
  'eigen-cam': ['explain.json', '"eigen-cam"'],
  'feature-factorization': ['explain.json', '"factorization"'],
  'attention-rollout': ['vit-maps.json', '"rollout"'],
  'gradient-attention': ['vit-maps.json', '"gradient-attention"'],
  gradient: ['explain.json', '"gradient"'],
  'integrated-gradients': ['explain.json', '"integrated-gradients"'],
  'deep-lift': ['explain.json', '"deep-lift"'],
  lrp: ['relevance.json', '"epsilon-gamma-box"'],
  'lrp-epsilon-plus': ['relevance.json', '"epsilon-plus-flat"'],
  'guided-backprop': ['explain.json', '"guided"'],
  deconvolution: ['explain.json', '"deconvolution"'],
  'guided-grad-cam': ['explain.json', '"guided-grad-cam"'],
  'guided-grad-cam++': ['explain.json', '"guided-grad-cam++"'],
  occlusion: ['perturbation.json', '"occlusion"'],
  rise: ['perturbation.json', '"masks"'],
  lime: ['perturbation.json', '"fits"'],
};

test.before(startTestEngine);

const pairs: Pair[] = [
  { sample: 0, class: 1 },
  { sample: 1, class: 0 },
];
/** What the methods with many passes need to do all that they do, and not more: a slow network is among those tried. */
const few = { samples: 12, steps: 5, batchSize: 8 };
const coarse = { ...few, patch: 16, stride: 16 };

function filled<M extends tfl.LayersModel>(model: M): M {
  const values = model.getWeights().map((weight, i) => {
    const fanIn = weight.shape.slice(0, -1).reduce((a, b) => a * b, 1);
    return tf.mul(tensorOf(100 * (i + 1), weight.shape), Math.sqrt(12 / fanIn));
  });
  model.setWeights(values);
  tf.dispose(values);
  return model;
}

/** Convolutions, a pooling and a dense head, of images or of volumes. */
function network(rank: 2 | 3): tfl.LayersModel {
  const { conv2d, conv3d, dense, globalAveragePooling2d, maxPooling2d, maxPooling3d } = tfl.layers;
  const { flatten } = tfl.layers;
  const common = { kernelSize: 3, padding: 'same', activation: 'relu' } as const;
  return filled(
    tfl.sequential({
      layers:
        rank === 2
          ? [
              conv2d({ ...common, inputShape: [8, 8, 3], filters: 3 }),
              maxPooling2d({ poolSize: 2 }),
              conv2d({ ...common, filters: 4 }),
              globalAveragePooling2d({}),
              dense({ units: 3, activation: 'softmax' }),
            ]
          : [
              conv3d({ ...common, inputShape: [4, 6, 6, 2], filters: 2 }),
              maxPooling3d({ poolSize: 2 }),
              conv3d({ ...common, filters: 3 }),
              flatten({}),
              dense({ units: 3, activation: 'softmax' }),
            ],
    }),
  );
}

const transformer = () =>
  buildModel('vit-tiny', {
    inputShape: [8, 8, 3],
    classes: 2,
    seed: 1,
    patch: 4,
    width: 8,
    depth: 2,
    heads: 2,
  });

/** A network as operations: what a tfjs graph-model offers, without layers. */
function asGraph(model: tfl.LayersModel) {
  const run = (inputs: tf.Tensor | tf.Tensor[]) => runModel(model, inputs)[0]!;
  return {
    inputs: [{ name: 'x' }],
    outputs: [{ name: 'scores' }],
    predict: run,
    execute: run,
  } as unknown as tfl.LayersModel;
}

/** What a method gives, finite and without a tensor left behind; what it says when it refuses. */
async function tried(
  { explain, name }: MethodEntry,
  model: tfl.LayersModel,
  images: tf.Tensor,
  asked: readonly Pair[] = pairs,
  options: MethodOptions = few,
): Promise<Float32Array | string> {
  const live = tf.memory().numTensors;
  try {
    const found = await explain(model, images, asked, options);
    const values = Float32Array.from(found.dataSync());
    found.dispose();
    if (!values.every(Number.isFinite)) throw new Error(`${name}: not finite`);
    if (tf.memory().numTensors !== live) throw new Error(`${name} leaves tensors behind`);
    return values;
  } catch (error) {
    // Only an error that says what does not fit is a no.
    if (error instanceof ModelError || error instanceof UsageError) return error.message;
    throw error;
  }
}

const yes = (found: Float32Array | string): found is Float32Array => typeof found !== 'string';
const close = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  const scale = Math.max(1e-6, ...Array.from(b, Math.abs));
  return a.length === b.length && Array.from(b).every((value, i) => Math.abs(value - a[i]!) < 1e-3 * scale);
};

/** Whether the derivative of a sum over the map is what small steps along a direction say, and not 0. */
function isDifferentiable(method: MethodEntry, model: tfl.LayersModel, images: tf.Tensor): boolean {
  const make = method.differentiable;
  if (!make) return false;
  return tf.tidy(() => {
    const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
    const loss = () => {
      const map = make(model, images, pairs);
      return tf.mean(tf.mul(map, tensorOf(3, map.shape))) as tf.Scalar;
    };
    const { grads } = tf.variableGrads(loss, variables);
    const direction = variables.map((one, i) => tensorOf(7 * (i + 1), one.shape));
    const slope = variables.reduce((sum, one, i) => {
      const grad = grads[one.name];
      return sum + (grad ? tf.sum(tf.mul(grad, direction[i]!)).dataSync()[0]! : 0);
    }, 0);
    const kept = variables.map((one) => tf.clone(one));
    const at = (step: number) => {
      variables.forEach((one, i) => {
        one.assign(tf.add(kept[i]!, tf.mul(direction[i]!, step)));
      });
      return loss().dataSync()[0]!;
    };
    const slopes = [1e-2, 2e-3, 5e-4].map((step) => (at(step) - at(-step)) / (2 * step));
    variables.forEach((one, i) => {
      one.assign(kept[i]!);
    });
    return slope !== 0 && slopes.some((value) => Math.abs(value - slope) < 0.05 * Math.abs(slope));
  });
}

/** The options of a config or of `guidanceTerms` that make a loss of a method, seen to have a gradient. */
function lossesOf(name: string, model: tfl.LayersModel, images: tf.Tensor4D): string {
  const [, height, width] = images.shape;
  const masks = tf.tidy(
    () => tf.cast(tf.greater(tensorOf(5, [2, height, width]), 0), 'float32') as tf.Tensor3D,
  );
  const batch = { images, labels: [1, 0], masks, maskPairs: pairs };
  const off = { classification: 0, mining: 0, supervision: 0 };
  const learns = (options: object) =>
    tf.tidy(() => {
      const { grads } = tf.variableGrads(() => gainLoss(model, batch, { training: false, ...options }).total);
      return Object.values(grads).some((grad) => tf.max(tf.abs(grad)).dataSync()[0]! > 0);
    });
  const of = (options: Parameters<typeof guidanceTerms>[0]) =>
    learns({ weights: off, terms: guidanceTerms(options).map((one) => ({ ...one, weight: 1 })) });
  const found: string[] = [];
  if ((mapMethods as readonly string[]).includes(name)) {
    const method = name as MapMethod;
    if (learns({ method, weights: { ...off, supervision: 1 } })) found.push('`gain.method`');
  }
  if (name === 'gradient' && of({ rrr: { weight: 1 } })) found.push('`rrr`');
  if (name === 'lrp' && of({ isnet: { weight: 1 } })) found.push('`isnet`');
  masks.dispose();
  return found.join(', ');
}

measured('what methods support is measured; docs/support.md says it', async (t) => {
  t.timeout(120_000);
  const flat = network(2);
  const images = tf.add(tensorOf(9, [2, 8, 8, 3]), 0.5) as tf.Tensor4D;
  const volume = network(3);
  const volumes = tf.add(tensorOf(11, [2, 4, 6, 6, 2]), 0.5);
  const tokens = transformer();
  const small = tf.add(tensorOf(13, [2, 8, 8, 3]), 0.5) as tf.Tensor4D;
  const imported = await importOnnx(
    new URL('../fixtures/onnx-files/convnext.onnx', import.meta.url).pathname,
  );
  const [, height, width] = imported.inputs[0]!.shape as [null, number, number];
  const foreign = tf.add(tensorOf(15, [2, height ?? 32, width ?? 32, 3]), 0.5);

  const rows: string[][] = [];
  for (const method of explanationMethods) {
    const { name, group } = method;
    const own = await tried(method, flat, images);
    const onTokens = await tried(method, tokens, small);
    const mark = (value: boolean) => (value ? 'yes' : '–');
    const said = (where: string, found: Float32Array | string) => {
      if (!yes(found)) t.log(`${name}, ${where}: ${found}`);
      return mark(yes(found));
    };
    const [base, pictures] = yes(own) ? [flat, images] : [tokens, small];
    const together = yes(own) ? own : onTokens;
    // Each image alone, its rows one after the other: the same as both together, unless others are needed.
    const alone: (Float32Array | string)[] = [];
    for (const { sample, class: column } of pairs) {
      const one = tf.slice(pictures, sample, 1);
      alone.push(await tried(method, base, one, [{ sample: 0, class: column }]));
      one.dispose();
    }
    const batch =
      yes(together) &&
      alone.every(yes) &&
      close(
        alone.flatMap((one) => [...one]),
        together,
      );
    const [file, holds] = references[name] ?? [];
    if (file) {
      const text = readFileSync(new URL(`../fixtures/${file}`, import.meta.url), 'utf8');
      t.true(text.includes(holds!) || text.includes(holds!.replace(': ', ':')), `${file} holds ${holds}`);
    }
    rows.push([
      `\`${name}\``,
      group,
      mark(isDifferentiable(method, base, pictures)),
      batch ? 'yes' : 'together',
      mark(yes(own)),
      said('3-D', await tried(method, volume, volumes)),
      said('tokens', onTokens),
      said('graph-model', await tried(method, asGraph(flat), images)),
      said('ONNX', await tried(method, imported, foreign, pairs, coarse)),
      lossesOf(name, flat, images) || '–',
      file ? `\`${file}\`` : '–',
    ]);
  }
  const header = [
    'method',
    'family',
    'differentiable',
    'batch',
    '2-D',
    '3-D',
    'tokens',
    'graph-model',
    'ONNX',
    'loss',
    'reference',
  ];
  t.deepEqual(
    Object.keys(references).filter((name) => !explanationMethods.some((method) => method.name === name)),
    [],
  );
  t.true(rows.every((row) => Object.keys(methodGroups).includes(row[1]!)));
  compareTable(t, 'table', header, rows);
});

/** Compares a table of the page with what was measured, or writes it. */
function compareTable(
  t: ExecutionContext,
  name: string,
  header: readonly string[],
  rows: readonly (readonly string[])[],
): void {
  const table = [header, header.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |\n`).join('');
  const page = readFileSync(DOCS, 'utf8');
  if (process.env.UPDATE_DOCS) {
    writeFileSync(
      DOCS,
      page.replace(between(name), (_, begin, __, end) => begin + table + end),
    );
  } else t.is(between(name).exec(page)?.[2], table);
}

/** What is asked of a network itself: a try on a network and images, and the test that holds its values. */
interface Question {
  readonly name: string;
  readonly gives: string;
  readonly checked: string;
  readonly ask: (model: tfl.LayersModel, images: tf.Tensor4D) => Promise<tf.TensorContainer>;
}

const questions: readonly Question[] = [
  {
    name: 'tcav',
    gives: 'how often a concept raises a class',
    checked: 'concepts/tcav.test.ts',
    ask: async (model, images) => {
      const darker = tf.mul(images, 0.5) as tf.Tensor4D;
      const { vectors } = await tcav(model, images, 0, images, [darker], { batchSize: 2 });
      darker.dispose();
      return tf.tensor1d(Float32Array.from(vectors[0]!));
    },
  },
  {
    name: 'maximizeActivations',
    gives: 'an image that a unit answers to',
    checked: 'units/units.test.ts',
    ask: async (model, images) => {
      const imageSize = images.shape.slice(1, 3) as [number, number];
      return (await maximizeActivations(model, { classes: [1] }, { steps: 2, imageSize })).images;
    },
  },
  {
    name: 'deepDream',
    gives: 'an image with more of what a layer sees',
    checked: 'units/made-images.test.ts',
    ask: async (model, images) => {
      const image = tf.tidy(() => tf.squeeze<tf.Tensor3D>(tf.slice(images, 0, 1), [0]));
      const { dream } = await deepDream(model, image, { octaves: 1, steps: 2 });
      image.dispose();
      return dream;
    },
  },
  {
    name: 'invertFeatures',
    gives: 'another image that a layer cannot tell from the first',
    checked: 'units/made-images.test.ts',
    ask: async (model, images) => (await invertFeatures(model, images, { steps: 2 })).images,
  },
  {
    name: 'adversarialPattern',
    gives: 'a small change that makes the network see a class',
    checked: 'units/made-images.test.ts',
    ask: async (model, images) => {
      const { pattern, images: changed } = await adversarialPattern(model, images, 1, { steps: 2 });
      changed.dispose();
      return pattern;
    },
  },
  {
    name: 'dRise',
    gives: 'a map of a detection',
    checked: 'targets.test.ts',
    ask: (model, images) =>
      dRise(
        (pixels) => {
          const scores = tf.softmax(model.predict(pixels) as tf.Tensor2D);
          const [count] = pixels.shape;
          return {
            boxes: tf.tile(tf.tensor3d([[[0, 0, 4, 4]]]), [count, 1, 1]),
            scores: tf.expandDims(scores, 1),
          };
        },
        images,
        [{ sample: 0, box: [0, 0, 4, 4], classes: 1 }],
        { masks: 4, cells: 2, batchSize: 4 },
      ),
  },
];

measured('what can be asked of a network itself is measured; docs/support.md says it', async (t) => {
  t.timeout(60_000);
  const images = tf.add(tensorOf(9, [2, 8, 8, 3]), 0.5) as tf.Tensor4D;
  const flat = network(2);
  const imported = await importOnnx(
    new URL('../fixtures/onnx-files/convnext.onnx', import.meta.url).pathname,
  );
  const [, height, width] = imported.inputs[0]!.shape as [null, number, number];
  const foreign = tf.add(tensorOf(15, [2, height ?? 32, width ?? 32, 3]), 0.5) as tf.Tensor4D;
  const rows: string[][] = [];
  for (const { name, gives, checked, ask } of questions) {
    const tries = async (where: string, model: tfl.LayersModel, pictures: tf.Tensor4D) => {
      const live = tf.memory().numTensors;
      try {
        const found = (await ask(model, pictures)) as tf.Tensor;
        t.true(found.dataSync().every(Number.isFinite), `${name}, ${where}: finite`);
        found.dispose();
        t.is(tf.memory().numTensors, live, `${name}, ${where}: leaves nothing behind`);
        return 'yes';
      } catch (error) {
        if (!(error instanceof ModelError || error instanceof UsageError)) throw error;
        t.log(`${name}, ${where}: ${error.message}`);
        return '–';
      }
    };
    const text = readFileSync(new URL(checked, import.meta.url), 'utf8');
    t.true(text.includes(name), `${checked} tests ${name}`);
    rows.push([
      `\`${name}\``,
      gives,
      await tries('2-D', flat, images),
      await tries('tokens', transformer(), images),
      await tries('graph-model', asGraph(flat), images),
      await tries('ONNX', imported, foreign),
      `\`test/explain/${checked}\``,
    ]);
  }
  const header = ['function', 'gives', '2-D', 'tokens', 'graph-model', 'ONNX', 'values checked in'];
  compareTable(t, 'questions', header, rows);
});
