import { readFileSync } from 'node:fs';
import test from 'ava';
import { Example } from 'tfrecord-stream';
import { decodeExample, encodeExample, type ImageExample } from '../../src/data/index.ts';
import { DataError } from '../../src/errors/index.ts';

const rule = { classes: ['boat', 'car', 'house'], multiLabel: true };
const example: ImageExample = {
  encoded: new Uint8Array([1, 2, 3]),
  format: 'png',
  height: 3,
  width: 2,
  filename: 'Übung.png',
  labels: [2, 0],
  objects: [
    { class: 2, xmin: 0, ymin: 0, xmax: 0.5, ymax: 0.75, mask: new Uint8Array([9]) },
    { class: 0, xmin: 0.25, ymin: 0.125, xmax: 1, ymax: 1 },
  ],
};

function plainly(decoded: ImageExample) {
  return {
    ...decoded,
    encoded: [...decoded.encoded],
    objects: decoded.objects.map((object) => ({ ...object, mask: object.mask && [...object.mask] })),
  };
}

test('what was encoded is decoded, an object without a mask included', (t) => {
  t.deepEqual(plainly(decodeExample(encodeExample(example, rule.classes), rule, 'x')), plainly(example));
});

test('what TensorFlow encoded is decoded', (t) => {
  const path = new URL('../fixtures/data_tfrecord.json', import.meta.url);
  const record = Buffer.from(JSON.parse(readFileSync(path, 'utf8')).plain.records[0], 'base64');
  const decoded = decodeExample(record, rule, 'x');
  t.is(decoded.filename, 'Übung.png');
  t.deepEqual([decoded.width, decoded.height, decoded.format], [2, 3, 'png']);
  t.deepEqual(decoded.labels, [2, 0]);
  t.deepEqual(
    decoded.objects.map(({ mask: _, ...box }) => box),
    [
      { class: 2, xmin: 0, ymin: 0, xmax: 0.5, ymax: 0.75 },
      { class: 0, xmin: 0.25, ymin: Math.fround(0.1), xmax: 1, ymax: Math.fround(0.9) },
    ],
  );
  t.true(decoded.objects.every(({ mask }) => mask!.length > 60));
});

test('labels are those of the objects where the image has none of its own, each once', (t) => {
  const bytes = changed((feature) => {
    delete feature['image/class/label'];
    feature['image/object/class/label'] = { int64List: { value: [1, 1] } };
  });
  t.deepEqual(decodeExample(bytes, rule, 'x').labels, [1]);
});

test('an image without labels is allowed where a data set has several per image', (t) => {
  const bytes = encodeExample({ ...example, labels: [], objects: [] }, rule.classes);
  t.deepEqual(decodeExample(bytes, rule, 'x').labels, []);
  const error = t.throws(() => decodeExample(bytes, { ...rule, multiLabel: false }, 'x'), {
    instanceOf: DataError,
  });
  t.is(error?.message, 'x: feature image/class/label: expected one label, found 0');
});

test('unknown labels and the group of an image are carried', (t) => {
  const more = { ...example, unknown: [1], group: 'boat on land' };
  t.deepEqual(plainly(decodeExample(encodeExample(more, rule.classes), rule, 'x')), plainly(more));
  const plain = decodeExample(encodeExample(example, rule.classes), rule, 'x');
  t.false('unknown' in plain || 'group' in plain);
});

test('where an image has one label, all classes are unknown or none', (t) => {
  const single = { ...rule, multiLabel: false };
  const decode = (labels: number[], unknown: number[]) =>
    decodeExample(encodeExample({ ...example, labels, unknown, objects: [] }, rule.classes), single, 'x');
  t.deepEqual(decode([], [2, 0, 1]).unknown, [2, 0, 1]);
  t.is(
    t.throws(() => decode([0], [1]), { instanceOf: DataError })?.message,
    'x: feature image/class/unknown: where an image has one label, all classes are unknown or none, not 1 of 3',
  );
});

