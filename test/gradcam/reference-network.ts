import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import type { MapMethod, Pair } from '../../src/gradcam/index.ts';

/** The networks of `test/reference/gradcam.py`, built again in tfjs. */

export interface LayerSpec {
  name: string;
  op: 'conv' | 'depthwise' | 'dense' | 'bn' | 'pool' | 'gap' | 'flatten' | 'add' | 'concat' | 'act';
  in?: string[];
  activation?: string;
  filters?: number;
  kernel?: number;
  units?: number;
  kind?: 'max' | 'avg';
  size?: number;
  stride?: number;
}

export interface Case {
  title: string;
  input: number[];
  seed: number;
  target: string;
  batchNorm?: 'batch';
  pairs: [number, number][];
  layers: LayerSpec[];
  results: {
    method: MapMethod;
    differentiateWeights: boolean;
    maps: number[];
    logits: number[];
    grads: Record<string, number[]>;
  }[];
}

export interface Reference {
  cases: Case[];
  normalization: {
    mode: 'min-max' | 'max' | 'l2';
    maps: number[];
    grad: number[];
    second: number[];
  }[];
  trilinear: number[];
}

export const reference: Reference = JSON.parse(
  readFileSync(new URL('../fixtures/gradcam.json', import.meta.url), 'utf8'),
);

/** Uniform in [-0.5, 0.5), row-major: the generator of the reference. */
export function numbers(seed: number, size: number): number[] {
  let state = seed;
  return Array.from({ length: size }, () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return state / 2 ** 32 - 0.5;
  });
}

export function tensorOf(seed: number, shape: number[]): tf.Tensor {
  return tf.tensor(numbers(seed, tf.util.sizeFromShape(shape)), shape);
}

export function pairsOf({ pairs }: Case): Pair[] {
  return pairs.map(([sample, label]) => ({ sample, class: label }));
}

/** The model, and its trainable variables under the reference's names (`c1/kernel`). */
export function buildCase({ input, layers, seed }: Case): {
  model: tfl.LayersModel;
  variables: Map<string, tf.Variable>;
} {
  const x = tfl.input({ shape: input.slice(1) });
  const values = new Map([['x', x]]);
  const made: { name: string; layer: tfl.layers.Layer }[] = [];
  let previous = 'x';
  const make = (spec: LayerSpec, rank: number) => {
    const layer = makeLayer({ ...spec, name: spec.name.split('/').at(-1)! }, rank);
    made.push({ name: spec.name, layer });
    return layer;
  };
  for (let i = 0; i < layers.length; i++) {
    const spec = layers[i]!;
    const inputs = (spec.in ?? [previous]).map((name) => values.get(name)!);
    const [prefix, inner] = spec.name.split('/');
    let output: tfl.SymbolicTensor;
    if (inner !== undefined) {
      const nested = layers.filter(({ name }) => name.startsWith(`${prefix}/`));
      const model = tfl.sequential({ name: prefix! });
      model.add(tfl.layers.inputLayer({ inputShape: inputs[0]!.shape.slice(1) }));
      for (const one of nested) model.add(make(one, inputs[0]!.shape.length));
      output = model.apply(inputs[0]!) as tfl.SymbolicTensor;
      i += nested.length - 1;
    } else {
      const layer = make(spec, inputs[0]!.shape.length);
      output = layer.apply(inputs.length === 1 ? inputs[0]! : inputs) as tfl.SymbolicTensor;
    }
    previous = layers[i]!.name;
    values.set(previous, output);
  }
  const model = tfl.model({ inputs: x, outputs: values.get(previous)! });
  const variables = new Map<string, tf.Variable>();
  let next = seed;
  const draw = (shape: number[], scale: number, offset = 0) => {
    next += 7919;
    return tf.tidy(() => tf.add(tf.mul(tensorOf(next, shape), scale), offset));
  };
  for (const { name, layer } of made) {
    if (layer.weights.length === 0) continue;
    const shapes = layer.weights.map(({ shape }) => shape as number[]);
    const isNorm = layer.getClassName() === 'BatchNormalization';
    const fanIn = shapes[0]!.slice(0, layer.getClassName() === 'DepthwiseConv2D' ? -2 : -1);
    const scales = isNorm ? [1, 1, 0.6, 1] : [Math.sqrt(12 / tf.util.sizeFromShape(fanIn)), 0.5];
    const offsets = isNorm ? [1, 0, 0, 1] : [0, 0];
    const drawn = shapes.map((shape, i) => draw(shape, scales[i]!, offsets[i]));
    layer.setWeights(drawn);
    tf.dispose(drawn);
    const kinds = isNorm ? ['gamma', 'beta'] : ['kernel', 'bias'];
    for (const [i, kind] of kinds.entries()) {
      variables.set(`${name}/${kind}`, layer.weights[i]!.read() as tf.Variable);
    }
  }
  return { model, variables };
}

function makeLayer(spec: LayerSpec, rank: number): tfl.layers.Layer {
  const { name, op, kernel: kernelSize = 3, size: poolSize = 2, stride: strides = 2 } = spec;
  const activation = (spec.activation ?? 'linear') as 'relu';
  const volume = rank === 5;
  switch (op) {
    case 'conv': {
      const args = { name, filters: spec.filters!, kernelSize, padding: 'same', activation } as const;
      return volume ? tfl.layers.conv3d(args) : tfl.layers.conv2d(args);
    }
    case 'depthwise':
      return tfl.layers.depthwiseConv2d({ name, kernelSize, padding: 'same', activation });
    case 'dense':
      return tfl.layers.dense({ name, units: spec.units!, activation });
    case 'bn':
      return tfl.layers.batchNormalization({ name });
    case 'pool': {
      const args = { name, poolSize, strides };
      if (volume)
        return spec.kind === 'max' ? tfl.layers.maxPooling3d(args) : tfl.layers.averagePooling3d(args);
      return spec.kind === 'max' ? tfl.layers.maxPooling2d(args) : tfl.layers.averagePooling2d(args);
    }
    case 'gap':
      return tfl.layers.globalAveragePooling2d({ name });
    case 'flatten':
      return tfl.layers.flatten({ name });
    case 'add':
      return tfl.layers.add({ name });
    case 'concat':
      return tfl.layers.concatenate({ name });
    case 'act':
      return tfl.layers.activation({ name, activation });
  }
}
