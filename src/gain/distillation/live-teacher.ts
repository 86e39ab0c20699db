import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { withoutGradient } from '../../autodiff/index.ts';
import {
  attentionMaps,
  classActivationMaps,
  forward,
  normalizeMaps,
  type Pair,
  splitModel,
} from '../../gradcam/index.ts';
import { argMaxRows } from '../../metrics/index.ts';
import { type ImageRegions, masksOfStep, regionsOfImages, type StepContext } from '../objective/index.ts';
import type { DistilledMaps, TeacherView } from './distillation-terms.ts';
import type { TeacherAnswers, WeightedPairs } from './teacher-answers.ts';

/** A teacher that answers in the training step, each question once. */
export class LiveTeacher implements TeacherAnswers {
  readonly #model: tfl.LayersModel;
  readonly #maps: DistilledMaps;
  readonly #sees: TeacherView;
  readonly #known = new WeakMap<StepContext, Map<string, unknown>>();

  constructor(model: tfl.LayersModel, maps: DistilledMaps, sees: TeacherView = 'image') {
    this.#model = model;
    this.#maps = maps;
    this.#sees = sees;
  }

  /** A teacher that sees the object alone has nothing to say of an image without mask. */
  imageWeights(step: StepContext): readonly number[] {
    if (this.#sees === 'image') return step.labels.map(() => 1);
    return this.#objects(step)?.masked ?? step.labels.map(() => 0);
  }

  logits(step: StepContext): tf.Tensor2D {
    return this.#once(step, 'logits', () => forward(this.#model, this.#inputs(step)));
  }

  /** Read on the host: it decides which maps are made. */
  topPairs(step: StepContext): WeightedPairs {
    return this.#once(step, 'top', () => {
      const logits = this.logits(step);
      const top = argMaxRows(logits.dataSync(), logits.shape[1]);
      return { pairs: top.map((c, sample) => ({ sample, class: c })), weights: top.map(() => 1) };
    });
  }

  maps(step: StepContext, pairs: readonly Pair[]): tf.Tensor3D {
    const { method = 'grad-cam++', teacherLayer, normalization = 'none' } = this.#maps;
    const key = `maps ${pairs.map((pair) => `${pair.sample}:${pair.class}`).join()}`;
    return this.#once(step, key, () => {
      const options = { method, targetLayer: teacherLayer };
      return normalizeMaps(
        attentionMaps(this.#model, this.#inputs(step), pairs, options).maps,
        normalization,
      );
    });
  }

  activations(step: StepContext, layer: string): tf.Tensor4D {
    return this.#once(
      step,
      `activations ${layer}`,
      () => splitModel(this.#model, layer).features(this.#inputs(step)).activations as tf.Tensor4D,
    );
  }

  classMaps(step: StepContext): tf.Tensor4D {
    const { teacherLayer } = this.#maps;
    return this.#once(step, 'class maps', () =>
      classActivationMaps(this.#model, this.#inputs(step), { targetLayer: teacherLayer }),
    );
  }

  /** The step's inputs, or H ⊙ I in place of the image. */
  #inputs(step: StepContext): readonly tf.Tensor[] {
    if (this.#sees === 'image') return step.inputs;
    const relevant = this.#objects(step)?.relevant;
    if (!relevant) return step.inputs;
    const alone = tf.mul(step.inputs[step.imageInput]!, tf.expandDims(relevant, 3));
    return step.inputs.map((input, i) => (i === step.imageInput ? alone : input));
  }

  #objects(step: StepContext): ImageRegions | undefined {
    return this.#once(step, 'objects', () => {
      const masks = masksOfStep(step);
      return masks && regionsOfImages(step, masks);
    });
  }

  #once<T>(step: StepContext, key: string, answer: () => T): T {
    const known = this.#known.get(step) ?? new Map<string, unknown>();
    this.#known.set(step, known);
    if (!known.has(key)) known.set(key, withoutGradient(answer as () => tf.Tensor));
    return known.get(key) as T;
  }
}
