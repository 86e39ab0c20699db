import type * as tf from '@tensorflow/tfjs-core';
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
import type { StepContext } from '../objective/index.ts';
import type { DistilledMaps } from './distillation-terms.ts';
import { type TeacherAnswers, topOf, type WeightedPairs } from './teacher-answers.ts';

/** A teacher that answers in the training step, each question once. */
export class LiveTeacher implements TeacherAnswers {
  readonly #model: tfl.LayersModel;
  readonly #maps: DistilledMaps;
  readonly #known = new WeakMap<StepContext, Map<string, unknown>>();

  constructor(model: tfl.LayersModel, maps: DistilledMaps) {
    this.#model = model;
    this.#maps = maps;
  }

  logits(step: StepContext): tf.Tensor2D {
    return this.#once(step, 'logits', () => forward(this.#model, step.inputs));
  }

  /** Read on the host: it decides which maps are made. */
  topPairs(step: StepContext): WeightedPairs {
    return this.#once(step, 'top', () => {
      const logits = this.logits(step);
      const top = topOf(logits.dataSync(), logits.shape[1]);
      return { pairs: top.map((c, sample) => ({ sample, class: c })), weights: top.map(() => 1) };
    });
  }

  maps(step: StepContext, pairs: readonly Pair[]): tf.Tensor3D {
    const { method = 'grad-cam++', teacherLayer, normalization = 'none' } = this.#maps;
    const key = `maps ${pairs.map((pair) => `${pair.sample}:${pair.class}`).join()}`;
    return this.#once(step, key, () => {
      const options = { method, targetLayer: teacherLayer };
      return normalizeMaps(attentionMaps(this.#model, step.inputs, pairs, options).maps, normalization);
    });
  }

  activations(step: StepContext, layer: string): tf.Tensor4D {
    return this.#once(
      step,
      `activations ${layer}`,
      () => splitModel(this.#model, layer).features(step.inputs).activations as tf.Tensor4D,
    );
  }

  classMaps(step: StepContext): tf.Tensor4D {
    const { teacherLayer } = this.#maps;
    return this.#once(step, 'class maps', () =>
      classActivationMaps(this.#model, step.inputs, { targetLayer: teacherLayer }),
    );
  }

  #once<T>(step: StepContext, key: string, answer: () => T): T {
    const known = this.#known.get(step) ?? new Map<string, unknown>();
    this.#known.set(step, known);
    if (!known.has(key)) known.set(key, withoutGradient(answer as () => tf.Tensor));
    return known.get(key) as T;
  }
}
