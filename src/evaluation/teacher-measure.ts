import * as tf from '@tensorflow/tfjs-core';
import type { HostBatch } from '../data/index.ts';
import type { Pair } from '../gradcam/index.ts';
import { toGrid } from '../losses/index.ts';
import {
  argMax,
  type Bootstrap,
  BootstrapMean,
  classificationLoss,
  cosine,
  rankCorrelation,
} from '../metrics/index.ts';
import { countMultiplyAdds, countParameters } from '../models/index.ts';
import { ClassificationTally } from './classification-tally.ts';
import { explainedImages } from './explained-image.ts';
import type { ExplainedBatch, Explainer } from './explainer.ts';
import { measuredMean } from './measured.ts';
import type { TeacherResult } from './result.ts';
import type { Teacher } from './teacher.ts';
import { throughput } from './throughput.ts';

/**
 * Puts the student beside its teacher: what the teacher answers, how often both answer the same, and how alike their
 * maps of the true classes are. The teacher's maps are brought to the student's grid, as in training; neither is
 * normalised, which cosine and rank correlation do not ask for.
 */
export class TeacherMeasure {
  readonly #teacher: Teacher;
  readonly #student: Explainer;
  readonly #bootstrap: Bootstrap;
  readonly #classification: ClassificationTally;
  readonly #agreement: BootstrapMean;
  readonly #maps: readonly { readonly cosine: BootstrapMean; readonly rankCorrelation: BootstrapMean }[];
  /** The first batch, for the timing. */
  #images: Float32Array | undefined;
  #mapSize: readonly [number, number] = [0, 0];

  constructor(teacher: Teacher, student: Explainer, classes: number, bootstrap: Bootstrap) {
    const mean = () => new BootstrapMean(bootstrap);
    this.#teacher = teacher;
    this.#student = student;
    this.#bootstrap = bootstrap;
    this.#classification = new ClassificationTally(classes, student.options.link === 'sigmoid', bootstrap);
    this.#agreement = mean();
    this.#maps = student.options.methods.map(() => ({ cosine: mean(), rankCorrelation: mean() }));
  }

  /**
   * @param student what the student makes of the same batch and pairs
   * @param first position of the batch in the split
   */
  async add(batch: HostBatch, pairs: readonly Pair[], student: ExplainedBatch, first: number): Promise<void> {
    const { imageSize } = this.#student.options;
    const given = await this.#teacher.explainer.explain(batch, pairs);
    const maps = this.#maps.map((_, m) => onGrid(given, m, pairs.length, sizeOf(student, m)));
    this.#images ??= batch.images.slice();
    this.#mapSize = sizeOf(given, 0);
    for (const image of explainedImages(batch, pairs, given, first, imageSize, undefined, this.#bootstrap)) {
      const { logits, labels, counts, index } = image;
      const ranks = image.pairs.map(({ rank }) => rank);
      this.#classification.add(logits, labels, ranks, counts);
      const own = student.logits.subarray(
        (index - first) * logits.length,
        (index - first + 1) * logits.length,
      );
      this.#agreement.add(Number(argMax(own) === argMax(logits)), counts);
      for (const [m, likeness] of this.#maps.entries()) {
        for (const { index: p } of image.pairs) {
          const two = [student.smallMap(m, p), maps[m]![p]!] as const;
          addMeasured(likeness.cosine, cosine(...two), counts);
          addMeasured(likeness.rankCorrelation, rankCorrelation(...two), counts);
        }
      }
    }
  }

  result(): TeacherResult {
    const { path, model, target } = this.#teacher;
    const { methods, imageSize } = this.#student.options;
    return {
      path,
      name: model.name,
      parameters: countParameters(model),
      multiplyAdds: countMultiplyAdds(model, [[...imageSize, 3]]),
      targetLayer: target.path,
      targetLayerReason: target.reason,
      mapSize: this.#mapSize,
      classification: this.#classification.scores(classificationLoss),
      agreement: measuredMean(this.#agreement),
      maps: Object.fromEntries(
        methods.map((method, m) => {
          const { cosine, rankCorrelation } = this.#maps[m]!;
          const measured = (mean: BootstrapMean) => (mean.count > 0 ? measuredMean(mean) : null);
          return [method, { cosine: measured(cosine), rankCorrelation: measured(rankCorrelation) }];
        }),
      ),
      throughput: this.#time(),
    };
  }

  #time(): TeacherResult['throughput'] {
    const [height, width] = this.#student.options.imageSize;
    const images = this.#images!;
    const batchSize = images.length / (height * width * 3);
    const { rounds, imagesPerSecond } = throughput([this.#student.model, this.#teacher.model], images, [
      batchSize,
      height,
      width,
      3,
    ]);
    return { batchSize, rounds, student: imagesPerSecond[0]!, teacher: imagesPerSecond[1]! };
  }
}

/** [h, w]: only networks of images have teachers. */
function sizeOf(explained: ExplainedBatch, method: number): readonly [number, number] {
  return explained.smallSize(method) as readonly [number, number];
}

/** The maps of a method at another grid, one array per pair. */
function onGrid(
  explained: ExplainedBatch,
  method: number,
  pairs: number,
  [h, w]: readonly [number, number],
): Float32Array[] {
  if (pairs === 0) return [];
  const [height, width] = sizeOf(explained, method);
  const size = height * width;
  const maps = new Float32Array(pairs * size);
  for (let p = 0; p < pairs; p++) maps.set(explained.smallMap(method, p), p * size);
  const values = tf.tidy(() =>
    toGrid(tf.tensor3d(maps, [pairs, height, width]), [h, w]).dataSync(),
  ) as Float32Array;
  return Array.from({ length: pairs }, (_, p) => values.subarray(p * h * w, (p + 1) * h * w));
}

/** A map that is the same everywhere has no direction and no order: it is left out. */
function addMeasured(mean: BootstrapMean, value: number, counts: Uint8Array): void {
  if (!Number.isNaN(value)) mean.add(value, counts);
}
