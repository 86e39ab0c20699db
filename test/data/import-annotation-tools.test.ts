import { join } from 'node:path';
import test from 'ava';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { pack } from 'tar-stream';
import {
  findCvat,
  findHuggingFace,
  findLabelMe,
  findLabelStudio,
  findOpenImages,
  findVia,
  findWebDataset,
  findYolo,
  type ImportSource,
  importExamples,
} from '../../src/data/index.ts';
import { DataError, UsageError } from '../../src/errors/index.ts';
import { drawn, files, firstBatch, grey, mask, rounded, told } from './import-files.ts';

// Images are 8x6; every format draws the same: a box from (2, 0) to (6, 3), and the left or upper half as an outline.

const LEFT = '####....';
const imported = (source: ImportSource, dir: string, skipBad = false) =>
  importExamples(source, join(dir, 'out'), { skipBad });
const whats = (notes: Parameters<typeof told>[0]) =>
  told(notes).map(({ what, count }) => `${what}: ${count}`);

test('yolo: data.yaml as Roboflow writes it, boxes, outlines, images without labels', async (t) => {
  const dir = files(t, {
    'data.yaml': "train: ../train/images\nval: ../valid/images\nnc: 2\nnames: ['cat', 'dog']\n",
    'train/images/a.png': await grey(1),
    'train/labels/a.txt': '0 0.5 0.25 0.5 0.5\n1 0 0 0.5 0 0.5 1 0 1\n',
    'train/images/b.png': await grey(2),
    'train/labels/stray.txt': '0 0.5 0.5 1 1\n',
    'valid/images/c.png': await grey(3),
    'valid/labels/c.txt': '1 0.5 0.5 1 1\n',
  });
  const { info, notes, masks } = await imported(await findYolo(dir), dir);
  t.deepEqual([info.classes, info.multiLabel, masks], [['cat', 'dog'], true, 1]);
  const batch = await firstBatch(t, join(dir, 'out'), 'train');
  t.deepEqual([...batch.labels], [1, 1, 0, 0]);
  t.deepEqual(rounded(batch.boxes), [
    [0.25, 0, 0.75, 0.5],
    [0, 0, 0.5, 1],
  ]);
  t.is(drawn(batch.masks[0]!.mask, 8)[5], LEFT);
  t.is((await firstBatch(t, join(dir, 'out'), 'val')).size, 1);
  t.deepEqual(whats(notes), ['label files left out, they have no image: 1']);
});

test('yolo: without data.yaml, names by number, keypoints, and what is broken with its line', async (t) => {
  const plain = files(t, {
    'classes.txt': 'cat\ndog\n',
    'images/train/a.png': await grey(1),
    'labels/train/a.txt': '0 0.5 0.5 1 1\n9 0.5 0.5 1 1\n1 4 3 8 6\n0 0.1 0.1\n1 0.5 0.5 1 1',
  });
  const source = await findYolo(plain);
  t.deepEqual(
    source.problems!.map(({ message }) => message.slice(plain.length + 1)),
    [
      'labels/train/a.txt:2: class 9 is out of range: 2 classes are named',
      'labels/train/a.txt:3: expected parts of the image from 0 to 1, found 4',
      'labels/train/a.txt:4: expected a class and a box or an outline, found 3 numbers',
    ],
  );
  t.is((await imported(source, plain, true)).boxes, 2);

  const pose = files(t, {
    'pose.yaml': 'path: .\ntrain: images\nkpt_shape: [1, 3]\nnames: { 0: person }\n',
    'images/a.png': await grey(1),
    'labels/a.txt': '0 0.5 0.25 0.5 0.5 0.5 0.5 2\n',
  });
  const { boxes, notes } = await imported(await findYolo(join(pose, 'pose.yaml')), pose);
  t.deepEqual([boxes, whats(notes)], [1, ['keypoints left out: 1']]);

  const bare = files(t, { 'classes.txt': 'cat\n', 'images/a.png': await grey(1) });
  await t.throwsAsync(findYolo(bare), {
    instanceOf: DataError,
    message: /none of the 1 images has a label; the first would be in .*labels\/a\.txt$/,
  });
  const gone = files(t, { 'data.yaml': 'train: nowhere\nnames: [a]\n' });
  await t.throwsAsync(findYolo(gone), {
    instanceOf: DataError,
    message: /data\.yaml: train: .*nowhere does not exist$/,
  });
  await t.throwsAsync(findYolo('/nowhere/at/all'), { instanceOf: UsageError });
});

