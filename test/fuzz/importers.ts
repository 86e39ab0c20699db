import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import {
  findCoco,
  findCsv,
  findCvat,
  findFolders,
  findHuggingFace,
  findIdx,
  findLabelMe,
  findLabelStudio,
  findOpenImages,
  findTfrecords,
  findVia,
  findVoc,
  findWebDataset,
  findYolo,
  type ImportSource,
  importExamples,
  openDataset,
} from '../../src/data/index.ts';
import { idx } from '../data/idx-file.ts';
import { damaged, inFolder, put } from './data-inputs.ts';
import { type FuzzTarget, wrong } from './target.ts';

/** Files of a small set of a format, and how it is found. Images are called `*.png`. */
interface Format {
  files: Record<string, Uint8Array | string>;
  find(dir: string): Promise<ImportSource>;
}

const json = (value: unknown) => JSON.stringify(value, undefined, 1);
const xml = (name: string) =>
  `<?xml version="1.0"?><annotation><filename>${name}.png</filename><size><width>8</width><height>6</height></size><object><name>${name}</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>6</xmax><ymax>5</ymax></bndbox></object></annotation>`;
const rect = { name: 'rect', x: 1, y: 1, width: 4, height: 3 };
const images = { 'cat.png': '', 'dog.png': '' };

const formats: Record<string, Format> = {
  csv: {
    files: {
      ...images,
      'l.csv':
        'file,label,split,group,xmin,ymin,xmax,ymax\ncat.png,cat,train,g,1,1,5,4\ndog.png,dog,train,h,0,0,8,6\n',
    },
    find: (dir) => findCsv(join(dir, 'l.csv')),
  },
  coco: {
    files: {
      ...images,
      'c.json': json({
        images: ['cat', 'dog'].map((name, id) => ({ id, file_name: `${name}.png`, width: 8, height: 6 })),
        categories: ['cat', 'dog'].map((name, id) => ({ id, name })),
        annotations: [
          { image_id: 0, category_id: 0, bbox: [1, 1, 4, 3], segmentation: [[1, 1, 5, 1, 5, 4, 1, 4]] },
          {
            image_id: 1,
            category_id: 1,
            bbox: [0, 0, 8, 6],
            segmentation: { size: [6, 8], counts: [0, 24, 24] },
          },
        ],
      }),
    },
    find: (dir) => findCoco([{ split: 'train', images: dir, annotations: join(dir, 'c.json') }]),
  },
  voc: { files: { ...images, 'cat.xml': xml('cat'), 'dog.xml': xml('dog') }, find: (dir) => findVoc(dir) },
  yolo: {
    files: {
      'data.yaml': 'train: images\nnames: [cat, dog]\n',
      'images/cat.png': '',
      'images/dog.png': '',
      'labels/cat.txt': '0 0.5 0.5 0.5 0.5\n',
      'labels/dog.txt': '1 0 0 1 0 1 1\n',
    },
    find: (dir) => findYolo(dir),
  },
  labelme: {
    files: {
      ...images,
      'cat.json': json({
        imagePath: 'cat.png',
        imageWidth: 8,
        imageHeight: 6,
        shapes: [
          {
            label: 'cat',
            points: [
              [1, 1],
              [5, 4],
            ],
            shape_type: 'rectangle',
          },
        ],
      }),
      'dog.json': json({
        imagePath: 'dog.png',
        shapes: [
          {
            label: 'dog',
            points: [
              [0, 0],
              [4, 0],
              [4, 6],
            ],
            shape_type: 'polygon',
          },
        ],
      }),
    },
    find: (dir) => findLabelMe(dir),
  },
  cvat: {
    files: {
      ...images,
      'a.xml':
        '<annotations><image name="cat.png" width="8" height="6"><box label="cat" xtl="1" ytl="1" xbr="5" ybr="4"/></image><image name="dog.png" width="8" height="6"><mask label="dog" rle="2,10" left="1" top="1" width="4" height="3"/></image></annotations>',
    },
    find: (dir) => findCvat(join(dir, 'a.xml'), dir),
  },
  via: {
    files: {
      ...images,
      'v.json': json({
        a: { filename: 'cat.png', regions: [{ shape_attributes: rect, region_attributes: { k: 'cat' } }] },
        b: { filename: 'dog.png', regions: [{ shape_attributes: rect, region_attributes: { k: 'dog' } }] },
      }),
    },
    find: (dir) => findVia(join(dir, 'v.json'), dir),
  },
  'label-studio': {
    files: {
      ...images,
      's.json': json([
        {
          data: { image: '/x/cat.png' },
          annotations: [
            {
              result: [
                {
                  type: 'rectanglelabels',
                  value: { x: 1, y: 1, width: 50, height: 50, rectanglelabels: ['cat'] },
                },
              ],
            },
          ],
        },
        {
          data: { image: '/x/dog.png' },
          annotations: [{ result: [{ type: 'choices', value: { choices: ['dog'] } }] }],
        },
      ]),
    },
    find: (dir) => findLabelStudio(join(dir, 's.json'), dir),
  },
  'open-images': {
    files: {
      'i/cat.png': '',
      'i/dog.png': '',
      'l.csv': 'ImageID,Source,LabelName,Confidence\ncat,x,cat,1\ndog,x,dog,1\ncat,x,dog,0\n',
    },
    find: (dir) => findOpenImages(join(dir, 'i'), { labels: join(dir, 'l.csv') }),
  },
  'hugging-face': {
    files: {
      ...images,
      'metadata.jsonl':
        '{"file_name":"cat.png","label":"cat"}\n{"file_name":"dog.png","objects":{"bbox":[[0,0,4,4]],"category":["dog"]}}\n',
    },
    find: (dir) => findHuggingFace(dir),
  },
  folder: {
    files: { 'in/cat/cat.png': '', 'in/dog/dog.png': '', 'm/cat/cat.png': '' },
    find: (dir) => findFolders(join(dir, 'in'), { masks: join(dir, 'm') }),
  },
  idx: {
    files: {
      'train-images-idx3-ubyte': idx([2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8]),
      'train-labels-idx1-ubyte': idx([2], [0, 1]),
    },
    find: (dir) => findIdx(dir),
  },
  webdataset: { files: {}, find: (dir) => findWebDataset(dir) },
  tfrecord: { files: {}, find: (dir) => findTfrecords(dir) },
};

