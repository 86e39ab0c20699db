import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import type { Pair } from '../gradcam/index.ts';
import type { ExplanationMethod } from './method.ts';

/** Families of methods, by the name that stands for all of a family. */
export const methodGroups = {
  'class-maps': 'Class maps, from a layer of the network',
  attention: 'Attention maps, of vision transformers',
  'pixel-space': 'Pixel space, backwards to the image',
  'model-agnostic': 'Model-agnostic, from the scores of changed images',
} as const;

export type MethodGroup = keyof typeof methodGroups;

/**
 * How an attribution is meant to be seen:
 * - `map`: [P,h,w], evidence for the class; what is below 0 is not shown
 * - `signed-map`: [P,h,w], evidence for it above 0 and against it below
 * - `pixels`: [P,H,W,c], a picture around 0: drawn in colours, 0 as grey
 * - `saliency`: [P,H,W,c], of which the magnitude counts: drawn as the largest of the channels
 */
export type AttributionKind = 'map' | 'signed-map' | 'pixels' | 'saliency';

/** A method as programs know it. */
export interface MethodEntry {
  readonly name: string;
  readonly group: MethodGroup;
  /** As the method is called in texts. */
  readonly title: string;
  /** Paper, in the form "Authors, venue year". */
  readonly source: string;
  readonly kind: AttributionKind;
  /** It needs tens of passes of the network per image, or more. */
  readonly slow?: boolean;
  readonly explain: ExplanationMethod;
  /** The same as a function that a loss can be made of: differentiable with respect to weights and images. */
  readonly differentiable?: (model: tfl.LayersModel, images: tf.Tensor, pairs: readonly Pair[]) => tf.Tensor;
}
