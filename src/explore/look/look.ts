import * as tf from '@tensorflow/tfjs-core';
import { explainImages, explanationMethods, maximizeActivations, projectUnit } from '../../explain/core.ts';
import { forward } from '../../gradcam/index.ts';
import { probabilities } from '../../losses/index.ts';
import type { LookAnswers, LookJob, MapView } from './jobs.ts';
import { layerView, stripsView } from './layer-view.ts';
import { type Looked, shapeOfImages } from './subject.ts';
import { unitView } from './unit-view.ts';

export interface LookOptions {
  readonly signal?: AbortSignal | undefined;
}

/**
 * Answers a question about a network and one image, here or in a browser: the same code on whichever tfjs backend is
 * active.
 *
 * @param pixels [H·W·c] from 0 to 1
 * @throws {UsageError}, {ModelError} for methods, layers and units that there are not
 */
export async function look<K extends LookJob['kind']>(
  subject: Looked,
  pixels: Float32Array,
  job: Extract<LookJob, { kind: K }>,
  options: LookOptions = {},
): Promise<LookAnswers[K]> {
  // The compiler does not see that the answer goes with the question.
  return (await answer(subject, pixels, job, options)) as LookAnswers[K];
}

async function answer(
  subject: Looked,
  pixels: Float32Array,
  job: LookJob,
  { signal }: LookOptions,
): Promise<LookAnswers[LookJob['kind']]> {
  switch (job.kind) {
    case 'scores':
      return scoresOf(subject, pixels);
    case 'map':
      return mapOf(subject, pixels, job, signal);
    case 'strips':
      return stripsView(subject, pixels);
    case 'layer':
      return layerView(subject, pixels, job.node);
    case 'unit':
      return unitView(subject, pixels, job.node, job.channel);
    case 'project': {
      const image = tf.tensor4d(pixels, [1, ...shapeOfImages(subject)]);
      const unit = { layer: job.layer, filter: job.channel, positions: [job.position] };
      const back = projectUnit(subject.model, image, unit);
      const found = Float32Array.from(await back.data());
      tf.dispose([image, back]);
      return { pixels: found };
    }
    case 'maximize': {
      const { images, values, before } = await maximizeActivations(
        subject.model,
        { layer: job.layer, units: [job.channel] },
        { imageSize: subject.imageSize, steps: 120, signal },
      );
      const found = Float32Array.from(await images.data());
      images.dispose();
      return { pixels: found, value: values[0]!, before: before[0]! };
    }
  }
}

async function scoresOf({ model, output, link, ...rest }: Looked, pixels: Float32Array) {
  const [logits, shares] = tf.tidy(() => {
    const image = tf.tensor(pixels, [1, ...shapeOfImages({ model, output, link, ...rest })]);
    const raw = forward(model, image, { output });
    return [raw, probabilities(raw, link)] as const;
  });
  const found = {
    logits: Float32Array.from(await logits.data()),
    probabilities: Float32Array.from(await shares.data()),
  };
  tf.dispose([logits, shares]);
  return found;
}

/** By the same way as the program `explain`, so that a map is the same number for number. */
async function mapOf(
  subject: Looked,
  pixels: Float32Array,
  { method, class: column, layer, samples }: Extract<LookJob, { kind: 'map' }>,
  signal: AbortSignal | undefined,
): Promise<MapView> {
  const image = { name: 'image', file: '', pixels };
  const options = { methods: [method], classes: [column], targetLayer: layer, samples, signal };
  for await (const { classes } of explainImages(subject, [image], options)) {
    const [{ attributions, probability }] = classes as [(typeof classes)[number]];
    const [{ shape, values, defect }] = attributions as [(typeof attributions)[number]];
    const { kind } = explanationMethods.find(({ name }) => name === method)!;
    return { method, kind, shape, values: Float32Array.from(values), defect: defect ?? null, probability };
  }
  throw new Error('one image has one explanation');
}
