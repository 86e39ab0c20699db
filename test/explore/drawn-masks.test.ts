import { spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import test from 'ava';
import { unzipSync } from 'fflate';
import sharp from 'sharp';
import { readPredictedMasks } from '../../src/data/index.ts';
import { UsageError } from '../../src/errors/index.ts';
import { DrawnMasks, drawnMasksFile, exportDrawn, NO_REVISION } from '../../src/explore/index.ts';
import { moduleEnding, moduleLoading } from '../program-command.ts';
import { temporary } from './scene.ts';

const size = [4, 6] as const;
const classes = ['boat', 'car'];

function maskOf(id: string, at: readonly number[], value = 1, irrelevant: readonly number[] = []) {
  return {
    id,
    classes: Uint8Array.from({ length: 24 }, (_, i) => (at.includes(i) ? value : 0)),
    irrelevant: Uint8Array.from({ length: 24 }, (_, i) => Number(irrelevant.includes(i))),
    by: 'ann',
    at: '2030-01-02T03:04:05.000Z',
  };
}

test('what is drawn is in the file, with who and when; nothing else is touched', async (t) => {
  const dir = await temporary(t);
  const masks = new DrawnMasks(dir, size, 'squash', classes);
  t.is(masks.path, drawnMasksFile(dir, size, 'squash'));
  const saved = await masks.save(maskOf('a#1', [7, 8], 2, [0]), NO_REVISION);
  await masks.save(maskOf('a#2', [], 1, [3]), NO_REVISION);
  t.deepEqual(await readdir(dir), ['masks']);
  t.deepEqual(await readdir(join(dir, 'masks')), ['drawn-4x6-squash.tfrecord']);
  const { info, masks: read } = await readPredictedMasks(masks.path);
  t.deepEqual([info.imageSize, info.classes, info.learnedFrom], [[4, 6], classes, 2]);
  const mask = read.get('a#1')!;
  t.deepEqual([...mask.confidence], [[1, 1]]);
  t.deepEqual(mask.drawn, { by: 'ann', at: '2030-01-02T03:04:05.000Z' });
  t.deepEqual(mask.classes, maskOf('a#1', [7, 8], 2).classes);
  t.is(mask.irrelevant![0], 1);
  t.deepEqual([...read.get('a#2')!.confidence], []);

  // A new reading sees the same, and the same revision.
  const again = await new DrawnMasks(dir, size, 'squash', classes).get('a#1');
  t.is(again!.revision, saved!.revision);

  // Nothing at all takes the mask away.
  t.is(await masks.save(maskOf('a#1', []), saved!.revision), undefined);
  t.deepEqual([...(await masks.all()).keys()], ['a#2']);
});

test('two pages at once: both are kept, and nobody overwrites what he has not seen', async (t) => {
  const masks = new DrawnMasks(await temporary(t), size, 'squash', classes);
  const begun = Array.from({ length: 8 }, (_, i) => masks.save(maskOf(`a#${i}`, [i]), NO_REVISION));
  await Promise.all(begun);
  t.is((await masks.all()).size, 8);
  const { revision } = (await masks.get('a#0'))!;
  await masks.save(maskOf('a#0', [1, 2]), revision);
  await t.throwsAsync(masks.save(maskOf('a#0', [5]), revision), {
    instanceOf: UsageError,
    message: /^a#0: its mask was changed meanwhile \(ann, 2030-.*nothing was overwritten$/,
  });
  t.deepEqual((await masks.get('a#0'))!.classes, maskOf('a#0', [1, 2]).classes);
});

test('a mask of another size or of a class that there is not is refused', async (t) => {
  const masks = new DrawnMasks(await temporary(t), size, 'squash', classes);
  await t.throwsAsync(masks.save({ ...maskOf('a#0', [1]), classes: new Uint8Array(9) }, NO_REVISION), {
    message: 'a#0: 9 values are no mask of 6x4 pixels',
  });
  await t.throwsAsync(masks.save(maskOf('a#0', [1], 3), NO_REVISION), {
    message: 'a#0: value 3 names no class: there are 2',
  });
});

test('a kill between the writing and the name leaves the file as it was', async (t) => {
  const masks = new DrawnMasks(await temporary(t), size, 'squash', classes);
  await masks.save(maskOf('a#0', [1]), NO_REVISION);
  const before = await readFile(masks.path);
  // What a kill leaves behind: a file that never got its name. It is not taken for the mask.
  const { writeFile } = await import('node:fs/promises');
  await writeFile(`${masks.path}.0badcafe.tmp`, before.subarray(0, 30));
  t.deepEqual([...(await masks.all()).keys()], ['a#0']);
  await masks.save(maskOf('a#1', [2]), NO_REVISION);
  t.deepEqual([...(await masks.all()).keys()], ['a#0', 'a#1']);
  t.true((await readdir(dirname(masks.path))).includes('drawn-4x6-squash.tfrecord'));
});

test('a process that is killed while it saves leaves a whole file', async (t) => {
  const dir = await temporary(t);
  const module = `${new URL('../../src/explore/masks/index', import.meta.url)}${moduleEnding}`;
  const script = `
    const { DrawnMasks } = await import(${JSON.stringify(module)});
    const masks = new DrawnMasks(${JSON.stringify(dir)}, [4, 6], 'squash', ['boat', 'car']);
    let base = (await masks.get('a#0'))?.revision ?? 'none';
    const irrelevant = new Uint8Array(24);
    for (let i = 1; ; i++) {
      const classes = Uint8Array.from({ length: 24 }, (_, p) => (i >> (p % 8)) & 1);
      classes[0] = 1;
      base = (await masks.save({ id: 'a#0', classes, irrelevant, by: 'ann', at: String(i) }, base)).revision;
      if (i === 3) console.log('saving');
    }`;
  for (const pause of [0, 7]) {
    const child = spawn(process.execPath, [...moduleLoading, '--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    await new Promise((resolve) => setTimeout(resolve, pause));
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
    const mask = await new DrawnMasks(dir, size, 'squash', classes).get('a#0');
    t.is(mask!.by, 'ann');
    t.true(Number(mask!.at) >= 3);
    t.deepEqual([...(await readPredictedMasks(drawnMasksFile(dir, size, 'squash'))).masks.keys()], ['a#0']);
  }
});

test('the export holds PNGs and COCO annotations', async (t) => {
  const masks = new DrawnMasks(await temporary(t), size, 'squash', classes);
  await masks.save(maskOf('../a#0', [7, 8, 13], 2, [0, 6]), NO_REVISION);
  const files = unzipSync(await exportDrawn((await masks.all()).values(), classes, size));
  t.deepEqual(Object.keys(files).sort(), ['--a-0.must-not-matter.png', '--a-0.png', 'drawn.coco.json']);
  const { data, info } = await sharp(files['--a-0.png'])
    .toColourspace('b-w')
    .raw()
    .toBuffer({ resolveWithObject: true });
  t.deepEqual([info.width, info.height], [6, 4]);
  t.deepEqual(Uint8Array.from(data), maskOf('', [7, 8, 13], 2).classes);
  const coco = JSON.parse(new TextDecoder().decode(files['drawn.coco.json']));
  t.deepEqual(
    coco.annotations.map(({ category_id, area, bbox, drawn_by }: Record<string, unknown>) => [
      category_id,
      area,
      bbox,
      drawn_by,
    ]),
    [
      [2, 3, [1, 1, 2, 2], 'ann'],
      [3, 2, [0, 0, 1, 2], 'ann'],
    ],
  );
  // Column by column: 5 pixels before (1, 1), two of that column, 2 between, one, the rest.
  t.deepEqual(coco.annotations[0].segmentation, { size: [4, 6], counts: [5, 2, 2, 1, 14] });
});
