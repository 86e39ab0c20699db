import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';

/** The generator of `test/reference/gain.py`: uniform in [-0.5, 0.5). */
export function numbers(seed: number, count: number): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  });
}

/** A layer of a reference net; the last one of a target group is named `target`. */
export interface LayerSpec {
  kind: 'conv' | 'depthwise' | 'batchNorm' | 'maxPool' | 'avgPool' | 'globalPool' | 'flatten' | 'dense';
  filters?: number;
  size?: number;
  units?: number;
  activation?: string;
  name?: string;
}

/** What each kind's weights are scaled and shifted by, in the order of the layer's weights. */
function scales(kind: LayerSpec['kind'], fanIn: number): [scale: number, shift: number][] {
  if (kind === 'conv')
    return [
      [4 / Math.sqrt(fanIn), 0],
      [0.4, 0],
    ];
  if (kind === 'depthwise')
    return [
      [1.5, 0],
      [0.4, 0],
    ];
  if (kind === 'dense')
    return [
      [6 / Math.sqrt(fanIn), 0],
      [0.4, 0],
    ];
  return [
    [0.6, 1],
    [0.6, 0],
    [0.5, 0],
    [0.8, 1],
  ];
}

/** The tfjs twin of `Net` in `test/reference/gain.py`: the same layers with the same weights. */
export function referenceNet(specs: readonly LayerSpec[], seed: number, size = 12): tfl.LayersModel {
  const model = tfl.sequential();
  let count = 0;
  specs.forEach((spec, index) => {
    // Reference activations of layers without a kernel (batch norm) become layers of their own.
    const split = spec.kind === 'batchNorm' && spec.activation !== undefined;
    const name = split || spec.name === undefined ? {} : { name: spec.name };
    const layer = makeLayer(spec, { ...name, ...(index === 0 ? { inputShape: [size, size, 3] } : {}) });
    model.add(layer);
    if (split) {
      model.add(
        tfl.layers.activation({
          activation: spec.activation as 'relu',
          ...(spec.name === undefined ? {} : { name: spec.name }),
        }),
      );
    }
    const shapes = layer.weights.map((weight) => weight.shape as number[]);
    const fanIn = shapes[0]?.slice(0, -1).reduce((a, b) => a * b, 1) ?? 0;
    const values = shapes.map((shape, i) => {
      count += 1;
      const [scale, shift] = scales(spec.kind, fanIn)[i]!;
      const flat = numbers(seed * 1000 + count, tf.util.sizeFromShape(shape));
      return tf.tensor(
        flat.map((v) => v * scale + shift),
        shape,
      );
    });
    layer.setWeights(values);
    tf.dispose(values);
  });
  return model;
}

function makeLayer(spec: LayerSpec, common: { name?: string; inputShape?: number[] }): tfl.layers.Layer {
  const activation = (spec.activation ?? 'linear') as 'linear';
  const { filters = 1, size: kernelSize = 3, units = 1 } = spec;
  switch (spec.kind) {
    case 'conv':
      return tfl.layers.conv2d({ ...common, filters, kernelSize, padding: 'same', activation });
    case 'depthwise':
      return tfl.layers.depthwiseConv2d({ ...common, kernelSize, padding: 'same', activation });
    case 'batchNorm':
      return tfl.layers.batchNormalization(common);
    case 'maxPool':
      return tfl.layers.maxPooling2d({ ...common, poolSize: 2 });
    case 'avgPool':
      return tfl.layers.averagePooling2d({ ...common, poolSize: 2 });
    case 'globalPool':
      return tfl.layers.globalAveragePooling2d(common);
    case 'flatten':
      return tfl.layers.flatten(common);
    case 'dense':
      return tfl.layers.dense({ ...common, units, activation });
  }
}
