import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError, UsageError } from '../errors/index.ts';
import { type RegionScoreKind, RegionScores, type ScoredRegion, SignedValues } from './layers/index.ts';
import { rebuildModel } from './rebuild-model.ts';
import { finalLink, toLogits, withOutput } from './to-logits.ts';

/** What {@link withRegionScores} makes its outputs of, in this order. */
const kinds: readonly RegionScoreKind[] = ['score', 'share', 'chance'];

/**
 * A segmenter as a classifier, so that everything that explains classes explains it:
 *
 *     s^c = Σ_{(i,j) ∈ M} y^c_ij
 *
 * y^c is the logit of class c at a pixel; M the pixels that the network calls c (`predicted`), all of them (`all`), or those of
 * a box. Which pixels M holds is no part of the derivative. (Seg-Grad-CAM: Vinogradova, Dibrov & Myers, "Towards
 * Interpretable Semantic Segmentation via Gradient-weighted Class Activation Mapping", AAAI 2020, arXiv 2002.11434, Eq 2.)
 *
 * @param model with an output [B,h,w,C] of logits, or of their softmax or sigmoid, which is left out
 * @param output index of it
 * @returns a model of three outputs [B,C]: s^c; the share of the image's pixels (of a box, of the box's) that are called c;
 *   and the mean probability of c over M, counted over the same pixels: what methods that see scores alone can follow
 * @throws {ModelError} when the output has another shape
 * @throws {UsageError} for a box that is none
 */
export function withRegionScores(
  model: tfl.LayersModel,
  region: ScoredRegion = 'predicted',
  output = 0,
): tfl.LayersModel {
  const single = model.outputs.length > 1 ? withOutput(model, output) : model;
  const { shape } = single.outputs[0]!;
  if (shape.length !== 4 || !shape[3]) {
    throw new ModelError(
      `model ${model.name}: expected an output [batch, height, width, classes], found [${shape.map((size) => size ?? 'any').join(', ')}]`,
    );
  }
  checkRegion(region);
  const link = finalLink(single) ?? (shape[3] === 1 ? 'sigmoid' : 'softmax');
  return rebuildModel(toLogits(single), {
    afterOutputs: ([logits], taken) =>
      kinds.map((of) => {
        const name = taken.has(`region_${of}`) ? `region_${of}s` : `region_${of}`;
        return new RegionScores({ name, region, of, link }).apply(logits!) as tfl.SymbolicTensor;
      }),
  });
}

/** @throws {UsageError} for a box without area or outside of the image */
function checkRegion(region: ScoredRegion): void {
  if (typeof region === 'string') return;
  const { xmin, ymin, xmax, ymax } = region;
  const inside = [xmin, ymin, xmax, ymax].every((side) => side >= 0 && side <= 1);
  if (inside && xmin < xmax && ymin < ymax) return;
  throw new UsageError(
    `region: expected xmin < xmax and ymin < ymax from 0 to 1, received ${xmin}, ${ymin}, ${xmax}, ${ymax}`,
  );
}

/**
 * A network of numbers (regression) with each of them twice: y, for what raises it, and −y, for what lowers it. A map of the
 * second is the counterfactual one of the first, by every method.
 *
 * @param model with an output [B,K] of numbers
 * @param output index of it
 * @returns a model with [B,2K]: y_0, −y_0, y_1, −y_1, …
 * @throws {ModelError} when the output has another shape
 */
export function withSignedValues(model: tfl.LayersModel, output = 0): tfl.LayersModel {
  const single = model.outputs.length > 1 ? withOutput(model, output) : model;
  const { shape } = single.outputs[0]!;
  if (shape.length !== 2 || !shape[1]) {
    throw new ModelError(
      `model ${model.name}: expected an output [batch, numbers], found [${shape.map((size) => size ?? 'any').join(', ')}]`,
    );
  }
  return rebuildModel(single, {
    afterOutputs: ([values], taken) => {
      const name = taken.has('both_signs') ? 'both_signs_of_values' : 'both_signs';
      return [new SignedValues({ name }).apply(values!) as tfl.SymbolicTensor];
    },
  });
}

/**
 * The same of an answer, for networks that take no layer; differentiable but for `share`.
 *
 * @param answer y `[B,h,w,C]`, logits
 * @returns `[B,C]`
 */
export function regionScores(
  answer: tf.Tensor4D,
  of: RegionScoreKind,
  region: ScoredRegion,
  link: 'softmax' | 'sigmoid',
): tf.Tensor2D {
  const layer = new RegionScores({ name: 'scores', region, of, link });
  return tf.tidy(() => layer.apply(answer) as tf.Tensor2D);
}
