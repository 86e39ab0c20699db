import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tfl from '@tensorflow/tfjs-layers';
import type { ExecutionContext } from 'ava';
import { parseConfig, stringifyConfig } from '../../src/config/index.ts';
import { generateBiasedBoats } from '../../src/data/index.ts';
import { saveLayersModel } from '../../src/models/index.ts';

/** A folder that is deleted after the test. */
export async function temporary(t: ExecutionContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'explore-'));
  t.teardown(() => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
  return dir;
}

const initializer = (seed: number) => tfl.initializers.heNormal({ seed });

/** A network with every kind of layer whose making is shown; 32x32 colour images, six classes. */
export function variedNetwork(): tfl.LayersModel {
  const { layers } = tfl;
  const input = tfl.input({ shape: [32, 32, 3], name: 'image' });
  const first = layers
    .conv2d({
      name: 'conv1',
      filters: 4,
      kernelSize: 3,
      padding: 'same',
      strides: 2,
      kernelInitializer: initializer(1),
    })
    .apply(input) as tfl.SymbolicTensor;
  const normal = layers.batchNormalization({
    name: 'norm',
    gammaInitializer: tfl.initializers.randomUniform({ minval: 0.5, maxval: 1.5, seed: 2 }),
    movingMeanInitializer: tfl.initializers.randomUniform({ minval: -0.5, maxval: 0.5, seed: 3 }),
    movingVarianceInitializer: tfl.initializers.randomUniform({ minval: 0.5, maxval: 2, seed: 4 }),
  });
  const normalized = normal.apply(first) as tfl.SymbolicTensor;
  const rectified = layers
    .activation({ name: 'relu', activation: 'relu' })
    .apply(normalized) as tfl.SymbolicTensor;
  const deep = layers
    .depthwiseConv2d({
      name: 'depth',
      kernelSize: 3,
      padding: 'same',
      depthwiseInitializer: initializer(5),
      activation: 'relu',
    })
    .apply(rectified) as tfl.SymbolicTensor;
  const added = layers.add({ name: 'add' }).apply([rectified, deep]) as tfl.SymbolicTensor;
  const pooled = layers
    .maxPooling2d({ name: 'pool', poolSize: 3, strides: 2, padding: 'same' })
    .apply(added) as tfl.SymbolicTensor;
  const mean = layers
    .averagePooling2d({ name: 'mean', poolSize: 2, strides: 1 })
    .apply(pooled) as tfl.SymbolicTensor;
  const last = layers
    .conv2d({
      name: 'conv2',
      filters: 5,
      kernelSize: [3, 2],
      activation: 'relu',
      kernelInitializer: initializer(6),
    })
    .apply(mean) as tfl.SymbolicTensor;
  const gap = layers.globalAveragePooling2d({ name: 'gap' }).apply(last) as tfl.SymbolicTensor;
  const scores = layers
    .dense({ name: 'scores', units: 6, activation: 'sigmoid', kernelInitializer: initializer(7) })
    .apply(gap) as tfl.SymbolicTensor;
  return tfl.model({ inputs: input, outputs: scores, name: 'varied' });
}

/** A run of a small network on a small set of biased boats, as a training leaves it. */
export async function smallRun(t: ExecutionContext): Promise<{ dir: string; run: string; data: string }> {
  const dir = await temporary(t);
  const [run, data] = [join(dir, 'run'), join(dir, 'boats')];
  const options = { size: 32, train: 24, trainFullsup: 4, val: 12, test: 8, unbiased: 4 };
  await generateBiasedBoats(data, options);
  await saveLayersModel(variedNetwork(), join(run, 'model'));
  const config = parseConfig(
    JSON.stringify({
      name: 'small',
      engine: { name: 'onnx', threads: 1 },
      data: {
        source: 'tfrecord',
        dir: data,
        imageSize: [32, 32],
        splits: { train: ['train'], validation: 'val', test: ['test', 'boat-without-water'] },
        batchSize: 8,
        workers: 0,
      },
      evaluation: { focusClass: 'boat' },
    }),
    'the run of a test',
  );
  await writeFile(join(run, 'config.yaml'), stringifyConfig(config));
  const metrics = {
    test: { mAP: 0.5, focus: { accuracy: 0.75 } },
    'boat-without-water': { focus: { accuracy: 0.25 } },
  };
  await writeFile(join(run, 'summary.json'), JSON.stringify({ steps: 3, metrics }));
  return { dir, run, data };
}