test('a group that the data set does not list is an error, where it lists any', (t) => {
  const bytes = encodeExample({ ...example, group: 'sea' }, rule.classes);
  t.is(decodeExample(bytes, { ...rule, groups: ['land', 'sea'] }, 'x').group, 'sea');
  t.is(
    t.throws(() => decodeExample(bytes, { ...rule, groups: ['land'] }, 'x'), { instanceOf: DataError })
      ?.message,
    'x: feature image/group: sea is not one of the groups land',
  );
});

type Features = Record<string, object>;

function changed(change: (feature: Features) => void): Uint8Array {
  const object = Example.decode(encodeExample(example, rule.classes));
  change(object.features!.feature as Features);
  return Example.encode(object).finish();
}

const broken: [what: string, change: (feature: Features) => void, message: string][] = [
  [
    'an unknown class that is a label too',
    (f) => (f['image/class/unknown'] = { int64List: { value: [1, 2] } }),
    'image/class/unknown: class 2 is among the labels too',
  ],
  [
    'an unknown class out of range',
    (f) => (f['image/class/unknown'] = { int64List: { value: [3] } }),
    'image/class/unknown: class 3 is out of range: the data set has 3 classes, 0 to 2',
  ],
  [
    'a group that is a number',
    (f) => (f['image/group'] = { int64List: { value: [3] } }),
    'image/group: expected bytes, found int64s',
  ],
  ['a missing image', (f) => delete f['image/encoded'], 'image/encoded: is missing'],
  [
    'an empty image',
    (f) => (f['image/encoded'] = { bytesList: { value: [Buffer.alloc(0)] } }),
    'image/encoded: is empty',
  ],
  [
    'labels of another type',
    (f) => (f['image/class/label'] = { floatList: { value: [1] } }),
    'image/class/label: expected int64s, found floats',
  ],
  [
    'a class out of range',
    (f) => (f['image/class/label'] = { int64List: { value: [3] } }),
    'image/class/label: class 3 is out of range: the data set has 3 classes, 0 to 2',
  ],
  [
    'a negative class of an object',
    (f) => (f['image/object/class/label'] = { int64List: { value: [0, -1] } }),
    'image/object/class/label: class -1 is out of range: the data set has 3 classes, 0 to 2',
  ],
  [
    'fewer sides than objects',
    (f) => (f['image/object/bbox/ymin'] = { floatList: { value: [0] } }),
    'image/object/bbox/ymin: has 1 values for 2 objects',
  ],
  [
    'a side in pixels',
    (f) => (f['image/object/bbox/xmax'] = { floatList: { value: [1, 31] } }),
    'image/object/bbox/xmax: 31 of object 1 is outside 0 to 1',
  ],
  [
    'a side that is no number',
    (f) => (f['image/object/bbox/xmin'] = { floatList: { value: [Number.NaN, 0] } }),
    'image/object/bbox/xmin: NaN of object 0 is outside 0 to 1',
  ],
  [
    'a box that ends before it begins',
    (f) => (f['image/object/bbox/xmin'] = { floatList: { value: [0.75, 0] } }),
    'image/object/bbox: object 0 ends before it begins: xmin 0.75, ymin 0, xmax 0.5, ymax 0.75',
  ],
];
for (const [what, change, message] of broken) {
  test(`${what} is an error that names the feature`, (t) => {
    const error = t.throws(() => decodeExample(changed(change), rule, 'a.tfrecord, record 4'), {
      instanceOf: DataError,
    });
    t.is(error?.message, `a.tfrecord, record 4: feature ${message}`);
  });
}

test('a record that is no example at all', (t) => {
  t.throws(() => decodeExample(Buffer.from('hello, world'), rule, 'a.tfrecord, record 4'), {
    instanceOf: DataError,
    message: /^a.tfrecord, record 4: is not a tf.train.Example: /,
  });
});
