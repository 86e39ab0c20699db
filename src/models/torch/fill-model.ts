import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError } from '../../errors/index.ts';
import { layersOf } from '../describe-model.ts';
import type { Naming } from './recipes/index.ts';
import type { StateDict, TorchTensor } from './state-dict.ts';

/** What PyTorch calls a weight that tfjs calls so. */
const suffixes: Record<string, string> = {
  kernel: 'weight',
  depthwise_kernel: 'weight',
  gamma: 'weight',
  alpha: 'weight',
  bias: 'bias',
  beta: 'bias',
  moving_mean: 'running_mean',
  moving_variance: 'running_var',
};

export interface FillOptions {
  /** For messages. */
  readonly file: string;
  readonly naming: Naming;
  /** Layers, by path, that keep the weights that they have. */
  readonly keep?: (path: string) => boolean;
  /** Names in the file that need not be used. */
  readonly ignored?: RegExp | undefined;
}

/**
 * Fills a model with the weights of a state dict, each turned to the order of axes that tfjs has: convolutions
 * [O,I,h,w] → [h,w,I,O], depthwise ones [C,1,h,w] → [h,w,C,1], dense layers [O,I] → [I,O], and behind a flatten also
 * the features from [C,h,w] to [h,w,C].
 *
 * @throws {ModelError} a weight is missing, of another shape, or left over
 */
export function fillModel(model: tfl.LayersModel, dict: StateDict, options: FillOptions): void {
  const { file, naming, keep = () => false, ignored } = options;
  const used = new Set<string>();
  const writes: [tfl.LayerVariable, tf.Tensor][] = [];
  try {
    for (const { path, layer } of layersOf(model)) {
      if (layer.weights.length === 0 || keep(path)) continue;
      const place = naming(path);
      for (const variable of layer.weights) {
        const kind = variable.originalName.split('/').at(-1)!.replace(/_\d+$/, '');
        const name = typeof place === 'object' ? place[kind] : place && `${place}.${suffixes[kind] ?? kind}`;
        const source = name === undefined ? undefined : dict.get(name);
        if (!source) {
          const sought = name === undefined ? '' : `, which is looked for as "${name}"`;
          throw new ModelError(`${file}: it has no weight for "${kind}" of layer "${path}"${sought}`);
        }
        used.add(name!);
        writes.push([variable, converted(`${file}: tensor "${name}"`, source, layer, path, kind, variable)]);
      }
    }
    const left = [...dict.keys()].filter(
      (name) => !used.has(name) && !name.endsWith('num_batches_tracked') && !ignored?.test(name),
    );
    if (left.length > 0) {
      const shown = left.slice(0, 5).join(', ');
      throw new ModelError(
        `${file}: ${left.length} of its weights belong to no layer of the model: ${shown}${left.length > 5 ? ', …' : ''}`,
      );
    }
    for (const [variable, value] of writes) variable.write(value);
  } finally {
    for (const [, value] of writes) value.dispose();
  }
}

function converted(
  where: string,
  source: TorchTensor,
  layer: tfl.layers.Layer,
  path: string,
  kind: string,
  { shape }: tfl.LayerVariable,
): tf.Tensor {
  const wanted = shape as number[];
  const fail = (): never => {
    throw new ModelError(
      `${where}: [${source.shape}] does not fit "${kind}" of layer "${path}" (${layer.getClassName()}), [${wanted}]`,
    );
  };
  const count = (sizes: readonly number[]) => sizes.reduce((product, size) => product * size, 1);
  if (count(source.shape) !== count(wanted)) return fail();
  return tf.tidy(() => {
    const values = source.values();
    if (kind !== 'kernel' && kind !== 'depthwise_kernel') return tf.tensor(values, wanted);
    const [order, from] = axesOf(layer, kind, wanted, source.shape);
    if (!order || !from) return fail();
    const turned = tf.transpose(tf.tensor(values, [...from]), [...order]);
    return tf.reshape(turned, wanted);
  });
}

/** How the source is to be seen, and its axes in the order that tfjs has. */
function axesOf(
  layer: tfl.layers.Layer,
  kind: string,
  wanted: readonly number[],
  source: readonly number[],
): [readonly number[], readonly number[]] | [undefined, undefined] {
  const out = source[0]!;
  if (layer.getClassName() === 'Dense') {
    const [inside, units] = wanted as [number, number];
    if (out !== units) return [undefined, undefined];
    const flattened = flattenedShape(layer);
    if (flattened) {
      const [h, w, c] = flattened;
      if (h * w * c === inside)
        return [
          [2, 3, 1, 0],
          [units, c, h, w],
        ];
    }
    return [
      [1, 0],
      [units, inside],
    ];
  }
  if (kind === 'depthwise_kernel') {
    const [h, w, channels, multiplier] = wanted as [number, number, number, number];
    if (out !== channels * multiplier) return [undefined, undefined];
    return [
      [2, 3, 0, 1],
      [channels, multiplier, h, w],
    ];
  }
  const space = wanted.slice(0, -2);
  const [last2, last] = wanted.slice(-2) as [number, number];
  // PyTorch's transposed convolution has its inputs first, tfjs's kernel its outputs before its inputs.
  if (/Transpose$/.test(layer.getClassName())) {
    if (out !== last) return [undefined, undefined];
    return [
      [...space.map((_, i) => i + 2), 1, 0],
      [last, last2, ...space],
    ];
  }
  if (out !== last) return [undefined, undefined];
  const full = source.length === 2 ? [last, last2, ...space] : source;
  if (full.length !== wanted.length) return [undefined, undefined];
  return [[...space.map((_, i) => i + 2), 1, 0], full];
}

/** [h, w, C] of what a flatten before a dense layer reads. */
function flattenedShape(layer: tfl.layers.Layer): [number, number, number] | undefined {
  const [before] = layer.inboundNodes[0]?.inboundLayers ?? [];
  if (!before) return undefined;
  if (before.getClassName() === 'Dropout') return flattenedShape(before);
  if (before.getClassName() !== 'Flatten') return undefined;
  const shape = before.inboundNodes[0]!.inputShapes[0] as number[];
  return shape.length === 4 ? [shape[1]!, shape[2]!, shape[3]!] : undefined;
}
