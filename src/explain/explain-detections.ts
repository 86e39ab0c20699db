import { join, relative } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { ModelError } from '../errors/index.ts';
import { fileStem, writeJson, writeWhole } from '../files/index.ts';
import { isDeadMap } from '../gradcam/index.ts';
import { dataAddress, drawBoxes, html, npy, png } from '../pictures/index.ts';
import type { Detector } from '../run/index.ts';
import { drawAttribution, drawImage } from './draw-attribution.ts';
import { explanationPage, type ShownImage } from './explanation-page.ts';
import type { NamedImage } from './images.ts';
import type { MethodEntry } from './method-entry.ts';
import { findMethods } from './method-list.ts';
import { dRise } from './perturbation/index.ts';

export interface ExplainDetectionsOptions {
  /** `d-rise`, and names of methods for detectors with layers: of the score of each detection. */
  readonly methods: readonly string[];
  /** Detections of each image. @default 3 */
  readonly top?: number | undefined;
  /** Masks of D-RISE, copies of others. @default as the method says */
  readonly samples?: number | undefined;
  readonly targetLayer?: string | undefined;
  readonly seed?: number | undefined;
  readonly batchSize?: number | undefined;
  readonly facts?: readonly (readonly [string, string])[] | undefined;
  readonly onNote?: ((line: string) => void) | undefined;
  readonly onProgress?: ((done: number, all: number, method: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A detection that is explained. */
interface Found {
  /** Among the proposals. */
  readonly index: number;
  readonly class: number;
  readonly score: number;
  /** xmin, ymin, xmax, ymax in shares. */
  readonly box: readonly [number, number, number, number];
  readonly probabilities: readonly number[];
}

/** IoU from which a weaker proposal is the same detection. */
const sameDetection = 0.5;
const boxStyle = { color: [0, 255, 0], thickness: 2 } as const;

/** D-RISE among the methods: of detections alone. */
const dRiseEntry: MethodEntry = {
  name: 'd-rise',
  group: 'model-agnostic',
  title: 'D-RISE, its mean taken off',
  source: 'Petsiuk et al., CVPR 2021',
  kind: 'map',
  slow: true,
  explain: () => {
    throw new ModelError('d-rise explains detections');
  },
};

/**
 * Explains the strongest detections of each image, and writes page, pictures and raw maps as `writeExplanations` does; the box
 * of the detection is drawn into its pictures. Proposals that overlap a stronger one by half are the same detection.
 *
 * @returns path of the page, and how many pictures lie beside it
 * @throws {UsageError} for a method that does not exist
 * @throws {ModelError} for a method that needs layers where there are none, or scores that are no probabilities
 */
export async function explainDetections(
  dir: string,
  detector: Detector,
  images: readonly NamedImage[],
  options: ExplainDetectionsOptions,
): Promise<{ page: string; pictures: number }> {
  const { top = 3, seed = 0, facts = [], onNote = () => {}, onProgress = () => {}, signal } = options;
  const methods = options.methods.flatMap((name) => (name === 'd-rise' ? [dRiseEntry] : findMethods([name])));
  const shown: ShownImage[] = [];
  const listed: object[] = [];
  const notes: string[] = [];
  const note = (line: string) => {
    notes.push(line);
    onNote(`warning  ${line}`);
  };
  let pictures = 0;
  for (const [nth, image] of images.entries()) {
    const pixels = tf.tensor4d(image.pixels, [1, ...detector.imageSize, detector.channels]);
    try {
      const { found, strongest } = detectionsOf(detector, pixels, top);
      if (found.length === 0) note(`${image.name}: nothing is detected`);
      const photo = drawImage(image, detector.imageSize);
      const classes: ShownImage['classes'][number][] = [];
      const records: object[] = [];
      const made = new Map<MethodEntry, tf.Tensor>();
      for (const [m, method] of methods.entries()) {
        signal?.throwIfAborted();
        const before = nth * methods.length + m;
        const report = (done: number, all: number) =>
          onProgress(before + done / Math.max(1, all), images.length * methods.length, method.name);
        if (found.length > 0)
          made.set(method, await mapsOf(detector, method, pixels, found, options, report));
      }
      for (const [d, detection] of found.entries()) {
        const { class: index, score, box } = detection;
        const [xmin, ymin, xmax, ymax] = box.map((side) => Math.min(1, Math.max(0, side))) as [
          number,
          number,
          number,
          number,
        ];
        const name = detector.classes[index]!;
        const tiles: ShownImage['classes'][number]['tiles'][number][] = [];
        const files: Record<string, object> = {};
        for (const [method, maps] of made) {
          const [, ...shape] = maps.shape as [number, ...number[]];
          const size = tf.util.sizeFromShape(shape);
          const values = Float32Array.from((await maps.data()).slice(d * size, (d + 1) * size));
          const dead = isDeadMap(values);
          if (dead) note(`${image.name}, detection ${d + 1} (${name}): the ${method.name} map is dead`);
          const attribution = { method, shape, values, ...(dead && { defect: 'dead' as const }) };
          const drawn = drawAttribution(attribution, photo);
          const picture = drawBoxes(drawn, [{ xmin, ymin, xmax, ymax }], boxStyle);
          const path = join(dir, image.name, `${d + 1}-${fileStem(name)}.${method.name}`);
          await writeWhole(`${path}.npy`, npy(values, shape));
          await writeWhole(`${path}.png`, await png(picture));
          pictures++;
          const range = values.reduce<[number, number]>(
            ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
            [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
          );
          tiles.push({ method, address: await dataAddress(picture), range, dead });
          files[method.name] = {
            picture: `${relative(dir, path)}.png`,
            values: `${relative(dir, path)}.npy`,
            shape,
            range,
            ...(dead && { defect: 'dead' }),
          };
        }
        classes.push({ index, logit: null, probability: score, tiles });
        records.push({ class: name, index, score, box, proposal: detection.index, methods: files });
      }
      tf.dispose([...made.values()]);
      const { width, height } = photo;
      shown.push({
        image,
        probabilities: strongest,
        classes,
        address: await dataAddress(photo),
        size: { width, height },
      });
      listed.push({ image: image.name, file: image.file, detections: records });
    } finally {
      pixels.dispose();
    }
  }
  const page = explanationPage({
    title: `${detector.name}: detections`,
    classNames: detector.classes,
    images: shown,
    network: html`<p>A detector. Each heading is a detection, its box is drawn into the pictures.</p>`,
    networkFacts: [],
    makingFacts: [...facts, ['seed', String(seed)], ['scores', 'of the strongest proposal of each class']],
    notes,
  });
  await writeJson(join(dir, 'explanations.json'), { model: detector.name, seed, images: listed });
  const path = join(dir, 'index.html');
  await writeWhole(path, page);
  return { page: path, pictures };
}

/** The strongest proposals that are not the same, and the highest score of each class. */
function detectionsOf(
  detector: Detector,
  pixels: tf.Tensor4D,
  top: number,
): { found: Found[]; strongest: Float32Array } {
  const { boxes, scores } = tf.tidy(() => {
    const made = detector.detect(pixels);
    return {
      boxes: made.boxes.dataSync() as Float32Array,
      scores: made.scores.dataSync() as Float32Array,
    };
  });
  const outside = scores.find((value) => !(value >= -1e-5 && value <= 1 + 1e-5));
  if (outside !== undefined) {
    throw new ModelError(`${detector.path}: expected scores that are probabilities, found ${outside}`);
  }
  const classes = detector.classes.length;
  const strongest = new Float32Array(classes);
  const proposals = Array.from({ length: scores.length / classes }, (_, index): Found => {
    const probabilities = [...scores.subarray(index * classes, (index + 1) * classes)];
    for (const [c, value] of probabilities.entries()) strongest[c] = Math.max(strongest[c]!, value);
    const score = Math.max(...probabilities);
    const box = [...boxes.subarray(4 * index, 4 * index + 4)] as [number, number, number, number];
    return { index, class: probabilities.indexOf(score), score, box, probabilities };
  });
  const found: Found[] = [];
  for (const one of proposals.toSorted((a, b) => b.score - a.score)) {
    if (found.length === top) break;
    const [xmin, ymin, xmax, ymax] = one.box;
    if (!(xmin < xmax && ymin < ymax) || one.score <= 0) continue;
    if (found.every((other) => overlap(other.box, one.box) < sameDetection)) found.push(one);
  }
  return { found, strongest };
}

function overlap(a: Found['box'], b: Found['box']): number {
  const across = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const down = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (across <= 0 || down <= 0) return 0;
  const area = (box: Found['box']) => (box[2] - box[0]) * (box[3] - box[1]);
  return (across * down) / (area(a) + area(b) - across * down);
}

/** A map for each detection of an image. */
async function mapsOf(
  detector: Detector,
  method: MethodEntry,
  pixels: tf.Tensor4D,
  found: readonly Found[],
  { samples, targetLayer, seed, batchSize, signal }: ExplainDetectionsOptions,
  onProgress: (done: number, all: number) => void,
): Promise<tf.Tensor> {
  const common = { seed, batchSize, signal, onProgress };
  if (method === dRiseEntry) {
    const targets = found.map(({ box, probabilities }) => ({ sample: 0, box, classes: probabilities }));
    return dRise(detector.detect, pixels, targets, {
      ...common,
      center: true,
      ...(samples && { masks: samples }),
    });
  }
  if (!detector.layers) {
    throw new ModelError(`${method.name}: a graph-model has no layers; d-rise needs none`);
  }
  const { model, scores } = detector.layers;
  const classes = detector.classes.length;
  const columns = tf.tensor1d(
    found.map((one) => one.index * classes + one.class),
    'int32',
  );
  try {
    const target = (...outputs: tf.Tensor[]) => {
      const flat = tf.reshape(outputs[scores]!, [outputs[scores]!.shape[0]!, -1]);
      return tf.gather(flat, columns, 1);
    };
    const pairs = found.map((_, d) => ({ sample: 0, class: d }));
    return await method.explain(model, pixels, pairs, { ...common, samples, targetLayer, target });
  } finally {
    columns.dispose();
  }
}
