import { chmodSync, createWriteStream, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { finished } from 'node:stream/promises';
import sharp from 'sharp';
import { Example, RecordWriter } from 'tfrecord-stream';
import { idx } from '../data/idx-file.ts';
import { root } from './commands.ts';

// What the reader of a document is said to have, under the names that the documents give it. All of it is small and made
// here; networks are those of the runs that were trained before.

/** Puts the files of a reader into a clone; what is there already stays. */
export async function readersFiles(dir: string): Promise<void> {
  const write = (name: string, content: string | Uint8Array) => {
    const path = join(dir, name);
    mkdirSync(dirname(path), { recursive: true });
    if (!existsSync(path)) writeFileSync(path, content);
  };
  for (const [kind, color] of Object.entries({ cat: '#964', dog: '#469' })) {
    for (let i = 0; i < 20; i++) {
      const at = { left: 2 * i, top: 40 - 2 * i };
      const back = `rgb(${80 + i * 5}, 120, ${160 - i * 4})`;
      const photo = await square(back, color, at, 'jpeg');
      const mask = await square('black', 'white', at, 'png');
      write(`pets/${kind}/${i}.jpg`, photo);
      write(`pet-masks/${kind}/${i}.png`, mask);
      if (i % 2)
        write(`collars/${kind}/${i}.png`, await square('black', 'white', { left: 4, top: 4 }, 'png'));
      if (i === 0) {
        for (const name of [`${kind}.jpg`, `photos/${kind}.jpg`]) write(name, photo);
      }
      if (i < 12) write(`data/birds/${kind}-${i}.jpg`, photo);
    }
  }
  write('names.txt', 'cat\ndog\n');
  write('imagenet.txt', `${Array.from({ length: 1000 }, (_, i) => `class ${i}`).join('\n')}\n`);
  write('predict.py', blackBox);
  write('deploy.prototxt', await readFile(join(root, 'test/fixtures/alexnet.prototxt')));
  await annotated(write);
  await tfds(join(dir, 'tensorflow_datasets/voc/2007/5.0.0'));
  for (const name of ['downloads/mnist', 'downloads/fashion-mnist']) digits(write, name);
  // The guide's `python` is python3 on most machines.
  const python = join(dir, '.reader/python');
  write('.reader/python', '#!/bin/sh\nexec python3 "$@"\n');
  chmodSync(python, 0o755);
}

/** Networks of the reader's own, once there is a run: the same network under other names. */
export function readersNetworks(dir: string): void {
  const link = (from: string, name: string) => {
    const [source, target] = [join(from.startsWith('..') ? root : dir, from), join(dir, name)];
    if (!existsSync(source) || existsSync(target)) return;
    mkdirSync(dirname(target), { recursive: true });
    symlinkSync(source, target);
  };
  for (const name of ['runs/mine', 'runs/rrr', 'runs/small', 'runs/large', 'runs/gain-ext'])
    link('runs/gain', name);
  link('runs/gain/model', 'my-model');
  link('../shared/data/models/tiny-vgg', 'tiny-vgg');
  link('runs/distill', 'runs/distilled');
}

function square(
  background: string,
  color: string,
  { left, top }: { left: number; top: number },
  format: 'jpeg' | 'png',
): Promise<Buffer> {
  const create = { width: 24, height: 24, channels: 3 as const, background: color };
  return sharp({ create: { width: 64, height: 64, channels: 3, background } })
    .composite([{ input: { create }, left, top }])
    .toFormat(format)
    .toBuffer();
}

type Write = (name: string, content: string | Uint8Array) => void;

/** VOC, COCO, CUB, a table: twelve pictures of two classes in each. */
async function annotated(write: Write): Promise<void> {
  const pictures = Array.from({ length: 12 }, (_, i) => ({
    id: i + 1,
    name: `p${i}.jpg`,
    kind: i % 2 ? 'dog' : 'cat',
    split: i < 8 ? 'train' : 'val',
  }));
  const box = { x: 10, y: 10, width: 24, height: 24 };
  for (const { id, name, kind } of pictures) {
    const photo = await square(
      `rgb(${id * 9}, 99, 120)`,
      id % 2 ? '#964' : '#469',
      { left: 10, top: 10 },
      'jpeg',
    );
    for (const folder of ['VOCdevkit/VOC2012/JPEGImages', 'val2017', '.', `CUB_200_2011/images/${kind}`]) {
      write(join(folder, name), photo);
    }
    write(
      `VOCdevkit/VOC2012/Annotations/p${id - 1}.xml`,
      `<annotation><filename>${name}</filename><size><width>64</width><height>64</height><depth>3</depth></size><object>` +
        `<name>${kind}</name><bndbox><xmin>11</xmin><ymin>11</ymin><xmax>34</xmax><ymax>34</ymax></bndbox></object></annotation>`,
    );
  }
  for (const split of ['train', 'val']) {
    const names = pictures.filter((one) => one.split === split).map(({ id }) => `p${id - 1}`);
    write(`VOCdevkit/VOC2012/ImageSets/Main/${split}.txt`, `${names.join('\n')}\n`);
  }
  const { x, y, width, height } = box;
  const coco = {
    images: pictures.map(({ id, name }) => ({ id, file_name: name, width: 64, height: 64 })),
    annotations: pictures.map(({ id, kind }) => ({
      id,
      image_id: id,
      category_id: kind === 'cat' ? 1 : 2,
      bbox: [x, y, width, height],
    })),
    categories: ['cat', 'dog'].map((name, i) => ({ id: i + 1, name })),
  };
  write('instances_val2017.json', JSON.stringify(coco));
  const table = pictures.map(({ name, kind }) => `${name},${kind},10,10,34,34`);
  write('photos.csv', `file,label,xmin,ymin,xmax,ymax\n${table.join('\n')}\n`);
  const lines = (line: (one: (typeof pictures)[number]) => string) => `${pictures.map(line).join('\n')}\n`;
  write(
    'CUB_200_2011/images.txt',
    lines(({ id, kind, name }) => `${id} ${kind}/${name}`),
  );
  write(
    'CUB_200_2011/image_class_labels.txt',
    lines(({ id, kind }) => `${id} ${kind === 'cat' ? 1 : 2}`),
  );
  write('CUB_200_2011/classes.txt', '1 001.cat\n2 002.dog\n');
  write(
    'CUB_200_2011/train_test_split.txt',
    lines(({ id, split }) => `${id} ${split === 'train' ? 1 : 0}`),
  );
  write(
    'CUB_200_2011/bounding_boxes.txt',
    lines(({ id }) => `${id} ${x} ${y} ${width} ${height}`),
  );
}

/** Records as TFDS writes them. */
async function tfds(folder: string): Promise<void> {
  if (existsSync(folder)) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'label.labels.txt'), 'cat\ndog\n');
  for (const split of ['train', 'test']) {
    const stream = createWriteStream(join(folder, `voc-${split}.tfrecord-00000-of-00001`));
    const writer = await RecordWriter.createFromStream(stream);
    for (let i = 0; i < 8; i++) {
      const photo = await square(`rgb(${i * 9}, 99, 120)`, '#964', { left: 5 * i, top: 8 }, 'jpeg');
      const feature = { image: { bytesList: { value: [photo] } }, label: { int64List: { value: [i % 2] } } };
      await writer.writeRecord(Buffer.from(Example.encode({ features: { feature } }).finish()));
    }
    await writer.close();
    await finished(stream);
  }
}

