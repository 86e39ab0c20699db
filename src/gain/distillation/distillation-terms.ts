import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { UsageError } from '../../errors/index.ts';
import {
  attentionMaps,
  classActivationMaps,
  type MapMethod,
  type Normalization,
  normalizeMaps,
  type Pair,
  splitModel,
} from '../../gradcam/index.ts';
import {
  attentionL1,
  attentionTransfer,
  classAttentionTransfer,
  explanationDistance,
  explanationSimilarity,
  softTargets,
} from '../../losses/index.ts';
import type { StepContext } from '../objective/index.ts';
import type { WeightSchedule } from '../schedules.ts';
import type { ScheduledTerm } from '../trainer-options.ts';
import { LiveTeacher } from './live-teacher.ts';
import type { TeacherAnswers } from './teacher-answers.ts';

/** A weight, or one that starts at an epoch and ramps up. */
type Weight = number | WeightSchedule;

/** How the maps of both networks are made. */
export interface DistilledMaps {
  /** @default 'grad-cam++', the paper's */
  readonly method?: MapMethod | undefined;
  /** @default 'auto' */
  readonly studentLayer?: string | undefined;
  /** @default 'auto' */
  readonly teacherLayer?: string | undefined;
  /** Of each map by itself, on its own grid, before they are compared. @default 'none', the paper's */
  readonly normalization?: Normalization | undefined;
  /** Whether the loss also reaches the student through its map's weights (second order). @default true */
  readonly differentiateWeights?: boolean | undefined;
}

/**
 * What the teacher sees: the image, or its object alone, H ⊙ I. A teacher of objects knows no ground, so its maps and
 * answers show the student what to do without one (TEA).
 */
export type TeacherView = 'image' | 'object';

/** Whose classes are explained: the image's labels, or what the teacher takes for the most likely. */
export type ExplainedClass = 'label' | 'teacher';

export interface DistillationOptions {
  /**
   * `object` takes the masks of the batch: the teacher's image is black but for the object, and images without mask
   * add nothing to any term. @default 'image'
   */
  readonly teacherSees?: TeacherView | undefined;
  readonly maps?: DistilledMaps | undefined;
  /** Hinton's distillation, see {@link softTargets}. */
  readonly softTargets?: { readonly weight: Weight; readonly temperature?: number | undefined } | undefined;
  /** Grad-CAM++, section 5, see {@link explanationDistance}. */
  readonly explanation?:
    | {
        readonly weight: Weight;
        readonly pixels?: 'sum' | 'mean' | undefined;
        /** @default 'label' */
        readonly of?: ExplainedClass | undefined;
      }
    | undefined;
  /** e²KD's cosine, see {@link explanationSimilarity}. */
  readonly similarity?:
    | {
        readonly weight: Weight;
        /** @default 'teacher', the paper's */
        readonly of?: ExplainedClass | undefined;
      }
    | undefined;
  /** Learning without Memorizing, see {@link attentionL1}. */
  readonly attentionL1?:
    | {
        readonly weight: Weight;
        /** @default 'label' */
        readonly of?: ExplainedClass | undefined;
      }
    | undefined;
  /** Attention transfer, see {@link attentionTransfer}: the sum over pairs of layers. */
  readonly attentionTransfer?:
    | {
        readonly weight: Weight;
        readonly form?: 'norm' | 'mean-square' | undefined;
        /** @default the layers of `maps` */
        readonly layers?: readonly { readonly student: string; readonly teacher: string }[] | undefined;
      }
    | undefined;
  /** CAT-KD, see {@link classAttentionTransfer}. */
  readonly classAttention?: { readonly weight: Weight; readonly cells?: number | undefined } | undefined;
}

/**
 * Terms that teach a student with a teacher's answers and explanations, for {@link GainTrainer} and `gainLoss`.
 *
 * ```ts
 * const teacher = await loadLayersModel('runs/teacher/model');
 * const terms = distillationTerms(teacher, { softTargets: { weight: 1 }, explanation: { weight: 0.01 } });
 * const trainer = new GainTrainer(student, { weights: { mining: 0, supervision: 0 }, terms });
 * ```
 *
 * With `teacherSees: 'object'` and maps alone this is TEA: Bassi, Cavalli, Decherchi, "Explanation is All You Need in
 * Distillation: Mitigating Bias and Shortcut Learning", 2024, arXiv 2407.09788; its teacher's images are whatever shows
 * the object without the shortcut, here H ⊙ I.
 *
 * The teacher runs as at inference and is a constant; the student's maps are differentiated, through their
 * weights too. With padded pairs, as in every term of GAIN, an image counts once however many labels it has.
 *
 * @param teacher any layers-model with the student's classes, or its stored answers
 * @returns the terms that were asked for, named as the options are
 */
