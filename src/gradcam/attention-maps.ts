import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { enableHigherOrderGradients, withoutGradient } from '../autodiff/index.ts';
import { UsageError } from '../errors/index.ts';
import { layerGraph } from './layer-graph.ts';
import { camWeights, classKernel, gradientMethods, type MapMethod, mapMethods } from './methods/index.ts';
import { onTape } from './on-tape.ts';
import { groupPairs, type Pair } from './pairs.ts';
import { type PassOptions, runToSlots } from './run-model.ts';
import { type SplitModel, splitModel } from './split-model.ts';
import { type Target, targetOutputs, targetScores } from './target.ts';
import { outputIndex } from './target-layer.ts';

export interface ForwardOptions extends PassOptions {
  /** Index or name of the output to be explained. @default 0 */
  output?: number | string | undefined;
}

export interface AttentionMapsOptions extends ForwardOptions {
  /** @default 'grad-cam' */
  method?: MapMethod | undefined;
  /** Path of the layer that is explained, see {@link resolveTargetLayer}. @default 'auto' */
  targetLayer?: string | undefined;
  /**
   * Whether a loss on the maps also reaches the network through the maps' weights w (second order, as the
   * papers' objectives say), or treats w as constants.
   * @default true
   */
  differentiateWeights?: boolean | undefined;
  /** The explained score: the class logit s^c, a function of the outputs, or units of a layer. @default 'logit' */
  target?: Target | undefined;
  /**
   * What the maps show: what speaks for the class, or against it, the map of −s^c (Grad-CAM's counterfactual
   * explanations, section 3.3 of the paper).
   * @default 'for'
   */
  evidence?: 'for' | 'against' | undefined;
  /** Clip the maps at 0, as the papers do. @default true */
  relu?: boolean | undefined;
  /**
   * Number of backward passes: the most classes asked for of any one sample. Fix it to keep the computation's
   * structure from batch to batch. @default as many as the pairs need
   */
  groups?: number | undefined;
}

export interface AttentionMaps<M extends tf.Tensor = tf.Tensor3D> {
  /** [P,h,w], or [P,d,h,w] for a volume; neither normalised nor resized. */
  maps: M;
  /** [B,C], before any final softmax or sigmoid. */
  logits: tf.Tensor2D;
}

/**
 * Explanation maps of (sample, class) pairs, as a differentiable function of the model's weights and images.
 *
 * M_p = ReLU(Σ_k w_k^p ⊙ A^k): A is what the target layer answers for the pair's sample, w comes from the
 * method, in most of them from ∂s^c/∂A. One forward pass serves all; one backward pass from the score to A
 * serves every group of pairs that have different samples.
 *
 * May be called inside `tf.variableGrads`; loss and maps share the forward pass through `logits`.
 *
 * Where a batch norm between the target layer and the score looks at the batch (`batchNorm` other than
 * `inference`), the samples of a batch are not independent: ∂s/∂A then is the derivative of the group's sum of
 * scores, as in every implementation that goes back once per batch.
 *
 * B samples, C classes, P pairs, h×w the target layer's extent.
 *
 * @param images [B,H,W,3], or one tensor per model input
 * @param pairs which maps to make, in this order; may be empty, may repeat a sample
 * @returns maps [P,h,w] and logits [B,C]
 * @throws {UsageError} for a pair, method or input that does not fit
 * @throws {ModelError} for a layer that does not exist, or a head that `cam` has no closed form for
 */