test('labelme: polygons, rectangles, circles, masks, and images that only the JSON holds', async (t) => {
  const json = (imagePath: string, shapes: object[], more: object = {}) =>
    JSON.stringify({
      version: '5.5.0',
      flags: {},
      imagePath,
      imageHeight: 6,
      imageWidth: 8,
      imageData: null,
      shapes,
      ...more,
    });
  const shape = (label: string, shape_type: string, points: number[][], more: object = {}) => ({
    label,
    shape_type,
    points,
    ...more,
  });
  const half = await mask(4, 6, () => 255);
  const dir = files(t, {
    'a.png': await grey(1),
    'a.json': json('a.png', [
      shape('cat', 'rectangle', [
        [6, 3],
        [2, 0],
      ]),
      shape('dog', 'polygon', [
        [0, 0],
        [4, 0],
        [4, 6],
        [0, 6],
      ]),
      shape('cat', 'line', [
        [0, 0],
        [4, 4],
      ]),
    ]),
    'b.json': json(
      '..\\elsewhere\\b.png',
      [
        shape(
          'dog',
          'mask',
          [
            [0, 0],
            [4, 6],
          ],
          { mask: half.toString('base64') },
        ),
      ],
      {
        imageData: (await grey(2)).toString('base64'),
      },
    ),
    'c.png': await grey(3),
    'c.json': json('c.png', [
      shape('cat', 'circle', [
        [4, 3],
        [6, 3],
      ]),
    ]),
    'd.png': await grey(4),
  });
  const { info, notes, masks } = await imported(await findLabelMe(dir), dir);
  t.deepEqual([info.classes, masks], [['cat', 'dog'], 3]);
  const batch = await firstBatch(t, join(dir, 'out'), 'train');
  t.deepEqual(rounded(batch.boxes).slice(0, 3), [
    [0.25, 0, 0.75, 0.5],
    [0, 0, 0.5, 1],
    [0, 0, 0.5, 1],
  ]);
  t.deepEqual(
    batch.masks.slice(0, 2).map((m) => drawn(m.mask, 8)[5]),
    [LEFT, LEFT],
  );
  t.deepEqual(drawn(batch.masks[2]!.mask, 8), [
    '........',
    '...##...',
    '..####..',
    '..####..',
    '...##...',
    '........',
  ]);
  t.deepEqual(whats(notes), [
    'images left out, they have no annotation: 1',
    'shapes left out: line: 1',
    'images that are not there, taken from their JSON: 1',
  ]);

  const flags = files(t, {
    'a.png': await grey(1),
    'a.json': json('a.png', [], { flags: { cat: true, dog: false } }),
    'b.png': await grey(2),
    'b.json': json('b.png', [], { flags: { cat: false, dog: true } }),
  });
  const classified = await findLabelMe(flags);
  t.deepEqual([classified.classes, classified.multiLabel], [['cat', 'dog'], false]);
  const wrong = files(t, {
    'a.png': await grey(1),
    'a.json': json(
      'a.png',
      [
        shape('cat', 'rectangle', [
          [0, 0],
          [1, 1],
        ]),
      ],
      { imageWidth: 9 },
    ),
  });
  await t.throwsAsync(imported(await findLabelMe(wrong), wrong), {
    instanceOf: DataError,
    message: /a\.json: is said to be 9x6, but the image is 8x6 \(width x height\)$/,
  });
});

