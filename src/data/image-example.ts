import { Example } from 'tfrecord-stream';
import type { Box } from './batch.ts';
import { FeatureReader } from './feature-reader.ts';

/**
 * One image, or one clip, with what is known about it: the content of a record.
 *
 * As `tf.train.Example` (names follow the TensorFlow Object Detection API and TFDS):
 *
 * | feature | type | |
 * |---|---|---|
 * | `image/encoded` | bytes | the image file |
 * | `image/format` | bytes | `jpeg`, `png`, … |
 * | `image/height`, `image/width` | int64 | pixels, upright |
 * | `image/filename` | bytes | where it came from |
 * | `image/class/label`, `image/class/text` | int64 list, bytes list | classes in the image, from 0 |
 * | `image/class/unknown` | int64 list | classes of which it is not known whether they are in the image |
 * | `image/group` | bytes | group of the image, for measures per group; absent or empty: none |
 * | `image/object/bbox/{xmin,ymin,xmax,ymax}` | float lists | boxes, from 0 to 1 |
 * | `image/object/class/label` | int64 list | class of each object |
 * | `image/object/mask` | bytes list | a PNG of the image's size for each object, 0 outside; empty where unknown |
 * | `image/frames` | int64 | of a clip: how many frames lie one below the other in the picture; absent for an image |
 * | `image/confounder` | bytes | a PNG of the image's size, not 0 on what must not matter; absent where there is none |
 *
 * A clip or a volume of T frames is one picture, its frames one below the other, and so are its masks: every reader of
 * images can read them, and pixels lie in memory as [T,H,W,3].
 */
export interface ImageExample {
  encoded: Uint8Array;
  format: string;
  height?: number;
  width?: number;
  /** T, of a clip. @default an image */
  frames?: number | undefined;
  filename: string;
  /** Class indices, each once. */
  labels: number[];
  /**
   * Classes of which it is not known whether they are in the image, none of them among the labels. Where an image
   * has one label, they are all or none.
   *
   * @default none: what is not among the labels is not in the image
   */
  unknown?: number[];
  /** What the image is counted under in measures per group, e.g. `boat on land`. @default none */
  group?: string;
  objects: ImageObject[];
  /** What must not matter, whatever the class: a mask as PNG bytes, not 0 on it. @default none */
  confounder?: Uint8Array;
}

/** An object in an image: class, box, and its mask as PNG bytes where there is one. */
export interface ImageObject extends Box {
  mask?: Uint8Array;
}

/** What the classes of a data set allow an example to hold. */
export interface LabelRule {
  classes: readonly string[];
  /** Whether an image may have none or several labels. */
  multiLabel: boolean;
  /** Names of the groups; another in a record is an error. @default any */
  groups?: readonly string[] | undefined;
  /** Whether examples are clips. @default false */
  clips?: boolean | undefined;
}

/** Encodes an image and its annotations as the bytes of a `tf.train.Example`. */
export function encodeExample(example: ImageExample, classes: readonly string[]): Uint8Array {
  const { objects, labels } = example;
  const feature: Record<string, object> = {
    'image/encoded': { bytesList: { value: [example.encoded] } },
    'image/format': texts([example.format]),
    'image/filename': texts([example.filename]),
    'image/class/label': integers(labels),
    'image/class/text': texts(labels.map((label) => classes[label]!)),
  };
  if (example.unknown?.length) feature['image/class/unknown'] = integers(example.unknown);
  if (example.group) feature['image/group'] = texts([example.group]);
  if (example.height !== undefined) feature['image/height'] = integers([example.height]);
  if (example.frames !== undefined) feature['image/frames'] = integers([example.frames]);
  if (example.width !== undefined) feature['image/width'] = integers([example.width]);
  if (objects.length > 0) {
    for (const side of SIDES) {
      feature[`image/object/bbox/${side}`] = { floatList: { value: objects.map((object) => object[side]) } };
    }
    feature['image/object/class/label'] = integers(objects.map((object) => object.class));
  }
  if (objects.some((object) => object.mask)) {
    const value = objects.map((object) => object.mask ?? new Uint8Array(0));
    feature['image/object/mask'] = { bytesList: { value } };
  }
  if (example.confounder) feature['image/confounder'] = { bytesList: { value: [example.confounder] } };
  // Not through Example.fromObject, which leaves empty bytes out of a list.
  return Example.encode({ features: { feature } }).finish();
}

/**
 * Decodes and checks a record.
 *
 * @param bytes of the record; the image and the masks of the result are views of it
 * @param rule classes and number of labels that the data set declares
 * @param where `file, record N`, the beginning of every error message
 * @throws {DataError} that names the feature: absent, of another type, of another length, or out of range
 */
