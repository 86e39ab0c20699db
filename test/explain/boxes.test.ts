import { spawnSync } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import sharp from 'sharp';
import { DataError, UsageError } from '../../src/errors/index.ts';
import { boxInFile, findMethods, listImages, mapBoxes, readImages } from '../../src/explain/index.ts';
import { startTestEngine } from '../engine/test-engine.ts';
import { callProgram } from '../programs/call-program.ts';
import { smallScene, temporary } from './networks.ts';

test.before(() => startTestEngine());

const [gradCam, occlusion, gradient] = findMethods(['grad-cam', 'occlusion', 'gradient']);

/** A map of zeros with some rectangles of one value. */
function mapOf(
  height: number,
  width: number,
  ...parts: readonly [left: number, top: number, right: number, bottom: number, value: number][]
) {
  const values = new Float32Array(height * width);
  for (const [left, top, right, bottom, value] of parts) {
    for (let y = top; y <= bottom; y++) values.fill(value, y * width + left, y * width + right + 1);
  }
  return { values, shape: [height, width] };
}

test('boxes of the parts of a map above the threshold, the largest first', (t) => {
  const map = mapOf(10, 20, [1, 1, 3, 2, 1], [8, 4, 15, 8, 0.6], [18, 0, 19, 0, 0.3]);
  const boxes = mapBoxes({ method: gradCam!, ...map }, [10, 20], 0.5);
  const { area, strength, ...place } = boxes[0]!;
  t.deepEqual(place, { xmin: 8 / 20, ymin: 0.4, xmax: 16 / 20, ymax: 0.9 });
  t.is(area, 40 / 200);
  t.is(strength, 153 / 255, '⌊255 · 0.6⌋ / 255');
  t.is(boxes.length, 2);
  t.deepEqual([boxes[1]!.xmin, boxes[1]!.ymax], [1 / 20, 0.3]);
  t.is(mapBoxes({ method: gradCam!, ...map }, [10, 20], 0.7).length, 1);
  t.is(mapBoxes({ method: gradCam!, ...map }, [10, 20], 0.1).length, 3);
});

test('what speaks against the class is in no box; what points nowhere has none', (t) => {
  const map = mapOf(6, 6, [0, 0, 1, 1, -1], [3, 3, 4, 5, 0.5]);
  const boxes = mapBoxes({ method: occlusion!, ...map }, [6, 6], 0.5);
  t.deepEqual(
    boxes.map(({ xmin, ymin, xmax, ymax }) => [xmin, ymin, xmax, ymax]),
    [[0.5, 0.5, 5 / 6, 1]],
  );
  t.deepEqual(mapBoxes({ method: gradCam!, ...mapOf(4, 4), defect: 'dead' }, [4, 4], 0.5), []);
  const pixels = { values: new Float32Array(48), shape: [4, 4, 3] };
  t.deepEqual(mapBoxes({ method: gradient!, ...pixels }, [4, 4], 0.5), []);
});

test('a box in pixels of the file: squashed images, and the centre of those that are cut', (t) => {
  const box = { xmin: 0.25, ymin: 0.5, xmax: 0.75, ymax: 1 };
  const image = { name: 'a', file: 'a', pixels: new Float32Array() };
  const whole = { left: 0, top: 0, width: 400, height: 100 };
  t.deepEqual(
    boxInFile(box, { ...image, view: { width: 400, height: 100, window: whole } }),
    [100, 50, 200, 50],
  );
  const window = { left: 150, top: 0, width: 100, height: 100 };
  t.deepEqual(boxInFile(box, { ...image, view: { width: 400, height: 100, window } }), [175, 50, 50, 50]);
  t.is(boxInFile(box, image), undefined);
});

test.serial('explain draws boxes, and writes them as JSON and for COCO', async (t) => {
  const scene = await smallScene(t);
  const out = join(scene.dir, 'out');
  const asked = ['explain', '--model', scene.model, '--image', scene.file('red.png'), '--out', out];
  const words = ['--method', 'grad-cam', 'gradient', '--class', '1', '--threshold', '0.4'];
  const { code, stderr } = await callProgram(...asked, ...words);
  t.is(code, 0, stderr);
  const list = JSON.parse(await readFile(join(out, 'explanations.json'), 'utf8'));
  const [{ methods }] = list.images[0].classes;
  t.is(methods.gradient.boxes, undefined);
  const { boxes, threshold } = methods['grad-cam'];
  t.is(threshold, 0.4);
  const coco = JSON.parse(await readFile(join(out, 'boxes.grad-cam.coco.json'), 'utf8'));
  t.deepEqual(coco.images, [{ id: 1, file_name: scene.file('red.png'), width: 24, height: 16 }]);
  t.is(coco.annotations.length, boxes.length);
  t.true(boxes.length > 0);
  const [first] = coco.annotations;
  t.deepEqual([first.image_id, first.category_id, first.iscrowd], [1, 2, 0]);
  t.deepEqual(first.bbox, boxes[0].bbox);
  t.true(
    Math.abs(first.bbox[0] - 24 * boxes[0].xmin) < 0.01 &&
      Math.abs(first.bbox[2] / 24 - (boxes[0].xmax - boxes[0].xmin)) < 0.01,
  );
  t.deepEqual(coco.categories.length, 3);
  // The frame is in the picture, at the left edge of the box.
  const { data, info } = await sharp(join(out, methods['grad-cam'].picture))
    .raw()
    .toBuffer({ resolveWithObject: true });
  const [x, y] = [Math.round(boxes[0].xmin * info.width), Math.round(boxes[0].ymin * info.height)];
  t.deepEqual([...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)], [0, 255, 0]);
  const plain = await callProgram(...asked, ...words, '--no-boxes');
  t.is(plain.code, 0, plain.stderr);
  const wrong = await callProgram(...asked, '--threshold', '1.5');
  t.regex(wrong.stderr, /--threshold: expected a share of the map's maximum in \[0, 1\), found 1\.5/);
  t.is(wrong.code, 2);
});