test('cvat: boxes, polygons, masks, tags, subsets, groups; what is not read is told', async (t) => {
  const dir = files(t, {
    'a.png': await grey(1),
    'sub/b.png': await grey(2),
    'c.png': await grey(3),
    'annotations.xml': `<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version>
  <image id="0" name="a.png" width="8" height="6" subset="train">
    <box label="cat" source="manual" occluded="0" xtl="2" ytl="0" xbr="6" ybr="3" z_order="0"></box>
    <polygon label="dog" points="0,0;4,0;4,6;0,6"></polygon>
    <points label="cat" points="1,1"></points>
    <tag label="pet"><attribute name="place">home</attribute></tag>
  </image>
  <image id="1" name="sub/b.png" width="8" height="6" subset="train">
    <mask label="dog" rle="0, 24" left="0" top="0" width="4" height="6"></mask>
    <box label="cat" rotation="90" xtl="2" ytl="1" xbr="6" ybr="5"></box>
  </image>
  <image id="2" name="gone.png" width="8" height="6" subset="test"></image>
</annotations>`,
  });
  const find = () => findCvat(join(dir, 'annotations.xml'), dir, { groupAttribute: 'place' });
  await t.throwsAsync(imported(await find(), dir), {
    instanceOf: DataError,
    message: /annotations\.xml:13: .*gone\.png does not exist$/,
  });
  const { info, notes } = await imported(await find(), dir, true);
  t.deepEqual([info.classes, info.groups], [['cat', 'dog', 'pet'], ['home']]);
  const batch = await firstBatch(t, join(dir, 'out'), 'train');
  t.deepEqual([...batch.labels], [1, 1, 1, 1, 1, 0]);
  t.deepEqual(rounded(batch.boxes), [
    [0.25, 0, 0.75, 0.5],
    [0, 0, 0.5, 1],
    [0.25, 0.1667, 0.75, 0.8333],
    [0, 0, 0.5, 1],
  ]);
  t.true(batch.masks.filter((m) => m.class === 1).every((m) => drawn(m.mask, 8)[0] === LEFT));
  t.deepEqual(whats(notes), [
    'shapes left out: points: 1',
    'images left out, annotations.xml does not list them: 1',
  ]);
});

test('via: projects and exports of both versions, ticked attributes', async (t) => {
  const rect = { name: 'rect', x: 2, y: 0, width: 4, height: 3 };
  const polygon = { name: 'polygon', all_points_x: [0, 4, 4, 0], all_points_y: [0, 0, 6, 6] };
  const regions = [
    { shape_attributes: rect, region_attributes: { kind: 'cat' } },
    { shape_attributes: polygon, region_attributes: { kind: { dog: true, cat: false } } },
    { shape_attributes: { name: 'point', cx: 1, cy: 1 }, region_attributes: { kind: 'cat' } },
    { shape_attributes: rect, region_attributes: {} },
  ];
  const dir = files(t, {
    'a.png': await grey(1),
    'b.png': await grey(2),
    'project.json': JSON.stringify({
      _via_img_metadata: {
        'a.png1': { filename: 'a.png', size: 1, regions, file_attributes: { place: 'sea' } },
      },
    }),
    'one.json': JSON.stringify({
      'a.png1': { filename: 'a.png', regions: { 0: regions[0] }, file_attributes: {} },
    }),
    'two.json': JSON.stringify({
      x: { filename: 'a.png', regions: [{ shape_attributes: rect, region_attributes: { a: '1', b: '2' } }] },
    }),
  });
  const source = await findVia(join(dir, 'project.json'), dir, { groupAttribute: 'place' });
  const { info, notes } = await imported(source, dir);
  t.deepEqual([info.classes, info.groups], [['cat', 'dog'], ['sea']]);
  const batch = await firstBatch(t, join(dir, 'out'), 'train');
  t.deepEqual(rounded(batch.boxes), [
    [0.25, 0, 0.75, 0.5],
    [0, 0, 0.5, 1],
  ]);
  t.is(drawn(batch.masks[0]!.mask, 8)[0], LEFT);
  t.deepEqual(whats(notes), [
    'regions left out: point: 1',
    'regions left out, they have no class: 1',
    'images left out, project.json does not list them: 1',
  ]);
  t.deepEqual((await findVia(join(dir, 'one.json'), dir)).classes, ['cat']);
  await t.throwsAsync(findVia(join(dir, 'two.json'), dir), {
    instanceOf: UsageError,
    message: /which attribute is the class .* have a, b$/,
  });
});

