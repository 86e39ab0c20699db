import sharp from 'sharp';
import { Example } from 'tfrecord-stream';
import { DataError } from '../errors/index.ts';
import { GrowingFile } from '../files/index.ts';
import { type Fit, fixedPlacement } from './augmentation.ts';
import type { ClassMask } from './example-reader.ts';
import { FeatureReader } from './feature-reader.ts';
import { readRecords } from './record-file.ts';
import { frameRecord } from './record-framing.ts';

/** What is known about a set of predicted masks as a whole. */
export interface PredictedMasksInfo {
  /** Height and width of the masks: of the network's input. */
  readonly imageSize: readonly [number, number];
  /** How images of another shape were brought to that size. */
  readonly fit: Fit;
  readonly classes: readonly string[];
  /** Images with true masks that the segmenter learned from. */
  readonly learnedFrom: number;
  /** Estimated intersection over union of each class, by cross-validation; null where no mask of it could be left out. */
  readonly iou: readonly (number | null)[];
  /** What the segmenter was made of, for the reader. */
  readonly segmenter: Readonly<Record<string, unknown>>;
}

/** The predicted mask of one example: which class each pixel shows. */
export interface PredictedMask {
  /** File and record of the example, as in `HostBatch.ids`. */
  readonly id: string;
  /** [H·W]: 0 for none, c + 1 for class c. */
  readonly classes: Uint8Array;
  /** Mean probability of the pixels of each class that has some. */
  readonly confidence: ReadonlyMap<number, number>;
  /** Who drew it and when (ISO 8601), where a person did. */
  readonly drawn?: { readonly by: string; readonly at: string } | undefined;
  /** [H·W], 1 where nothing that is there may matter; absent where nobody has said so. */
  readonly irrelevant?: Uint8Array | undefined;
}

/** Predicted masks as they are read from their file. */
export interface PredictedMasks {
  readonly info: PredictedMasksInfo;
  readonly masks: ReadonlyMap<string, PredictedMask>;
}

/** Most classes that a mask can tell apart: a byte per pixel, 0 for none. */
export const MOST_MASKED_CLASSES = 255;

/**
 * Writes predicted masks to a TFRecord file beside the data set. The first record says what they are (`predicted/info`,
 * JSON); each of the others holds `id`, `mask/encoded` (a PNG whose value c + 1 means class c), `mask/predicted` (1: no
 * person has drawn it), `mask/class` and `mask/confidence`. One that a person has drawn has `mask/predicted` 0, with
 * `mask/by` and `mask/at`, and perhaps `mask/irrelevant` (a PNG, 1 where nothing may matter). The file gets its name when
 * it is complete.
 */
export async function writePredictedMasks(
  path: string,
  info: PredictedMasksInfo,
  masks: AsyncIterable<PredictedMask> | Iterable<PredictedMask>,
): Promise<void> {
  const file = await GrowingFile.create(path, { as: DataError });
  try {
    const write = (feature: Record<string, object>) =>
      file.write(frameRecord(Example.encode({ features: { feature } }).finish()));
    await write({ 'predicted/info': { bytesList: { value: [Buffer.from(JSON.stringify(info))] } } });
    const [height, width] = info.imageSize;
    const png = (values: Uint8Array) =>
      sharp(values, { raw: { width, height, channels: 1 } })
        .png()
        .toBuffer();
    for await (const { id, classes, confidence, drawn, irrelevant } of masks) {
      await write({
        id: { bytesList: { value: [Buffer.from(id)] } },
        'mask/encoded': { bytesList: { value: [await png(classes)] } },
        'mask/predicted': { int64List: { value: [drawn ? 0 : 1] } },
        ...(drawn && {
          'mask/by': { bytesList: { value: [Buffer.from(drawn.by)] } },
          'mask/at': { bytesList: { value: [Buffer.from(drawn.at)] } },
        }),
        ...(irrelevant && { 'mask/irrelevant': { bytesList: { value: [await png(irrelevant)] } } }),
        'mask/class': { int64List: { value: [...confidence.keys()] } },
        'mask/confidence': { floatList: { value: [...confidence.values()] } },
      });
    }
    await file.finish();
  } catch (error) {
    await file.abandon();
    throw error;
  }
}

/**
 * Reads predicted masks.
 *
 * @throws {DataError} naming file, record and feature that is missing or damaged
 */