export function attentionMaps<M extends tf.Tensor = tf.Tensor3D>(
  model: tfl.LayersModel,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  {
    method = 'grad-cam',
    targetLayer = 'auto',
    differentiateWeights = true,
    target = 'logit',
    output = 0,
    evidence = 'for',
    relu = true,
    groups,
    ...pass
  }: AttentionMapsOptions = {},
): AttentionMaps<M> {
  if (!mapMethods.includes(method)) {
    throw new UsageError(`method: expected one of ${mapMethods.join(', ')}, received "${method}"`);
  }
  enableHigherOrderGradients();
  const split = splitModel(model, targetLayer, { output, ...targetOutputs(target) });
  warnOnce(split);

  const maps = (): { maps: tf.Tensor; logits: tf.Tensor } => {
    const features = split.features(images, pass);
    const { activations } = features;
    const [samples] = activations.shape as [number];
    const extent = activations.shape.slice(1, -1);

    return onTape(() => {
      const head = split.head(features);
      const scores = targetScores(split, head, target, samples);
      const { selections, rows } = groupPairs(pairs, {
        samples,
        classes: scores.rank === 2 ? scores.shape[1] : undefined,
        groups,
      });

      const weightsOf =
        method === 'cam'
          ? closedForm(split, target, activations)
          : (selection: tf.Tensor) => {
              const gradient = scoreGradient(scores, activations, selection);
              const weights = gradientMethods[method](activations, gradient);
              return tf.mul(weights, feltByScore(gradient, activations, scores));
            };

      const mapsOfGroups = selections.map((selection) => {
        const ones = tf.tensor(selection, scores.shape);
        const weights = weightsOf(evidence === 'against' ? tf.neg(ones) : ones);
        const fixed = differentiateWeights ? weights : withoutGradient(() => tf.clone(weights));
        const map = tf.sum(tf.mul(fixed, activations), -1);
        return relu ? tf.relu(map) : map;
      });
      const maps =
        mapsOfGroups.length === 0
          ? tf.zeros([0, ...extent])
          : tf.gather(
              mapsOfGroups.length === 1 ? mapsOfGroups[0]! : tf.concat(mapsOfGroups, 0),
              tf.tensor1d(rows, 'int32'),
            );
      return { maps, logits: head.logits };
    });
  };
  return tf.tidy(maps) as unknown as AttentionMaps<M>;
}

/**
 * The logits of a model: its output before a final softmax or sigmoid. The plain pass that goes with
 * {@link attentionMaps}, with the same treatment of batch norm and dropout.
 *
 * @param images [B,H,W,3], or one tensor per model input
 * @returns [B,C]
 */
export function forward(
  model: tfl.LayersModel,
  images: tf.Tensor | readonly tf.Tensor[],
  { output = 0, ...pass }: ForwardOptions = {},
): tf.Tensor2D {
  const graph = layerGraph(model);
  const { logits } = graph.outputs[outputIndex(model, output)]!;
  return tf.tidy(() => runToSlots(graph, images, [logits], pass)[0] as tf.Tensor2D);
}

/** ∂ Σ Y⊙s / ∂A. The scores were computed on the tape that is on: only the way back is run. */
function scoreGradient(scores: tf.Tensor, activations: tf.Tensor, selection: tf.Tensor): tf.Tensor {
  return tf.grad(() => scores)(activations, selection);
}

/** The square root of float32's rounding unit, 2⁻²⁴. */
const UNFELT = 2 ** -12;

/**
 * 1 for each sample whose features the score can feel, else 0: Σ |∂s/∂A ⊙ A|, what all features together are worth to
 * the score, against the score's own size. Where it is less than 2⁻¹² of that, the gradient is what rounding left of
 * terms that cancel: a batch norm between target layer and score that looks at a batch of one class, say, has a
 * gradient of zero by algebra, and one that differs from engine to engine in numbers. The map is then zero.
 *
 * @returns [B,1,…,1]; carries no gradient
 */
function feltByScore(gradient: tf.Tensor, activations: tf.Tensor, scores: tf.Tensor): tf.Tensor {
  return withoutGradient(() =>
    tf.tidy(() => {
      const axes = Array.from({ length: activations.rank - 1 }, (_, i) => i + 1);
      const worth = tf.sum(tf.abs(tf.mul(gradient, activations)), axes, true);
      return tf.cast(tf.greater(worth, tf.mul(tf.max(tf.abs(scores)), UNFELT)), 'float32');
    }),
  );
}

function closedForm(split: SplitModel, target: Target, { rank }: tf.Tensor) {
  if (target !== 'logit') {
    throw new UsageError('method "cam" explains a class logit and takes no `target` function');
  }
  const kernel = classKernel(split);
  return (selection: tf.Tensor) => camWeights(kernel, selection as tf.Tensor2D, rank);
}

const warned = new WeakMap<tfl.LayersModel, Set<string>>();

function warnOnce({ model, target: { path, warning } }: SplitModel): void {
  if (warning === undefined) return;
  const paths = warned.get(model) ?? new Set();
  warned.set(model, paths);
  if (!paths.has(path)) console.warn(`Model "${model.name}": ${warning}`);
  paths.add(path);
}
