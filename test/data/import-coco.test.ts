import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import {
  cocoSplit,
  decompressRuns,
  drawSegmentation,
  findCoco,
  importExamples,
} from '../../src/data/index.ts';
import { DataError } from '../../src/errors/index.ts';
import { drawn, files, firstBatch, grey, rounded, told } from './import-files.ts';

interface Case {
  size: [number, number];
  polygon?: number[];
  compressed: string;
  runs: number[];
  coco: string;
  centres?: string;
}
const { cases }: { cases: Case[] } = JSON.parse(
  readFileSync(new URL('../fixtures/coco_masks.json', import.meta.url), 'utf8'),
);

function unpacked(bits: string, pixels: number): Uint8Array {
  const bytes = Buffer.from(bits, 'base64');
  return Uint8Array.from({ length: pixels }, (_, i) => (bytes[i >> 3]! >> (7 - (i % 8))) & 1);
}

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

test('runs, compressed or not, are those of pycocotools', (t) => {
  for (const { size, compressed, runs, coco } of cases) {
    const [height, width] = size;
    t.deepEqual(decompressRuns(compressed), runs);
    for (const counts of [compressed, runs]) {
      t.true(same(drawSegmentation({ size, counts }, width, height), unpacked(coco, width * height)));
    }
  }
});

test('polygons hold the pixels whose centre is inside; pycocotools differs on the rim alone', (t) => {
  for (const { size, polygon, coco, centres } of cases.filter((one) => one.polygon)) {
    const [height, width] = size;
    const mask = drawSegmentation([polygon!], width, height);
    t.true(same(mask, unpacked(centres!, width * height)));
    const theirs = unpacked(coco, width * height);
    const isRim = (i: number) =>
      [-1, 1, -width, width].some((step) => theirs[i + step] !== undefined && theirs[i + step] !== theirs[i]);
    const different = [...theirs.keys()].filter((i) => theirs[i] !== mask[i]);
    t.true(different.every(isRim));
    t.true(different.length < 0.02 * mask.length, `${different.length} of ${mask.length}`);
  }
});

const image = (id: number, file_name: string, width = 8, height = 6) => ({ id, file_name, width, height });
const square = [1, 1, 4, 1, 4, 3, 1, 3];

test('coco: boxes, polygons, runs, crowds, gaps in the ids, any order of the lists', async (t) => {
  const annotations = {
    annotations: [
      { id: 5, image_id: 7, category_id: 90, bbox: [1, 1, 3, 2], segmentation: [square], iscrowd: 0 },
      {
        id: 6,
        image_id: 9,
        category_id: 3,
        bbox: [0, 0, 2, 6],
        segmentation: { size: [6, 8], counts: [0, 12, 36] },
      },
      { id: 7, image_id: 7, category_id: 3, bbox: [4, 0, 4, 6], segmentation: [] },
      {
        id: 8,
        image_id: 9,
        category_id: 44,
        bbox: [0, 0, 8, 6],
        iscrowd: 1,
        segmentation: { size: [6, 8], counts: [0, 48] },
      },
    ],
    info: { description: 'a "quoted" \\ text with { and [', url: [] },
    categories: [
      { id: 90, name: 'brush' },
      { id: 3, name: 'car' },
      { id: 44, name: 'bottle' },
    ],
    images: [image(7, 'sub/für alle.png'), image(9, 'b.png'), image(11, 'c.png')],
  };
  for (const indent of [0, 2]) {
    const dir = files(t, {
      'img/sub/für alle.png': await grey(10),
      'img/b.png': await grey(20),
      'img/c.png': await grey(30),
      'a.json': `\uFEFF${JSON.stringify(annotations, undefined, indent)}`,
    });
    const source = await findCoco([
      { split: 'train', images: join(dir, 'img'), annotations: join(dir, 'a.json') },
    ]);
    t.deepEqual(source.classes, ['car', 'bottle', 'brush']);
    const out = join(dir, 'out');
    const { boxes, masks, notes } = await importExamples(source, out);
    t.deepEqual([boxes, masks], [3, 2]);
    t.deepEqual(notes, [{ what: 'crowds, which give their image the class alone', count: 1, where: [] }]);
    const batch = await firstBatch(t, out, 'train');
    t.deepEqual([...batch.labels], [1, 0, 1, 1, 1, 0, 0, 0, 0]);
    t.deepEqual(
      batch.boxes.map(({ sample, class: index }) => [sample, index]),
      [
        [0, 2],
        [0, 0],
        [1, 0],
      ],
    );
    t.deepEqual(rounded(batch.boxes), [
      [0.125, 0.1667, 0.5, 0.5],
      [0.5, 0, 1, 1],
      [0, 0, 0.25, 1],
    ]);
    t.deepEqual(drawn(batch.masks[0]!.mask, 8), [
      '........',
      '.###....',
      '.###....',
      '........',
      '........',
      '........',
    ]);
    t.deepEqual(drawn(batch.masks[1]!.mask, 8), Array(6).fill('##......'));
  }
});

const file = (annotation: object, images: object[] = [image(1, 'a.png'), image(2, 'b.png')]) =>
  JSON.stringify(
    {
      images,
      annotations: [{ id: 1, image_id: 1, category_id: 1, bbox: [0, 0, 4, 4] }, annotation],
      categories: [{ id: 1, name: 'cat' }],
    },
    undefined,
    1,
  );

