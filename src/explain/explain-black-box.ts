import { join, relative } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import sharp from 'sharp';
import { UsageError } from '../errors/index.ts';
import { writeJson, writeWhole } from '../files/index.ts';
import { dataAddress, html, npy } from '../pictures/index.ts';
import { drawAttribution, drawImage } from './draw-attribution.ts';
import { explanationPage, type ShownImage } from './explanation-page.ts';
import type { NamedImage } from './images.ts';
import { findMethods } from './method-list.ts';
import { lime, occlusion, type RemotePredictor, rise } from './perturbation/index.ts';

export interface BlackBoxOptions {
  /** Of the page. */
  readonly title: string;
  /** Names of methods that look at scores alone, or `model-agnostic`. */
  readonly methods: readonly string[];
  /** [H,W] of the images. */
  readonly imageSize: readonly [number, number];
  /** 3 for colours, 1 for grey. */
  readonly channels: 1 | 3;
  /** Names of the classes. @default their numbers */
  readonly classes?: readonly string[] | undefined;
  /** Columns of the classes to explain. @default the `top` likeliest of each image */
  readonly chosen?: readonly number[] | undefined;
  /** @default 1 */
  readonly top?: number | undefined;
  readonly samples?: number | undefined;
  /** @default 0 */
  readonly seed?: number | undefined;
  /** @default 16 */
  readonly batchSize?: number | undefined;
  readonly facts?: readonly (readonly [string, string])[] | undefined;
  readonly onProgress?: ((done: number, all: number, detail: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The methods that need nothing but scores. */
const blackBoxMethods = { occlusion, rise, lime } as const;

/**
 * Explains what a program or a server answers to images, by changing the images, and writes page, pictures and raw maps as
 * `writeExplanations` does.
 *
 * @returns path of the page, and how many pictures lie beside it
 * @throws {UsageError} for a method that needs a network, a class that is not scored, or names that are too few
 */
export async function explainBlackBox(
  dir: string,
  predictor: RemotePredictor,
  images: readonly NamedImage[],
  {
    title,
    methods: asked,
    imageSize,
    channels,
    classes: given,
    chosen,
    top = 1,
    samples,
    seed = 0,
    batchSize = 16,
    facts = [],
    onProgress = () => {},
    signal,
  }: BlackBoxOptions,
): Promise<{ page: string; pictures: number }> {
  const methods = findMethods(asked);
  const wrong = methods.find(({ name }) => !(name in blackBoxMethods));
  if (wrong) {
    const known = Object.keys(blackBoxMethods).join(', ');
    throw new UsageError(
      `${wrong.name} looks into a network; of a black box there are ${known}, or model-agnostic`,
    );
  }
  const [height, width] = imageSize;
  const shape = [height, width, channels] as const;
  const shown: ShownImage[] = [];
  const listed: object[] = [];
  const notes: string[] = [];
  let names = given;
  let pictures = 0;
  for (const [nth, image] of images.entries()) {
    const { values: probabilities, classes } = await predictor.score(image.pixels, [1, ...shape], signal);
    if (names !== undefined && names.length !== classes) {
      throw new UsageError(`--classes: ${names.length} names, but ${classes} scores were answered`);
    }
    names ??= Array.from({ length: classes }, (_, c) => String(c));
    const unknown = chosen?.find((c) => c >= classes);
    if (unknown !== undefined)
      throw new UsageError(`--class: no class ${unknown}, ${classes} scores were answered`);
    const order = Array.from(probabilities.keys()).sort((a, b) => probabilities[b]! - probabilities[a]!);
    const columns = chosen ?? order.slice(0, top);
    const pairs = columns.map((column) => ({ sample: 0, class: column }));
    const photo = drawImage(image, imageSize);
    const tiles = columns.map((): ShownImage['classes'][number]['tiles'][number][] => []);
    const files = columns.map((): Record<string, object> => ({}));
    const pixels = tf.tensor4d(image.pixels, [1, ...shape]);
    try {
      for (const [m, method] of methods.entries()) {
        const before = nth * methods.length + m;
        const options = {
          seed,
          batchSize,
          signal,
          onProgress: (done: number, all: number) =>
            onProgress(before + done / Math.max(1, all), images.length * methods.length, method.name),
        };
        const maps = await made(method.name as keyof typeof blackBoxMethods);
        const values = (await maps.data()) as Float32Array;
        maps.dispose();
        const size = height * width;
        for (const [p, column] of columns.entries()) {
          const own = values.slice(p * size, (p + 1) * size);
          const range: [number, number] = [
            own.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
            own.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
          ];
          const dead = range[0] === range[1];
          if (dead)
            notes.push(`warning: ${image.name}, class ${names[column]}: the ${method.name} map is dead`);
          const attribution = {
            method,
            shape: [height, width],
            values: own,
            ...(dead && { defect: 'dead' as const }),
          };
          const picture = drawAttribution(attribution, photo);
          const path = join(dir, image.name, `${column}.${method.name}`);
          await writeWhole(`${path}.npy`, npy(own, [height, width]));
          const raw = { width: picture.width, height: picture.height, channels: 3 as const };
          await writeWhole(`${path}.png`, await sharp(picture.data, { raw }).png().toBuffer());
          pictures++;
          tiles[p]!.push({ method, address: await dataAddress(picture), range, dead });
          files[p]![method.name] = {
            picture: `${relative(dir, path)}.png`,
            values: `${relative(dir, path)}.npy`,
            range,
          };
        }

        function made(name: keyof typeof blackBoxMethods): Promise<tf.Tensor> {
          if (name === 'rise')
            return rise(predictor, pixels, pairs, { ...options, masks: samples, center: true });
          if (name === 'lime') return lime(predictor, pixels, pairs, { ...options, samples });
          return occlusion(predictor, pixels, pairs, options);
        }
      }
    } finally {
      pixels.dispose();
    }
    const { width: w, height: h } = photo;
    shown.push({
      image,
      probabilities,
      address: await dataAddress(photo),
      size: { width: w, height: h },
      classes: columns.map((column, p) => ({
        index: column,
        logit: null,
        probability: probabilities[column]!,
        tiles: tiles[p]!,
      })),
    });
    listed.push({
      image: image.name,
      file: image.file,
      classes: columns.map((column, p) => ({
        class: names![column],
        index: column,
        score: probabilities[column],
        methods: files[p],
      })),
    });
  }
  const page = explanationPage({
    title: `${title}: explanations`,
    classNames: names ?? [],
    images: shown,
    network: html`<p>A black box: its scores are all that was seen of it.</p>`,
    networkFacts: [],
    makingFacts: [...facts, ['seed', String(seed)], ['scores', 'as answered']],
    notes,
  });
  await writeJson(join(dir, 'explanations.json'), { model: title, seed, images: listed });
  const path = join(dir, 'index.html');
  await writeWhole(path, page);
  return { page: path, pictures };
}