test.serial('a folder stands for its images; what is none of them is counted and named', async (t) => {
  const dir = await temporary(t);
  await mkdir(join(dir, 'photos', 'more'), { recursive: true });
  const picture = sharp({ create: { width: 4, height: 4, channels: 3, background: 'red' } }).png();
  for (const name of ['b.png', 'a.PNG', 'more/c.png'])
    await picture.clone().toFile(join(dir, 'photos', name));
  await writeFile(join(dir, 'photos', 'notes.txt'), 'none');
  const { images, notes } = await listImages([join(dir, 'photos')]);
  t.deepEqual(
    images.map(({ label }) => label.slice(dir.length + 8)),
    ['a.PNG', 'b.png', 'more/c.png'],
  );
  t.regex(notes.join(), /left out {2}.*photos: 1 files that are no images: notes\.txt$/);
  await mkdir(join(dir, 'empty'));
  await t.throwsAsync(listImages([join(dir, 'empty')]), {
    instanceOf: DataError,
    message: /it holds no images/,
  });
});

test.serial('a video is read by ffmpeg, or says that it is not there', async (t) => {
  const dir = await temporary(t);
  const video = join(dir, 'my clip.mp4');
  await writeFile(video, 'frames');
  const path = process.env.PATH;
  t.teardown(() => {
    process.env.PATH = path;
  });
  process.env.PATH = join(dir, 'bin');
  await t.throwsAsync(listImages([video]), {
    instanceOf: UsageError,
    message: /my clip\.mp4: a video is read by ffmpeg, which is not installed/,
  });
  // A stand-in that writes two frames where ffmpeg would, and says what it was asked.
  await mkdir(join(dir, 'bin'));
  await sharp({ create: { width: 8, height: 4, channels: 3, background: 'red' } })
    .png()
    .toFile(join(dir, 'frame.png'));
  const program = join(dir, 'bin', 'ffmpeg');
  const script = (body: string) => `#!${process.execPath}\n${body}`;
  await writeFile(
    program,
    script(`const { copyFileSync, writeFileSync } = require('node:fs');
const words = process.argv.slice(2);
writeFileSync(${JSON.stringify(join(dir, 'asked.json'))}, JSON.stringify(words));
for (const n of ['00001', '00002']) copyFileSync(${JSON.stringify(join(dir, 'frame.png'))}, words.at(-1).replace('file:', '').replace('%05d', n));
`),
  );
  await chmod(program, 0o755);
  const listed = await listImages([video], { fps: 2 });
  t.deepEqual(
    listed.images.map(({ label }) => label),
    [`${video}#00001`, `${video}#00002`],
  );
  const words = JSON.parse(await readFile(join(dir, 'asked.json'), 'utf8'));
  t.deepEqual(words.slice(words.indexOf('-i'), -1), ['-i', `file:${video}`, '-vf', 'fps=2:eof_action=pass']);
  const [frame] = await readImages([listed.images[0]!.file], {
    imageSize: [4, 4],
    channels: 3,
    fit: 'squash',
  });
  t.deepEqual([frame!.view!.width, frame!.name], [8, 'my-clip-00001']);
  await listed.close();
  await writeFile(program, script(`process.stderr.write('moov atom not found\\n'); process.exit(1);`));
  await t.throwsAsync(listImages([video]), {
    instanceOf: DataError,
    message: /my clip\.mp4: ffmpeg cannot read it: moov atom not found/,
  });
});

const { error: noFfmpeg } = spawnSync('ffmpeg', ['-version']);
(noFfmpeg ? test.skip : test.serial)(
  'real videos: frames in their order, short ones, odd names',
  async (t) => {
    const dir = await temporary(t);
    const made = (name: string, ...words: string[]) => {
      const file = join(dir, name);
      const { status, stderr } = spawnSync('ffmpeg', ['-v', 'error', ...words, `file:${file}`], {
        encoding: 'utf8',
      });
      t.is(status, 0, stderr);
      return file;
    };
    const color = (name: string, seconds: number) => [
      '-f',
      'lavfi',
      '-i',
      `color=${name}:s=32x16:r=10:d=${seconds}`,
    ];
    const two = made(
      '-1: 50% off.avi',
      ...[...color('red', 2), ...color('blue', 2), '-filter_complex', 'concat', '-c:v', 'mjpeg'],
    );
    const short = made('short.avi', ...color('lime', 0.3), '-c:v', 'mjpeg');
    const { images, close } = await listImages([two, short], { fps: 1 });
    t.deepEqual(
      images.map(({ label }) => label.slice(dir.length + 1)),
      [...[1, 2, 3, 4].map((n) => `-1: 50% off.avi#0000${n}`), 'short.avi#00001'],
    );
    const frames = await readImages(
      images.map(({ file }) => file),
      { imageSize: [2, 4], channels: 3, fit: 'squash' },
    );
    t.deepEqual(
      frames.map(({ pixels }) => [...pixels.slice(0, 3)].map(Math.round)),
      [
        [1, 0, 0],
        [1, 0, 0],
        [0, 0, 1],
        [0, 0, 1],
        [0, 1, 0],
      ],
    );
    await close();
    const sound = made('sound.mp4', '-f', 'lavfi', '-i', 'sine=duration=1', '-c:a', 'aac');
    await t.throwsAsync(listImages([sound]), {
      instanceOf: DataError,
      message: /sound\.mp4: ffmpeg cannot read it: .*does not contain any stream/,
    });
  },
);