test('label studio: percent, rotation, choices, uploads, cancelled and missing annotations', async (t) => {
  const result = (type: string, value: object) => ({ type, value, original_width: 8, original_height: 6 });
  const cat = result('rectanglelabels', {
    x: 25,
    y: 0,
    width: 50,
    height: 50,
    rotation: 0,
    rectanglelabels: ['cat'],
  });
  const dog = result('polygonlabels', {
    points: [
      [0, 0],
      [50, 0],
      [50, 100],
      [0, 100],
    ],
    polygonlabels: ['dog'],
  });
  // Turned by 90 degrees around its upper left corner: 4 wide and 3 high becomes 3 wide, to the left, and 4 high.
  const turned = result('rectanglelabels', {
    x: 50,
    y: 0,
    width: 50,
    height: 50,
    rotation: 90,
    rectanglelabels: ['cat'],
  });
  const tasks = [
    {
      data: { image: '/data/upload/1/0a1b2c3d-a.png', place: 'sea' },
      annotations: [
        { was_cancelled: true, result: [] },
        { result: [cat, dog, result('brushlabels', { rle: [] })] },
      ],
    },
    {
      data: { image: '/data/local-files/?d=photos%2Fb.png' },
      annotations: [{ result: [turned, result('choices', { choices: ['wild'] })] }],
    },
    { data: { image: 's3://bucket/c.png' }, annotations: [] },
  ];
  const dir = files(t, {
    'a.png': await grey(1),
    'photos/b.png': await grey(2),
    'project.json': JSON.stringify(tasks),
  });
  const { info, notes } = await imported(
    await findLabelStudio(join(dir, 'project.json'), dir, { groupAttribute: 'place' }),
    dir,
  );
  t.deepEqual([info.classes, info.groups], [['cat', 'dog', 'wild'], ['sea']]);
  const batch = await firstBatch(t, join(dir, 'out'), 'train');
  t.deepEqual([...batch.labels], [1, 1, 0, 1, 0, 1]);
  t.deepEqual(rounded(batch.boxes), [
    [0.25, 0, 0.75, 0.5],
    [0, 0, 0.5, 1],
    [0.125, 0, 0.5, 0.6667],
  ]);
  t.deepEqual(whats(notes), [
    'results left out: brushlabels: 1',
    'tasks left out, they have no annotation: 1',
  ]);
});

test('open images: verified labels are known, all others unknown; boxes, masks of their own size, groups', async (t) => {
  const dir = files(t, {
    'images/a.png': await grey(1),
    'images/b.png': await grey(2),
    'images/c.png': await grey(3),
    'names.csv': '/m/01,Cat\n/m/02,Dog\n/m/03,"Fox, red"\n',
    'labels.csv':
      'ImageID,Source,LabelName,Confidence\na,verification,/m/02,0\nb,verification,/m/03,1\nzzz,verification,/m/01,1\n',
    'boxes.csv':
      'ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf\na,x,/m/01,1,0.25,0.75,0,0.5,0,0,0\nb,x,/m/01,1,0,1,0,1,0,0,1\n',
    'segm.csv': 'MaskPath,ImageID,LabelName\na_m01.png,a,/m/01\n',
    'masks/a_m01.png': await mask(16, 12, (x) => Number(x < 8)),
  });
  const source = await findOpenImages(join(dir, 'images'), {
    labels: join(dir, 'labels.csv'),
    boxes: join(dir, 'boxes.csv'),
    segmentations: join(dir, 'segm.csv'),
    descriptions: join(dir, 'names.csv'),
  });
  const { info, notes } = await imported(source, dir);
  t.deepEqual([info.classes, info.multiLabel], [['Cat', 'Dog', 'Fox, red'], true]);
  const batch = await firstBatch(t, join(dir, 'out'), 'train');
  t.deepEqual([...batch.labels], [1, 0, 0, 1, 0, 1]);
  t.deepEqual([...batch.labelWeights!], [1, 1, 0, 1, 0, 1]);
  t.deepEqual(rounded(batch.boxes), [
    [0.25, 0, 0.75, 0.5],
    [0, 0, 0.5, 1],
  ]);
  t.is(drawn(batch.masks[0]!.mask, 8)[0], LEFT);
  t.deepEqual(whats(notes), [
    'rows left out, their image is not in the folder: 1',
    'groups, which give their image the class alone: 1',
    'images left out, no row is about them: 1',
  ]);
});

test('hugging face: folders with metadata.csv or jsonl', async (t) => {
  const dir = files(t, {
    'train/a.png': await grey(1),
    'train/b.png': await grey(2),
    'train/metadata.jsonl':
      '{"file_name":"a.png","objects":{"bbox":[[2,0,4,3]],"categories":["cat"]},"group":"sea"}\n{"file_name":"b.png","objects":[{"bbox":[0,0,8,6],"category":"dog"}]}\n',
    'validation/c.png': await grey(3),
    'validation/metadata.csv': 'file_name,label\nc.png,cat\ngone.png,dog\n',
  });
  const { info, skipped } = await imported(await findHuggingFace(dir), dir, true);
  t.deepEqual(
    [info.classes, info.groups, Object.keys(info.splits), skipped.length],
    [['cat', 'dog'], ['sea'], ['train', 'val'], 1],
  );
  t.deepEqual(rounded((await firstBatch(t, join(dir, 'out'), 'train')).boxes), [
    [0.25, 0, 0.75, 0.5],
    [0, 0, 1, 1],
  ]);
  const single = files(t, {
    'metadata.csv': 'file_name,label\ntrain/a.png,cat\ntest/b.png,dog\n',
    'train/a.png': await grey(1),
    'test/b.png': await grey(1),
  });
  const { multiLabel, items } = await findHuggingFace(single);
  t.deepEqual([multiLabel, items.map(({ split }) => split)], [false, ['train', 'test']]);
  const classFolders = files(t, { 'train/cat/a.png': await grey(1), 'train/dog/b.png': await grey(1) });
  t.deepEqual((await findHuggingFace(classFolders)).classes, ['cat', 'dog']);
});