export function distillationTerms(
  teacher: tfl.LayersModel | TeacherAnswers,
  options: DistillationOptions,
): readonly ScheduledTerm[] {
  const { maps = {} } = options;
  const answers = 'layers' in teacher ? new LiveTeacher(teacher, maps, options.teacherSees) : teacher;
  if (options.teacherSees === 'object' && !('layers' in teacher)) {
    throw new UsageError('teacherSees: object needs a teacher that answers in the step, not stored answers');
  }
  const imageWeights = (step: StepContext) => answers.imageWeights?.(step) ?? step.labels.map(() => 1);
  const perImage = (step: StepContext) => tf.tensor1d([...imageWeights(step)]);
  const compare = (
    distance: (s: tf.Tensor3D, t: tf.Tensor3D, weights: tf.Tensor1D) => tf.Scalar,
    of: ExplainedClass,
  ) => {
    return (step: StepContext) => {
      const { pairs, weights } = of === 'label' ? labelled(step) : answers.topPairs(step);
      // Nothing to explain: 0, attached to the weights, so that its gradient is 0 and not an error.
      if (pairs.length === 0) return tf.mul<tf.Scalar>(tf.sum(step.logits), 0);
      const ofImages = imageWeights(step);
      const counted = weights.map((weight, p) => weight * ofImages[pairs[p]!.sample]!);
      return distance(studentMaps(step, pairs, maps), answers.maps(step, pairs), tf.tensor1d(counted));
    };
  };

  return [
    term('softTargets', options.softTargets, ({ temperature }) => (step) => {
      const { logits, link } = step;
      return softTargets(logits, answers.logits(step), { temperature, link, weights: perImage(step) });
    }),
    term('explanation', options.explanation, ({ pixels, of = 'label' }) =>
      compare((s, t, weights) => explanationDistance(s, t, { weights, pixels }), of),
    ),
    term('similarity', options.similarity, ({ of = 'teacher' }) =>
      compare((s, t, weights) => explanationSimilarity(s, t, { weights }), of),
    ),
    term('attentionL1', options.attentionL1, ({ of = 'label' }) =>
      compare((s, t, weights) => attentionL1(s, t, { weights }), of),
    ),
    term(
      'attentionTransfer',
      options.attentionTransfer,
      (transfer) => (step) => layerTransfer(step, answers, maps, transfer, perImage(step)),
    ),
    term('classAttention', options.classAttention, ({ cells }) => (step) => {
      const { model, inputs, pass } = step;
      const own = classActivationMaps(model, inputs, { targetLayer: maps.studentLayer, ...pass });
      return classAttentionTransfer(own, answers.classMaps(step), { cells, weights: perImage(step) });
    }),
  ].flat();
}

/** The term that its options ask for, or none. */
function term<Options extends { readonly weight: Weight }>(
  name: string,
  options: Options | undefined,
  loss: (options: Options) => ScheduledTerm['loss'],
): readonly ScheduledTerm[] {
  return options ? [{ name, weight: options.weight, loss: loss(options) }] : [];
}

function layerTransfer(
  step: StepContext,
  answers: TeacherAnswers,
  { studentLayer = 'auto', teacherLayer = 'auto' }: DistilledMaps,
  { layers = [], form }: NonNullable<DistillationOptions['attentionTransfer']>,
  weights: tf.Tensor1D,
): tf.Scalar {
  const pairs = layers.length > 0 ? layers : [{ student: studentLayer, teacher: teacherLayer }];
  const parts = pairs.map(({ student, teacher }) =>
    attentionTransfer(
      activationsOf(step.model, student, step.inputs, step.pass),
      answers.activations(step, teacher),
      { form, weights },
    ),
  );
  return tf.addN(parts) as tf.Scalar;
}

function studentMaps(
  { model, inputs, pass }: StepContext,
  pairs: readonly Pair[],
  { method = 'grad-cam++', studentLayer, normalization = 'none', differentiateWeights }: DistilledMaps,
): tf.Tensor3D {
  const { maps } = attentionMaps(model, inputs, pairs, {
    method,
    targetLayer: studentLayer,
    differentiateWeights,
    ...pass,
  });
  return normalizeMaps(maps, normalization);
}

function labelled({ pairs, pairWeights }: StepContext) {
  return { pairs, weights: pairWeights };
}

function activationsOf(
  model: tfl.LayersModel,
  layer: string,
  inputs: readonly tf.Tensor[],
  pass: StepContext['pass'],
): tf.Tensor4D {
  const { output, ...rest } = pass;
  return splitModel(model, layer, { output }).features(inputs, rest).activations as tf.Tensor4D;
}