export function decodeExample(bytes: Uint8Array, rule: LabelRule, where: string): ImageExample {
  const features = new FeatureReader(bytes, where);
  const label = (name: string) => (value: number) => {
    if (!Number.isInteger(value) || value < 0 || value >= rule.classes.length) {
      features.fail(
        name,
        `class ${value} is out of range: the data set has ${rule.classes.length} classes, 0 to ${rule.classes.length - 1}`,
      );
    }
    return value;
  };

  const encoded = features.bytes('image/encoded')[0];
  if (!encoded || encoded.length === 0) features.fail('image/encoded', 'is empty');
  const objects = readObjects(features, label('image/object/class/label'));
  const named = features.has('image/class/label') || objects.length === 0;
  const listed = named
    ? features.integers('image/class/label').map(label('image/class/label'))
    : objects.map((object) => object.class);
  const labels = [...new Set(listed)];
  const unknown = readUnknown(features, labels, label('image/class/unknown'));
  if (!rule.multiLabel && unknown.length > 0 && unknown.length < rule.classes.length) {
    features.fail(
      'image/class/unknown',
      `where an image has one label, all classes are unknown or none, not ${unknown.length} of ${rule.classes.length}`,
    );
  }
  if (!rule.multiLabel && labels.length !== 1 && unknown.length === 0) {
    features.fail('image/class/label', `expected one label, found ${labels.length}`);
  }
  const group = features.text('image/group');
  if (group && rule.groups && !rule.groups.includes(group)) {
    features.fail('image/group', `${group} is not one of the groups ${rule.groups.join(', ') || '(none)'}`);
  }

  const confounder = features.has('image/confounder') ? features.bytes('image/confounder')[0] : undefined;
  const [height, width] = ['image/height', 'image/width'].map((name) =>
    features.has(name) ? features.integers(name)[0] : undefined,
  );
  const frames = readFrames(features, rule, height);
  return {
    encoded: encoded!,
    format: features.text('image/format'),
    ...(height !== undefined && { height }),
    ...(width !== undefined && { width }),
    ...(frames !== undefined && { frames }),
    filename: features.text('image/filename'),
    labels,
    ...(unknown.length > 0 && { unknown }),
    ...(group && { group }),
    objects,
    ...(confounder && confounder.length > 0 && { confounder }),
  };
}

function readFrames(
  features: FeatureReader,
  { clips = false }: LabelRule,
  height: number | undefined,
): number | undefined {
  const name = 'image/frames';
  if (features.has(name) !== clips) {
    features.fail(
      name,
      clips ? 'is absent, and the data set holds clips' : 'is of a clip, and the data set holds images',
    );
  }
  if (!clips) return undefined;
  const frames = features.integers(name)[0] ?? 0;
  if (!(Number.isInteger(frames) && frames >= 1) || (height ?? 0) % frames !== 0) {
    features.fail(name, `${frames} frames do not lie in a picture of height ${height}`);
  }
  return frames;
}

function readUnknown(features: FeatureReader, labels: number[], check: (value: number) => number): number[] {
  const name = 'image/class/unknown';
  if (!features.has(name)) return [];
  const unknown = [...new Set(features.integers(name).map(check))];
  const both = unknown.find((value) => labels.includes(value));
  if (both !== undefined) features.fail(name, `class ${both} is among the labels too`);
  return unknown;
}

export const SIDES = ['xmin', 'ymin', 'xmax', 'ymax'] as const;

/** How far outside [0, 1] a side may lie before it is an error rather than float32 rounding. */
const BOX_TOLERANCE = 1e-4;

function readObjects(features: FeatureReader, label: (value: number) => number): ImageObject[] {
  const name = 'image/object/class/label';
  if (!features.has(name)) return [];
  const classes = features.integers(name);
  const optional = <T>(list: string, read: (list: string) => T[]): T[] | undefined => {
    if (!features.has(list)) return undefined;
    const values = read(list);
    if (values.length !== classes.length) {
      features.fail(list, `has ${values.length} values for ${classes.length} objects`);
    }
    return values;
  };
  const sides = SIDES.map((side) => optional(`image/object/bbox/${side}`, (list) => features.floats(list)));
  const masks = optional('image/object/mask', (list) => features.bytes(list));

  return classes.map((value, i) => {
    const [xmin, ymin, xmax, ymax] = sides.map((values, side) => values?.[i] ?? (side < 2 ? 0 : 1));
    const box = { xmin: xmin!, ymin: ymin!, xmax: xmax!, ymax: ymax! };
    for (const side of SIDES) {
      if (!(box[side] >= -BOX_TOLERANCE && box[side] <= 1 + BOX_TOLERANCE)) {
        features.fail(`image/object/bbox/${side}`, `${box[side]} of object ${i} is outside 0 to 1`);
      }
    }
    if (box.xmin > box.xmax || box.ymin > box.ymax) {
      features.fail(
        'image/object/bbox',
        `object ${i} ends before it begins: ${SIDES.map((s) => `${s} ${box[s]}`).join(', ')}`,
      );
    }
    const mask = masks?.[i];
    return { class: label(value), ...box, ...(mask && mask.length > 0 && { mask }) };
  });
}

const integers = (value: number[]) => ({ int64List: { value } });
const texts = (value: string[]) => ({ bytesList: { value: value.map((text) => Buffer.from(text)) } });