test('hugging face: Parquet with images inside, named classes, objects, missing files', async (t) => {
  const images = await Promise.all([1, 2, 3].map(async (value) => new Uint8Array(await grey(value))));
  const features = { image: { _type: 'Image' }, label: { names: ['cat', 'dog'], _type: 'ClassLabel' } };
  const buffer = parquetWriteBuffer({
    columnData: [
      { name: 'label', data: [1, 0, 1], type: 'INT32' },
      { name: 'image', data: images, type: 'BYTE_ARRAY' },
    ],
    kvMetadata: [{ key: 'huggingface', value: JSON.stringify({ info: { features } }) }],
  });
  const dir = files(t, {
    'data/train-00000-of-00001.parquet': new Uint8Array(buffer),
    'data/notes.md': 'x',
    'README.md': 'x',
  });
  const { info, perClass, notes } = await imported(await findHuggingFace(dir), dir);
  t.deepEqual([info.classes, info.multiLabel, perClass], [['cat', 'dog'], false, [1, 2]]);
  const { images: pixels } = await firstBatch(t, join(dir, 'out'), 'train');
  t.deepEqual(
    [0, 1, 2].map((i) => Math.round(pixels[i * 144]! * 255)),
    [1, 2, 3],
  );
  t.deepEqual(whats(notes), ['files left out, they are no Parquet: 1']);

  const broken = files(t, { 'train-00000-of-00002.parquet': new Uint8Array(buffer).subarray(0, 400) });
  const error = await t.throwsAsync(findHuggingFace(broken), { instanceOf: DataError });
  t.regex(error!.message, /of the 2 files of train 1 are missing$/);
});

test('webdataset: tar files with .cls or .json', async (t) => {
  const tar = async (members: Record<string, string | Buffer>): Promise<Buffer> => {
    const packed = pack();
    for (const [name, content] of Object.entries(members)) packed.entry({ name }, content);
    packed.finalize();
    const pieces: Uint8Array[] = [];
    for await (const piece of packed) pieces.push(piece as Uint8Array);
    return Buffer.concat(pieces);
  };
  const long = 'x'.repeat(150); // more than a tar header holds: the offset must count the extra blocks
  const dir = files(t, {
    'train-000000.tar': await tar({
      '0001.png': await grey(1),
      '0001.cls': '1',
      [`deep/${long}.png`]: await grey(2),
      [`deep/${long}.json`]: '{"label":"cat"}',
      '0003.cls': '0',
      '0004.png': await grey(4),
      '0004.mp3': 'x',
    }),
    'val-000000.tar': await tar({ 'a.png': await grey(7), 'a.txt': 'dog' }),
    'odd.bin': 'x',
  });
  const source = await findWebDataset(dir, { classes: ['cat', 'dog'] });
  t.deepEqual(
    source.problems!.map(({ message }) => message.slice(dir.length + 1)),
    ['train-000000.tar: 0004: has no class: neither .cls nor a label in .json'],
  );
  const { info, notes } = await imported(source, dir, true);
  t.deepEqual([info.multiLabel, Object.keys(info.splits)], [false, ['train', 'val']]);
  const batch = await firstBatch(t, join(dir, 'out'), 'train');
  t.deepEqual([...batch.labels], [0, 1, 1, 0]);
  t.deepEqual(
    [0, 1].map((i) => Math.round(batch.images[i * 144]! * 255)),
    [1, 2],
  );
  t.deepEqual(whats(notes), [
    'files left out, they are no tar: 1',
    'members left out, they are neither image nor label: 1',
    'samples left out, they have no image: 1',
  ]);
  const cut = files(t, {
    'train.tar': (await tar({ 'a.png': await grey(7), 'a.cls': '0' })).subarray(0, 700),
  });
  await t.throwsAsync(findWebDataset(cut), {
    instanceOf: DataError,
    message: /train\.tar: cannot be read as tar/,
  });
});
