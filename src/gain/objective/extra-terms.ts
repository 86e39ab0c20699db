import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import type { ForwardOptions, Pair } from '../../gradcam/index.ts';
import type { Link } from '../../losses/index.ts';
import type { GainBatch } from './options.ts';

/** What a step has at hand for a term of the user's own. Tensors belong to the step. */
export interface StepContext {
  readonly model: tfl.LayersModel;
  /** One tensor per input of the model. */
  readonly inputs: readonly tf.Tensor[];
  /** The batch as it was given. */
  readonly batch: GainBatch;
  /** Class indices of each image. */
  readonly labels: readonly (readonly number[])[];
  /** The same as numbers, `[B,C]`. */
  readonly multiHot: tf.Tensor2D;
  /** `[B,C]` of the unmasked images, attached to the graph. */
  readonly logits: tf.Tensor2D;
  /** One (image, class) pair per label, or as the batch gives them; padded as `pairCapacity` says. */
  readonly pairs: readonly Pair[];
  /** P weights, 0 for padding; those of an image sum to 1. */
  readonly pairWeights: readonly number[];
  readonly link: Link;
  /** Of whatever a term draws. */
  readonly seed: number;
  /** Which of `inputs` is the image. */
  readonly imageInput: number;
  /**
   * Options for {@link attentionMaps} and {@link forward} that repeat the step's own first pass: its dropout,
   * its batch statistics, without moving the averages a second time. The embedded engine computes a pass that
   * is repeated so only once; the others compute it again.
   */
  readonly pass: ForwardOptions;
}

/**
 * A term of the loss beside GAIN's own three: distillation from a teacher, another guided loss.
 *
 * Its value joins the total under its weight, and the logs under its name.
 */
export interface ExtraTerm {
  /** Under which it is logged; not the name of a term of GAIN. */
  readonly name: string;
  /** A term whose weight is exactly 0 is not computed. */
  readonly weight: number;
  /** @returns scalar, differentiable with respect to the model's weights */
  readonly loss: (step: StepContext) => tf.Scalar;
}
