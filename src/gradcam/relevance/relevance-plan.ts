import { activationName } from '../layer.ts';
import type { Step } from '../layer-graph.ts';
import { kindOf } from './layer-kinds.ts';

/** What is known of a network before it runs. */
export interface RelevancePlan {
  /** The steps between logits and goal, the last first. */
  readonly steps: readonly Step[];
  /** Slots that lead from the goal to the logits. */
  readonly leads: ReadonlySet<number>;
  /** Of linear steps: the batch norm that alone reads their answer. */
  readonly merged: ReadonlyMap<Step, Step>;
  readonly taken: ReadonlySet<Step>;
  /** Slots whose values are known not to be negative. */
  readonly nonNegative: ReadonlySet<number>;
}

/** @param image slot of the image @param goal slot where the way back ends */
export function relevancePlan(steps: readonly Step[], image: number, goal: number): RelevancePlan {
  const leads = new Set([goal]);
  const kept: Step[] = [];
  for (const step of steps) {
    if (!step.inputs.some((slot) => leads.has(slot)) || step.outputs.includes(goal)) continue;
    kept.unshift(step);
    for (const slot of step.outputs) leads.add(slot);
  }
  const merged = new Map<Step, Step>();
  for (const step of kept) {
    if (step.layer.getClassName() !== 'BatchNormalization') continue;
    const [read] = step.inputs;
    const before = kept.find(({ outputs }) => outputs.includes(read!));
    const readers = steps.filter(({ inputs }) => inputs.includes(read!));
    const linear = before && (activationName(before.layer) ?? 'linear') === 'linear';
    // The kernels of transposed convolutions have their outputs on another axis.
    const weighted =
      before &&
      kindOf(before.layer, before.path, 'layer-wise relevance propagation') === 'weighted' &&
      !before.layer.getClassName().endsWith('Transpose');
    if (before && linear && weighted && readers.length === 1) merged.set(before, step);
  }
  return {
    steps: kept,
    leads,
    merged,
    taken: new Set(merged.values()),
    nonNegative: nonNegativeSlots(steps, image),
  };
}

const neverNegative = ['relu', 'relu6', 'sigmoid', 'softmax', 'softplus', 'hardSigmoid'];
const keepsSign =
  /^(MaxPooling.*|AveragePooling.*|Global.*|Flatten|Reshape|Permute|Concatenate|Add|Average|Maximum|Minimum|ZeroPadding2D|Cropping2D|MiddleCrop|.*Dropout.*|UpSampling2D|Multiply)$/;

function nonNegativeSlots(steps: readonly Step[], image: number): Set<number> {
  const known = new Set<number>();
  for (const { layer, inputs, outputs } of steps) {
    const name = layer.getClassName();
    const rectifies =
      name === 'ReLU' || neverNegative.includes(activationName(layer) ?? '') || name === 'Softmax';
    const keeps = keepsSign.test(name) && inputs.every((slot) => slot !== image && known.has(slot));
    if (rectifies || keeps) for (const slot of outputs) known.add(slot);
  }
  return known;
}