const broken: [what: string, json: string, message: string][] = [
  [
    'a missing image',
    file({ id: 2, image_id: 1, category_id: 1, bbox: [0, 0, 4, 4] }, [image(1, 'a.png'), image(2, 'z.png')]),
    ':9: images[1] (id 2): IMG/z.png does not exist',
  ],
  [
    'an unknown image',
    file({ id: 2, image_id: 5, category_id: 1, bbox: [0, 0, 4, 4] }),
    ':28: annotations[1]: its image_id 5 is not among the images',
  ],
  [
    'an unknown category',
    file({ id: 2, image_id: 1, category_id: 0, bbox: [0, 0, 4, 4] }),
    ':28: annotations[1]: its category_id 0 is not among the categories',
  ],
  [
    'a box that is none',
    file({ id: 2, image_id: 2, category_id: 1, bbox: [0, 'x', 4, 4] }),
    ':28: annotations[1].bbox[1]: Invalid input: expected number, received string',
  ],
  [
    'neither box nor segmentation',
    file({ id: 2, image_id: 2, category_id: 1, bbox: undefined }),
    ':28: annotations[1]: has neither bbox nor segmentation',
  ],
  [
    'runs that do not cover the image',
    file({
      id: 2,
      image_id: 2,
      category_id: 1,
      bbox: [0, 0, 4, 4],
      segmentation: { size: [6, 8], counts: [9] },
    }),
    ':28: annotations[1].segmentation: the runs cover 9 pixels of 48',
  ],
  [
    'an image of another size',
    file({ id: 2, image_id: 1, category_id: 1, bbox: [0, 0, 4, 4] }, [
      image(1, 'a.png'),
      image(2, 'b.png', 16, 12),
      image(3, 'b.png'),
    ]),
    ':9: images[1]: is 16x12, but IMG/b.png is 8x6 (width x height)',
  ],
];
for (const [what, json, message] of broken) {
  test(`coco: ${what} is named with its line and place, or left out and counted`, async (t) => {
    const dir = files(t, { 'a.png': await grey(1), 'b.png': await grey(2), 'x.json': json });
    const parts = [{ split: 'train', images: dir, annotations: join(dir, 'x.json') }];
    const out = join(dir, 'out');
    await t.throwsAsync(importExamples(await findCoco(parts), out), {
      instanceOf: DataError,
      message: `${join(dir, 'x.json')}${message.replace('IMG', dir)}`,
    });
    const { skipped, info } = await importExamples(await findCoco(parts), out, { skipBad: true });
    t.is(skipped.length, 1);
    t.true(info.splits.train!.examples >= 1);
  });
}

test('coco: boxes outside, beyond and without area', async (t) => {
  const boxes = [
    [0, 0, 0, 0],
    [20, 0, 5, 5],
    [4, 3, 10, 10],
  ];
  const annotations = boxes.map((bbox, id) => ({ id, image_id: 1, category_id: 1, bbox }));
  const json = { images: [image(1, 'a.png')], annotations, categories: [{ id: 1, name: 'cat' }] };
  const dir = files(t, { 'a.png': await grey(1), 'x.json': JSON.stringify(json) });
  const source = await findCoco([{ split: 'train', images: dir, annotations: join(dir, 'x.json') }]);
  const { notes } = await importExamples(source, join(dir, 'out'));
  t.deepEqual(told(notes), [
    {
      what: 'objects left out, their box has no area',
      count: 1,
      where: [`${join(dir, 'x.json')}:1: annotations[0]: bbox [0,0,0,0]`],
    },
    {
      what: 'objects left out, their box lies outside the image',
      count: 1,
      where: [`${join(dir, 'x.json')}:1: annotations[1]: bbox [20,0,5,5], image 8x6`],
    },
    {
      what: 'boxes clipped to their image',
      count: 1,
      where: [`${join(dir, 'x.json')}:1: annotations[2]: bbox [4,3,10,10], image 8x6`],
    },
  ]);
  t.deepEqual(rounded((await firstBatch(t, join(dir, 'out'), 'train')).boxes), [[0.5, 0.5, 1, 1]]);
});

test('coco: what is no annotation file', async (t) => {
  const attempt = async (json: string, message: RegExp) => {
    const dir = files(t, { 'x.json': json });
    const parts = [{ split: 'train', images: dir, annotations: join(dir, 'x.json') }];
    await t.throwsAsync(findCoco(parts), { instanceOf: DataError, message });
  };
  await attempt('', /x\.json:1: expected a JSON object with arrays$/);
  await attempt('[]', /x\.json:1: expected a JSON object, found a list$/);
  await attempt('{"images": []}', /x\.json: has no list "categories"; is it a COCO annotation file\?$/);
  await attempt('{"images": [{"id": 1,\n "file', /x\.json:2: ends in the middle of images\[0\]$/);
  await attempt(
    file({}, [image(3, 'gone.png')]),
    /none of the 1 images of .*x\.json is here, not even gone\.png$/,
  );
  await attempt(
    '{"images": [\n{"id" 1}], "categories": [], "annotations": []}',
    /x\.json:2: images\[0\]: Expected ':' after/,
  );
});

test('coco: objects that lie across the pieces in which a file is read', async (t) => {
  const images = Array.from({ length: 3000 }, (_, i) => ({ ...image(i, 'a.png'), note: 'x'.repeat(500) }));
  const json = { images, annotations: [], categories: [{ id: 1, name: 'cät' }] };
  const dir = files(t, { 'a.png': await grey(1), 'x.json': JSON.stringify(json) });
  const source = await findCoco([{ split: 'train', images: dir, annotations: join(dir, 'x.json') }]);
  t.is(source.items.length, 3000);
  t.deepEqual(source.problems, []);
});

test('coco: the split is in the name of the file', (t) => {
  const names = ['a/instances_val2017.json', 'instances_train2014.json', 'my-test.json', 'latest.json'];
  t.deepEqual(names.map(cocoSplit), ['val', 'train', 'test', 'train']);
});