export async function readPredictedMasks(path: string): Promise<PredictedMasks> {
  let info: PredictedMasksInfo | undefined;
  const masks = new Map<string, PredictedMask>();
  let record = 0;
  for await (const bytes of readRecords(path)) {
    const where = `${path}, record ${record++}`;
    const features = new FeatureReader(bytes, where);
    if (info === undefined) {
      if (!features.has('predicted/info'))
        features.fail('predicted/info', 'is missing: no file of predicted masks');
      info = checkedInfo(features);
      continue;
    }
    const [height, width] = info.imageSize;
    const grid = async (name: string): Promise<Uint8Array> => {
      const encoded = features.bytes(name)[0] ?? new Uint8Array(0);
      const { data, info: found } = await sharp(encoded)
        .toColourspace('b-w')
        .raw()
        .toBuffer({ resolveWithObject: true })
        .catch((cause: Error) => {
          throw new DataError(`${where}: mask cannot be decoded: ${cause.message}`, { cause });
        });
      if (found.width !== width || found.height !== height || found.channels !== 1) {
        features.fail(name, `is ${found.width}x${found.height}, expected ${width}x${height}`);
      }
      return Uint8Array.from(data);
    };
    const id = features.text('id');
    const confidence = features.floats('mask/confidence');
    const classes = features.integers('mask/class');
    masks.set(id, {
      id,
      classes: await grid('mask/encoded'),
      confidence: new Map(classes.map((c, i) => [c, confidence[i] ?? Number.NaN])),
      ...(features.has('mask/by') && {
        drawn: { by: features.text('mask/by'), at: features.text('mask/at') },
      }),
      ...(features.has('mask/irrelevant') && { irrelevant: await grid('mask/irrelevant') }),
    });
  }
  if (info === undefined) throw new DataError(`${path}: is empty`);
  return { info, masks };
}

/** What the readers of the masks count on; the rest is for people. */
function checkedInfo(features: FeatureReader): PredictedMasksInfo {
  const text = features.text('predicted/info');
  let info: Partial<PredictedMasksInfo> | null;
  try {
    info = JSON.parse(text);
  } catch (cause) {
    return features.fail('predicted/info', `is no JSON: ${(cause as Error).message}`);
  }
  const { imageSize, fit, classes } = info ?? {};
  const isSide = (side: unknown) => Number.isInteger(side) && (side as number) > 0;
  if (!Array.isArray(imageSize) || imageSize.length !== 2 || !imageSize.every(isSide)) {
    features.fail('predicted/info', 'has no imageSize of height and width');
  }
  if (fit !== 'squash' && fit !== 'crop') features.fail('predicted/info', 'has no fit, squash or crop');
  if (!Array.isArray(classes) || !classes.every((name) => typeof name === 'string')) {
    features.fail('predicted/info', 'has no names of classes');
  }
  return info as PredictedMasksInfo;
}

/** Predicted masks in memory that all threads share, by the number of the example. */
export interface SharedMasks {
  readonly height: number;
  readonly width: number;
  readonly fit: Fit;
  /** Where the mask of an example begins, in masks; −1 where there is none. */
  readonly places: SharedArrayBuffer;
  readonly classes: SharedArrayBuffer;
}

/** @param ids of the examples, in their order over the whole data set */
export function shareMasks(
  { info, masks }: PredictedMasks,
  ids: readonly (string | undefined)[],
): SharedMasks {
  const [height, width] = info.imageSize;
  const size = height * width;
  const places = new SharedArrayBuffer(ids.length * 4);
  const classes = new SharedArrayBuffer(ids.filter((id) => id !== undefined && masks.has(id)).length * size);
  let next = 0;
  const table = new Int32Array(places).fill(-1);
  ids.forEach((id, example) => {
    const mask = id === undefined ? undefined : masks.get(id);
    if (!mask) return;
    new Uint8Array(classes, next * size, size).set(mask.classes);
    table[example] = next++;
  });
  return { height, width, fit: info.fit, places, classes };
}

/**
 * The predicted masks of an example as masks of its whole image.
 *
 * @param image size of the image that the example shows
 * @returns one mask for each class that has pixels; none where the example was not segmented
 */
export function predictedClassMasks(
  { height, width, fit, places, classes }: SharedMasks,
  example: number,
  image: { width: number; height: number },
): ClassMask[] {
  const place = new Int32Array(places)[example] ?? -1;
  if (place < 0) return [];
  const values = new Uint8Array(classes, place * height * width, height * width);
  const found = [...new Set(values)].filter((value) => value > 0).sort((a, b) => a - b);
  // The window that the masks cover, in pixels of the image; around it nothing is known to be there.
  const { window } = fixedPlacement(image, { width, height }, fit);
  const whole = {
    width: Math.round((image.width / window.width) * width),
    height: Math.round((image.height / window.height) * height),
  };
  const left = Math.round((whole.width - width) / 2);
  const top = Math.round((whole.height - height) / 2);
  return found.map((value) => {
    const data = new Uint8Array(whole.width * whole.height);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (values[y * width + x] === value) data[(y + top) * whole.width + x + left] = 1;
      }
    }
    return { class: value - 1, data, ...whole };
  });
}
