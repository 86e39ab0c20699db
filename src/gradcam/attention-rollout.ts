import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { enableHigherOrderGradients } from '../autodiff/index.ts';
import { ModelError } from '../errors/index.ts';
import type { AttentionMaps, ForwardOptions } from './attention-maps.ts';
import { layerGraph } from './layer-graph.ts';
import { onTape } from './on-tape.ts';
import { groupPairs, type Pair } from './pairs.ts';
import { runToSlots } from './run-model.ts';
import { outputIndex } from './target-layer.ts';
import type { TokenGrid } from './token-grid.ts';

/** Where attention is found in a transformer, and who reads the result. */
interface AttentionPlan {
  /** The values A_1 … A_L, [B, heads, N, N], in the order of the blocks. */
  readonly slots: readonly number[];
  readonly layout: TokenGrid;
  /** Whether the class token is classified, else the mean of the patches. */
  readonly ofClass: boolean;
}

/** @throws {ModelError} when the model has no attention that can be looked at */
function attentionPlan(model: tfl.LayersModel): AttentionPlan {
  const graph = layerGraph(model);
  const steps = graph.steps.filter(({ layer }) => layer.getClassName() === 'AttentionWeights');
  const embedding = graph.steps.find(({ layer }) => 'tokenLayout' in layer);
  if (steps.length === 0 || !embedding) {
    throw new ModelError(
      `Model "${model.name}": it has no layers of attention weights (AttentionWeights), which rollout follows; the ` +
        'vision transformers of this package have',
    );
  }
  const pool = graph.steps.findLast(({ layer }) => layer.getClassName() === 'TokenPool')?.layer;
  return {
    slots: steps.map(({ outputs }) => outputs[0]!),
    layout: (embedding.layer as unknown as { tokenLayout: TokenGrid }).tokenLayout,
    ofClass: (pool as { pool?: string } | undefined)?.pool !== 'mean',
  };
}

/** The row of R that the classified vector reads, at the patches: [B,N,N] → [B,h,w]. */
function patchRow(relevance: tf.Tensor3D, { layout, ofClass }: AttentionPlan): tf.Tensor3D {
  const { prefix, grid } = layout;
  const [batch] = relevance.shape;
  const rows = ofClass
    ? tf.slice(relevance, [0, 0, prefix], [-1, 1, -1])
    : tf.mean(tf.slice(relevance, [0, prefix, prefix], [-1, -1, -1]), 1, true);
  return tf.reshape(rows, [batch, grid[0], grid[1]]);
}

/**
 * Attention rollout: how much of each patch arrives where the network classifies, whatever the class.
 *
 * Ā_l = ½ mean over heads of A_l + ½ I,  R = Ā_L ⋯ Ā_1  (Abnar and Zuidema, ACL 2020, arXiv 2005.00928, Eq 1), with the
 * row of the class token; with the mean of the patches' rows where their mean is classified.
 *
 * @param images [B,H,W,3]
 * @returns [B,h,w], differentiable with respect to weights and images
 * @throws {ModelError} for a network without attention
 */
export function attentionRollout(
  model: tfl.LayersModel,
  images: tf.Tensor,
  { output: _, ...pass }: ForwardOptions = {},
): tf.Tensor3D {
  enableHigherOrderGradients();
  const plan = attentionPlan(model);
  return tf.tidy(() => {
    const attention = runToSlots(layerGraph(model), images, plan.slots, pass);
    let rollout: tf.Tensor3D | undefined;
    for (const weights of attention) {
      const tokens = weights.shape.at(-1)!;
      const mixed = tf.mul(tf.add(tf.mean(weights, 1), tf.eye(tokens)), 0.5) as tf.Tensor3D;
      rollout = rollout ? tf.matMul(mixed, rollout) : mixed;
    }
    return patchRow(rollout!, plan);
  });
}

/**
 * Gradient-weighted attention: the patches whose attention raises the score of a class.
 *
 * Ā_l = mean over heads of ReLU(∂s^c/∂A_l ⊙ A_l),  R ← R + Ā_l R from R = I, l = 1 … L
 * (Chefer, Gur and Wolf, ICCV 2021, arXiv 2103.15679, Eq 5 and 6), with the row of the class token.
 *
 * May be called inside `tf.variableGrads`: the derivative goes through ∂s/∂A too.
 *
 * @param images [B,H,W,3]
 * @param pairs which maps to make, in this order
 * @returns maps [P,h,w] and logits [B,C]
 * @throws {ModelError} for a network without attention
 * @throws {UsageError} for a pair that does not fit
 */
export function gradientAttention(
  model: tfl.LayersModel,
  images: tf.Tensor,
  pairs: readonly Pair[],
  { output = 0, ...pass }: ForwardOptions = {},
): AttentionMaps {
  enableHigherOrderGradients();
  const plan = attentionPlan(model);
  const graph = layerGraph(model);
  const scores = graph.outputs[outputIndex(model, output)]!.logits;
  const compute = () =>
    onTape(() => {
      const values = runToSlots(graph, images, [...plan.slots, scores], pass);
      const logits = values.pop() as tf.Tensor2D;
      const [samples, classes] = logits.shape;
      const { selections, rows } = groupPairs(pairs, { samples, classes });
      const ofGroups = selections.map((selection) => {
        const gradients = tf.grads(() => logits)(values, tf.tensor2d(selection, [samples, classes]));
        let relevance: tf.Tensor3D | undefined;
        for (const [l, weights] of values.entries()) {
          const tokens = weights.shape.at(-1)!;
          const own = tf.mean(tf.relu(tf.mul(gradients[l]!, weights)), 1) as tf.Tensor3D;
          const eye = tf.add(tf.zeros([samples, tokens, tokens]), tf.eye(tokens)) as tf.Tensor3D;
          const before = relevance ?? eye;
          relevance = tf.add(before, tf.matMul(own, before));
        }
        return patchRow(relevance!, plan);
      });
      const [h, w] = plan.layout.grid;
      const maps =
        ofGroups.length === 0
          ? tf.zeros([0, h, w])
          : tf.gather(tf.concat(ofGroups, 0), tf.tensor1d(rows, 'int32'));
      return { maps, logits };
    });
  return tf.tidy(compute as () => tf.TensorContainer) as unknown as AttentionMaps;
}
