import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { DataError } from '../../src/errors/index.ts';
import { readEvaluation, readImageRecords } from '../../src/evaluation/index.ts';
import { MapFiles } from '../../src/evaluation/map-files.ts';
import { temporaryFolder } from '../data/temporary-folder.ts';
import { evaluation, imageRecord, writeEvaluation } from '../report/stored-run.ts';

async function recordsOf(path: string): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of readImageRecords(path)) ids.push(id);
  return ids;
}

test('records that are missing, a folder, or of another kind are typed errors that name file and line', async (t) => {
  const folder = temporaryFolder(t);
  await writeEvaluation(folder, 'data');
  const [json, records] = ['test.json', 'test.images.ndjson'].map((name) =>
    join(folder, 'evaluation', name),
  ) as [string, string];
  t.is((await recordsOf(json)).length, 4);
  const fails = async (message: RegExp) => {
    await t.throwsAsync(recordsOf(json), { instanceOf: DataError, message });
  };
  for (const line of ['null', '7', '{"id":"a"}', JSON.stringify({ ...imageRecord(0), pairs: [null] })]) {
    writeFileSync(records, `${JSON.stringify(imageRecord(0))}\n${line}\n`);
    await fails(/ndjson:2: expected an image with id, labels, scores and pairs$/);
  }
  writeFileSync(records, '{"id":\n');
  await fails(/ndjson:1: /);
  rmSync(records);
  await fails(/ndjson: cannot be read: ENOENT/);
  mkdirSync(records);
  await fails(/ndjson: cannot be read: EISDIR/);
});

test('a result whose parts are of another kind is refused, and its records stay beside it', async (t) => {
  const folder = temporaryFolder(t);
  const path = join(folder, 'r.json');
  const put = (more: object) => writeFileSync(path, JSON.stringify({ ...evaluation('data'), ...more }));
  for (const [more, message] of [
    [{ split: 3 }, /r\.json: split: expected a text$/],
    [{ imageRecords: ['x'] }, /r\.json: imageRecords: expected a text$/],
    [{ model: null }, /r\.json: model: expected an object$/],
    [{ version: 2 }, /expected tfjs-gain-evaluation version 1, found tfjs-gain-evaluation version 2$/],
  ] as const) {
    put(more);
    await t.throwsAsync(readEvaluation(path), { instanceOf: DataError, message });
  }
  put({ imageRecords: '../../etc/passwd' });
  await t.throwsAsync(recordsOf(path), {
    instanceOf: DataError,
    message: /imageRecords .* leads out of its folder$/,
  });
  writeFileSync(path, 'null');
  await t.throwsAsync(readEvaluation(path), {
    instanceOf: DataError,
    message: /found undefined version undefined$/,
  });
  await t.throwsAsync(readEvaluation(join(folder, 'none.json')), { message: /there is no such file$/ });
});

test('maps of classes whose names are paths, or alike, are files of their own in the folder', async (t) => {
  const folder = temporaryFolder(t);
  const classes = ['../../evil', 'a/b', 'a b', '猫', ''];
  const maps = new MapFiles(folder, {
    format: 'npy',
    methods: ['cam'],
    classes,
    imageSize: [1, 2],
    split: 'test',
  });
  await maps.begin();
  for (const c of classes.keys()) {
    const image = { index: 0, id: 'data/test-00000-of-00001.tfrecord#7', class: c, score: 1 };
    await maps.map(0, image, Float32Array.of(c, 1), undefined);
  }
  await maps.finish();
  const names = ['--..-evil', 'a-b', 'a-b-2', '猫', '-'];
  for (const [c, name] of names.entries()) {
    const bytes = readFileSync(join(folder, 'cam', `test-00000-of-00001.tfrecord-7.${name}.npy`));
    t.is(bytes.readFloatLE(bytes.length - 8), c);
  }
  t.is(readdirSync(join(folder, 'cam')).length, classes.length);
  t.deepEqual(readdirSync(folder).sort(), ['cam', 'test.cam.boxes.json', 'test.images.json']);
});
