import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { enableHigherOrderGradients } from '../../autodiff/index.ts';
import { UsageError } from '../../errors/index.ts';
import type { ForwardOptions } from '../attention-maps.ts';
import { layerGraph, type Step } from '../layer-graph.ts';
import { onTape } from '../on-tape.ts';
import { groupPairs, type Pair } from '../pairs.ts';
import { runToSlots } from '../run-model.ts';
import { scheduleAll } from '../schedule.ts';
import { outputIndex, resolveTargetLayer } from '../target-layer.ts';
import { relevancePlan } from './relevance-plan.ts';
import { type CompositeName, compositeOf, type RelevanceComposite, type RuleDefaults } from './rules.ts';
import { sharesOf } from './step-shares.ts';

export interface RelevanceOptions extends ForwardOptions, RuleDefaults {
  /** Which rule each layer goes by, by name or as a function. @default 'epsilon-gamma-box' */
  readonly composite?: CompositeName | RelevanceComposite | undefined;
  /**
   * What is shared out: the logit of the class, as in the paper; or 1, which scales all of an image's relevance by
   * 1 / s^c and keeps the sign of relevance when a logit is negative.
   * @default 'score'
   */
  readonly start?: 'score' | 'one' | undefined;
  /** Path of the layer where the way back ends. @default the image */
  readonly targetLayer?: string | undefined;
  /** Which of several inputs is the image. @default 0 */
  readonly imageInput?: number | undefined;
  /** Number of ways back: the most classes asked for of any one sample. @default as many as the pairs need */
  readonly groups?: number | undefined;
}

export interface RelevanceMaps {
  /** R, [P,H,W,c] of the image, or [P,…] of the target layer's answer. */
  readonly relevance: tf.Tensor;
  /** [B,C], before any final softmax or sigmoid. */
  readonly logits: tf.Tensor2D;
}

/**
 * Layer-wise relevance propagation: a class's score, shared out from layer to layer down to the pixels.
 *
 *     R^(L)_c = s^c,    R_j = Σ_k (share of j in k) R_k    at every layer, by the rule of that layer
 *
 * (Bach, Binder, Montavon, Klauschen, Müller & Samek, PLOS ONE 2015, section "Layer-wise relevance propagation";
 * rules and composites as in Montavon et al., "Layer-Wise Relevance Propagation: An Overview", 2019.) What is conserved:
 * Σ R = s^c, less what the biases and ε were given.
 *
 * Beside the rules of layers with weights ({@link RelevanceRule}):
 * - activations, dropout: R passes;
 * - batch norm behind a linear layer is one layer with it (its weights times γ/√(σ²+ε)); alone it is a linear map;
 * - max pooling: to the winner; average pooling, sums of branches: in proportion to what each brought, by ε;
 * - a product takes the larger operand as the signal, which gets all, and the other as a gate (Arras et al. 2017); of
 *   equal sizes each gets half (Achtibat et al., ICML 2024, Eq 15);
 * - in transformers attention weights and the deviations of layer norms are taken as constants (Ali et al., ICML 2022).
 *
 * Convolutions in groups, and those of this package with holes or multipliers, always go by ε.
 *
 * May be called inside `tf.variableGrads`: made of differentiable operations, the way back included, so that a loss on
 * relevance reaches every weight, biases and batch statistics too. With ε near 0 the derivative of a share grows as
 * 1/z²: docs/explanations.md says where that is safe.
 *
 * @param images [B,H,W,c] (or a volume), or one tensor per model input
 * @param pairs which maps to make, in this order; may repeat a sample
 * @throws {ModelError} for a layer that no rule is known of
 * @throws {UsageError} for pairs, a composite or a number that does not fit
 */
export function relevanceMaps(
  model: tfl.LayersModel,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  {
    composite = 'epsilon-gamma-box',
    epsilon,
    gamma,
    range,
    start = 'score',
    targetLayer,
    output = 0,
    imageInput = 0,
    groups,
    ...pass
  }: RelevanceOptions = {},
): RelevanceMaps {
  enableHigherOrderGradients();
  const ruleOf = compositeOf(composite);
  const graph = layerGraph(model);
  const { logits: end } = graph.outputs[outputIndex(model, output)]!;
  const input = graph.inputs[imageInput];
  if (input === undefined) {
    throw new UsageError(
      `imageInput: must be below the number of inputs (${graph.inputs.length}), was ${imageInput}`,
    );
  }
  const goal =
    targetLayer === undefined ? input.slot : resolveTargetLayer(model, targetLayer, { output }).slot;
  const plan = relevancePlan(scheduleAll(graph, [end]).steps, input.slot, goal);
  const slots = [...new Set([goal, end, ...plan.steps.flatMap((step) => [...step.inputs, ...step.outputs])])];
  const defaults = { epsilon, gamma, range };
  const { training = false, batchNorm = training ? 'update' : 'inference' } = pass;

  const maps = () =>
    onTape(() => {
      const values = new Map(runToSlots(graph, images, slots, pass).map((value, i) => [slots[i]!, value]));
      const back = { plan, values, ruleOf, defaults, image: input.slot, batchNorm };
      const scores = values.get(end)!;
      const [samples] = scores.shape as [number];
      const { selections, rows } = groupPairs(pairs, { samples, classes: scores.shape[1], groups });
      const ofGroups = selections.map((selection) => {
        const chosen = tf.tensor(selection, scores.shape);
        const relevance = new Map([[end, start === 'one' ? chosen : tf.mul(scores, chosen)]]);
        for (const step of plan.steps) {
          const above = relevance.get(step.outputs[0]!);
          if (!above) continue;
          goBack(step, above, relevance);
          if (step.outputs[0] !== goal) relevance.delete(step.outputs[0]!);
        }
        return relevance.get(goal) ?? tf.zerosLike(values.get(goal)!);
      });
      const shape = values.get(goal)!.shape.slice(1);
      return {
        relevance:
          ofGroups.length === 0
            ? tf.zeros([0, ...shape])
            : tf.gather(
                ofGroups.length === 1 ? ofGroups[0]! : tf.concat(ofGroups, 0),
                tf.tensor1d(rows, 'int32'),
              ),
        logits: scores,
      };

      function goBack(step: Step, above: tf.Tensor, relevance: Map<number, tf.Tensor>): void {
        const inputs = step.inputs.map((slot) => values.get(slot)!);
        const shares = sharesOf(step, inputs, above, back);
        for (const [i, share] of shares.entries()) {
          const slot = step.inputs[i]!;
          if (!share || !plan.leads.has(slot)) continue;
          const before = relevance.get(slot);
          relevance.set(slot, before ? tf.add(before, share) : share);
        }
      }
    });
  return tf.tidy(maps as () => tf.TensorContainer) as unknown as RelevanceMaps;
}