/** Files of the MNIST family: 120 and 40 pictures of noise, of ten classes. */
function digits(write: Write, folder: string): void {
  for (const [name, count] of [
    ['train', 1200],
    ['t10k', 40],
  ] as const) {
    const pixels = Array.from({ length: count * 784 }, (_, i) => (i * 7919) % 251);
    write(join(folder, `${name}-images-idx3-ubyte`), idx([count, 28, 28], pixels));
    write(
      join(folder, `${name}-labels-idx1-ubyte`),
      idx(
        [count],
        Array.from({ length: count }, (_, i) => i % 10),
      ),
    );
  }
}

/** A program that scores images by their first and last pixel. */
const blackBox = `import base64, json, struct, sys

for line in sys.stdin:
    asked = json.loads(line)
    data, size = base64.b64decode(asked["data"]), 1
    for side in asked["shape"][1:]:
        size *= side
    values = struct.unpack("<%df" % (len(data) // 4), data)
    rows = [values[i * size:(i + 1) * size] for i in range(asked["shape"][0])]
    print(json.dumps({"scores": [[row[len(row) // 2], 1 - row[len(row) // 2]] for row in rows]}), flush=True)
`;

/** The same as a server. */
export const scoreServer = `${blackBox.split('\n')[0]}
from http.server import BaseHTTPRequestHandler, HTTPServer

class Scores(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        data, count = base64.b64decode(asked["data"]), asked["shape"][0]
        size = len(data) // count
        scores = [struct.unpack("<f", data[i * size + size // 8 * 4:][:4])[0] for i in range(count)]
        body = json.dumps({"scores": [[s, 1 - s] for s in scores]}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass

HTTPServer(("127.0.0.1", 8000), Scores).serve_forever()
`;

/** Copies a config that a document says to save. */
export async function savedFiles(document: string, dir: string): Promise<void> {
  const text = await readFile(join(root, document), 'utf8');
  for (const [, name, content] of text.matchAll(/Save as `([^`]+)`[\s\S]*?```\w*\n([\s\S]*?)```/g)) {
    mkdirSync(dirname(join(dir, name!)), { recursive: true });
    writeFileSync(join(dir, name!), content!);
  }
}
