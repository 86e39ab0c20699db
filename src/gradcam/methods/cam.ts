import * as tf from '@tensorflow/tfjs-core';
import { ModelError } from '../../errors/index.ts';
import { activationName, type Layer } from '../layer.ts';
import type { Step } from '../layer-graph.ts';
import type { SplitModel } from '../split-model.ts';
import type { TokenGrid } from '../token-grid.ts';

/** Layers that change no number of a pooled vector (noise layers do nothing at inference). */
const carrying = [
  'Dropout',
  'SpatialDropout1D',
  'GaussianNoise',
  'GaussianDropout',
  'AlphaDropout',
  'Flatten',
  'Reshape',
];

/**
 * Weights of CAM: the class's column of the dense kernel that reads the pooled features.
 *
 * w_k = W_kc (Zhou et al., CVPR 2016, Eq 2); the map is Σ_k W_kc A^k, differentiable with respect to W and A.
 *
 * @param kernel W, [K,C], from {@link classKernel}; `undefined` when the channels are the classes
 * @param selection Y, [B,C], one 1 per row
 * @param rank of A
 * @returns [B, …1, K]
 */
export function camWeights(kernel: tf.Tensor2D | undefined, selection: tf.Tensor2D, rank: number): tf.Tensor {
  const weights = kernel ? tf.matMul(selection, kernel, false, true) : selection;
  const [samples, channels] = weights.shape as [number, number];
  return tf.reshape(weights, [samples, ...Array<number>(rank - 2).fill(1), channels]);
}

/**
 * The kernel W of a head that is global average pooling and one dense layer, with nothing but identities
 * (flatten, reshape, dropout, linear activation) around it. A 1×1 convolution counts as the dense layer, and
 * an average pooling over the whole map as global.
 *
 * @returns W, [K,C]; `undefined` when pooling alone leads to the scores
 * @throws {ModelError} when the head is of another kind, naming the layer that does not fit
 */
export function classKernel(split: SplitModel): tf.Tensor2D | undefined {
  const { target, headSteps, logitsSlot } = split;
  let slot = target.slot;
  let pooled = false;
  let dense: Layer | undefined;
  while (slot !== logitsSlot) {
    const step = onlyReader(split, slot);
    const { layer } = step;
    const kind = layer.getClassName();
    const linear = [undefined, 'linear'].includes(activationName(layer));
    if (!pooled && isGlobalAverage(layer, target.shape, target.tokens)) {
      pooled = true;
    } else if (pooled && !dense && linear && isDense(layer)) {
      dense = layer;
    } else if (
      !(kind === 'Activation' && linear) &&
      !(carrying.includes(kind) && (pooled || kind !== 'Flatten'))
    ) {
      const wanted = dense
        ? 'nothing after the dense layer'
        : pooled
          ? 'one dense layer without activation'
          : 'global average pooling';
      throw notOfThatKind(split, `expected ${wanted}, found "${step.path}" (${kind})`);
    }
    slot = step.outputs[0]!;
  }
  if (!pooled) {
    throw notOfThatKind(split, `there is no global average pooling among ${headSteps.length} layers`);
  }
  if (!dense) return undefined;
  const kernel = (dense as unknown as { kernel: { read(): tf.Tensor } }).kernel.read();
  return tf.reshape(kernel, kernel.shape.slice(-2) as [number, number]);
}

function onlyReader(split: SplitModel, slot: number): Step {
  const readers = split.headSteps.filter(({ inputs }) => inputs.includes(slot));
  const [step] = readers;
  if (!step || readers.length > 1 || step.inputs.length > 1) {
    const names = readers.map(({ path }) => `"${path}"`).join(', ');
    throw notOfThatKind(split, `expected a chain of layers, found a branch at ${names || 'its end'}`);
  }
  return step;
}

function isGlobalAverage(
  layer: Layer,
  shape: readonly (number | null)[],
  tokens: TokenGrid | undefined,
): boolean {
  switch (layer.getClassName()) {
    case 'GlobalAveragePooling2D':
      return true;
    // Of tokens it is the mean of the patches when no others are among them.
    case 'GlobalAveragePooling1D':
      return (tokens?.prefix ?? 0) === 0;
    case 'TokenPool':
    case 'GlobalPooling':
      return ['mean', 'average'].includes(String((layer as { pool?: unknown }).pool));
    case 'AveragePooling1D':
    case 'AveragePooling2D':
    case 'AveragePooling3D': {
      const { poolSize } = layer as unknown as { poolSize: number[] };
      return shape.slice(1, -1).every((size, i) => size === poolSize[i]);
    }
    default:
      return false;
  }
}

function isDense(layer: Layer): boolean {
  if (layer.getClassName() === 'Dense') return true;
  const { kernelSize } = layer as unknown as { kernelSize?: number[] };
  return /^Conv[123]D$/.test(layer.getClassName()) && (kernelSize?.every((size) => size === 1) ?? false);
}

function notOfThatKind({ model, target }: SplitModel, found: string): ModelError {
  return new ModelError(
    `cam: model "${model.name}" after layer "${target.path}": ${found}. The closed form needs global average ` +
      'pooling and one dense layer; "grad-cam" is the same where both exist, and needs neither',
  );
}
