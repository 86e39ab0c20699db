import { FeatureReader } from '../../feature-reader.ts';
import { SIDES } from '../../image-example.ts';
import type { Sides } from '../reading/annotated-frame.ts';

/** What a record holds, in the numbers of its file. */
export interface ForeignExample {
  encoded: Uint8Array;
  filename: string;
  stated: { width?: number; height?: number };
  /** Numbers of the classes of the image. */
  ids: number[];
  /** Numbers of the classes that are not known; 'all' where the label is negative, which stands for that. */
  unknown: number[] | 'all';
  group: string;
  /** Mask of what must not matter, in records of this package. */
  confounder: Uint8Array | undefined;
  objects: ForeignObject[];
  /** Names that the record gives numbers. */
  texts: Map<number, string>;
}

export interface ForeignObject {
  id: number;
  /** From 0 to 1. */
  box: Sides | undefined;
  mask: Uint8Array | undefined;
  crowd: boolean;
}

/**
 * Reads a record as the Object Detection API or TFDS write it:
 *
 * | | Object Detection API | TFDS |
 * |---|---|---|
 * | image | `image/encoded` | `image` |
 * | its classes | `image/class/label`, `image/class/text` | `label` or `labels` |
 * | boxes | `image/object/bbox/xmin`, `ymin`, `xmax`, `ymax` | `objects/bbox`: ymin, xmin, ymax, xmax of each |
 * | their classes | `image/object/class/label`, `image/object/class/text` | `objects/label` |
 * | masks, crowds | `image/object/mask`, `image/object/is_crowd` | `objects/is_crowd` |
 *
 * @throws {DataError} that names the feature
 */
export function readForeignExample(bytes: Uint8Array, where: string): ForeignExample {
  const features = new FeatureReader(bytes, where);
  const first = (...names: string[]) => names.find((name) => features.has(name));
  const image = first('image/encoded', 'image') ?? 'image/encoded';
  const encoded = features.bytes(image)[0];
  if (!encoded || encoded.length === 0) return features.fail(image, 'is empty');

  const label = first('image/class/label', 'label', 'labels');
  const imageIds = label ? features.integers(label) : [];
  const objectLabel = first('image/object/class/label', 'objects/label');
  const objectIds = objectLabel ? features.integers(objectLabel) : [];
  const boxes = readBoxes(features, objectIds.length);
  const list = <T>(name: string | undefined, read: (name: string) => T[]): T[] => {
    const values = name ? read(name) : [];
    if (name && values.length > 0 && values.length !== objectIds.length) {
      features.fail(name, `has ${values.length} values for ${objectIds.length} objects`);
    }
    return values;
  };
  const masks = list(first('image/object/mask'), (name) => features.bytes(name));
  const crowds = list(first('image/object/is_crowd', 'objects/is_crowd'), (name) => features.integers(name));

  const texts = new Map<number, string>();
  const named: [ids: number[], text: string][] = [
    [imageIds, 'image/class/text'],
    [objectIds, 'image/object/class/text'],
  ];
  for (const [ids, text] of named) {
    const values = features.texts(text);
    for (const [i, id] of ids.entries()) texts.set(id, values[i] ?? '');
  }
  const stated = {
    ...(features.has('image/width') && { width: features.integers('image/width')[0]! }),
    ...(features.has('image/height') && { height: features.integers('image/height')[0]! }),
  };
  return {
    encoded,
    filename: features.text('image/filename'),
    stated,
    ids: imageIds.filter((id) => id >= 0),
    unknown: imageIds.some((id) => id < 0)
      ? 'all'
      : features.has('image/class/unknown')
        ? features.integers('image/class/unknown')
        : [],
    group: features.text('image/group'),
    confounder: features.has('image/confounder') ? features.bytes('image/confounder')[0] : undefined,
    objects: objectIds.map((id, i) => ({
      id,
      box: boxes?.[i],
      mask: masks[i]?.length ? masks[i] : undefined,
      crowd: crowds[i] === 1,
    })),
    texts,
  };
}

function readBoxes(features: FeatureReader, objects: number): Sides[] | undefined {
  const flat = 'objects/bbox';
  if (features.has(flat)) {
    const values = features.floats(flat);
    if (values.length !== objects * 4)
      features.fail(flat, `has ${values.length} values for ${objects} objects`);
    return Array.from({ length: objects }, (_, i) => {
      const [ymin, xmin, ymax, xmax] = values.slice(i * 4) as [number, number, number, number];
      return { xmin, ymin, xmax, ymax };
    });
  }
  const names = SIDES.map((side) => `image/object/bbox/${side}`);
  if (!names.some((name) => features.has(name))) return undefined;
  const sides = names.map((name) => {
    const values = features.floats(name);
    if (values.length !== objects) features.fail(name, `has ${values.length} values for ${objects} objects`);
    return values;
  });
  return Array.from({ length: objects }, (_, i) => {
    const [xmin, ymin, xmax, ymax] = sides.map((values) => values[i]!) as [number, number, number, number];
    return { xmin, ymin, xmax, ymax };
  });
}