/** Damaged sets of every format: a typed error, or a data set that can be read, and nothing beside it. */
export const importersTarget: FuzzTarget = {
  name: 'importers',
  describe:
    'damaged files of every import: a typed error, or a data set that reads back; nothing is written elsewhere',
  short: 70,
  seconds: 10,
  async start() {
    const png = await sharp({ create: { width: 8, height: 6, channels: 3, background: '#a54' } })
      .png()
      .toBuffer();
    for (const { files } of Object.values(formats)) {
      for (const name of Object.keys(files)) if (name.endsWith('.png')) files[name] = png;
    }
    const { pack } = await import('tar-stream');
    const packed = pack();
    for (const [i, name] of ['cat', 'dog'].entries()) {
      packed.entry({ name: `${i}.png` }, png);
      packed.entry({ name: `${i}.cls` }, name);
    }
    packed.finalize();
    const pieces: Uint8Array[] = [];
    for await (const piece of packed) pieces.push(piece as Uint8Array);
    formats.webdataset!.files = { 'train.tar': Buffer.concat(pieces) };
    await inFolder(async (dir) => {
      put(dir, formats.csv!.files);
      await importExamples(await formats.csv!.find(dir), join(dir, 'out'));
      const { readFileSync } = await import('node:fs');
      const shard = 'train-00000-of-00001.tfrecord';
      formats.tfrecord!.files = { [shard]: readFileSync(join(dir, 'out', shard)) };
    });
  },
  async run(random) {
    const names = Object.keys(formats);
    const { files, find } = formats[names[random.integer(names.length)]!]!;
    await inFolder(async (top) => {
      const dir = join(top, 'in');
      const victims = Object.keys(files);
      const victim = victims[random.integer(victims.length)]!;
      put(dir, { ...files, [victim]: damaged(Buffer.from(files[victim]!), random) });
      const out = join(top, 'deep', 'out');
      const before = readdirSync(top).concat('deep').sort().join();
      try {
        const { info } = await importExamples(await find(dir), out, { skipBad: random.next() > 0.5 });
        const dataset = await openDataset(out, { cacheBytes: 0 });
        try {
          for (const [split, { examples }] of Object.entries(info.splits)) {
            let seen = 0;
            for await (const batch of dataset.batches(split, { batchSize: 4, imageSize: [6, 8], workers: 0 }))
              seen += batch.size;
            if (seen !== examples) wrong(`${split} has ${seen} images, not ${examples}`);
          }
        } catch (error) {
          wrong(`what was imported cannot be read: ${(error as Error).message}`);
        } finally {
          await dataset.close();
        }
      } finally {
        if (![before, before.replace('deep,', '')].includes(readdirSync(top).sort().join()))
          wrong(`wrote into ${dirname(out)}`);
      }
    });
  },
};
