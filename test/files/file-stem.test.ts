import { join, relative } from 'node:path';
import test from 'ava';
import { fileStem, fileStems, nameFault } from '../../src/files/index.ts';

for (const [text, stem] of [
  ['boat', 'boat'],
  ['test-00000-of-00001.tfrecord#17', 'test-00000-of-00001.tfrecord-17'],
  ['model/conv1', 'model-conv1'],
  ['../../evil', '--..-evil'],
  ['..', '-'],
  ['.', '-'],
  ['', '-'],
  ['.hidden', '-hidden'],
  ['a\0b', 'a-b'],
  ['a b\n', 'a-b-'],
  ['C:\\x', 'C-x'],
  ['con', '-con'],
  ['Aux.txt', '-Aux.txt'],
  ['x.', 'x-'],
  ['lr=0.1, seed=2', 'lr=0.1-seed=2'],
  ['Übung', 'Übung'],
  ['U\u0308bung', 'Übung'],
  ['猫', '猫'],
  ['हिन्दी', 'हिन्दी'],
  ['<script>', '-script-'],
  ['\ud800', '-'],
] as const) {
  test(`as part of the name of a file: ${JSON.stringify(text)}`, (t) => {
    t.is(fileStem(text), stem);
    t.is(nameFault(stem), undefined);
    t.is(relative('/d', join('/d', stem)), stem);
  });
}

test('a long text is cut between characters, and stays apart from others that begin like it', (t) => {
  const [a, b] = [fileStem('猫'.repeat(200)), fileStem(`${'猫'.repeat(200)}!`)];
  t.regex(a, /^猫{30}-[0-9a-f]{8}$/);
  t.not(a, b);
  t.true(Buffer.byteLength(a) <= 100);
  t.is(fileStem('x'.repeat(100)), 'x'.repeat(100));
  t.is(fileStem('x'.repeat(101)).length, 100);
});

test('texts that would share a file get a number, capital letters or not', (t) => {
  t.deepEqual(fileStems(['a/b', 'a b', 'A-B', 'c', 'a-b-2']), ['a-b', 'a-b-2', 'A-B-3', 'c', 'a-b-2-2']);
});
