import { join } from 'node:path';
import test from 'ava';
import { DataError, UsageError } from '../../src/errors/index.ts';
import { checkedName, nameFault, pathUnder } from '../../src/files/index.ts';

test('names that stay where they are put are good', (t) => {
  for (const name of ['train', 'train-fullsup', 'val 2017', 'Übung', '猫', 'a..b', 'x'.repeat(120)]) {
    t.is(nameFault(name), undefined, name);
  }
});

for (const [name, rule] of [
  ['', 'is empty'],
  ['../../evil', 'holds a slash, so it would be a path'],
  ['a/b', 'holds a slash, so it would be a path'],
  ['a\\b', 'holds a slash, so it would be a path'],
  ['..', 'begins with a dot'],
  ['.', 'begins with a dot'],
  ['.hidden', 'begins with a dot'],
  ['a\0b', 'holds a control character'],
  ['a\nb', 'holds a control character'],
  ['a\u0085b', 'holds a control character'],
  [' a', 'begins or ends with a blank'],
  ['a\u00a0', 'begins or ends with a blank'],
  ['x'.repeat(121), 'has 121 bytes, the most is 120'],
  ['猫'.repeat(41), 'has 123 bytes, the most is 120'],
  ['\ud800', 'is not Unicode'],
  ['a\ufffd', 'is not Unicode'],
] as const) {
  test(`a name that ${rule}: ${JSON.stringify(name).slice(0, 20)}`, (t) => t.is(nameFault(name), rule));
}

test('the error says where, the name, the rule', (t) => {
  t.is(checkedName('train', 'x'), 'train');
  t.throws(() => checkedName('a\0b', 'list.csv:2: split'), {
    instanceOf: DataError,
    message: 'list.csv:2: split "a\\u0000b" holds a control character',
  });
  t.throws(() => checkedName('y'.repeat(300), '--name', UsageError), {
    instanceOf: UsageError,
    message: `--name "${'y'.repeat(60)}…" has 300 bytes, the most is 120`,
  });
});

test('a path that a file names stays in its folder', (t) => {
  t.is(pathUnder('/d', 'a/b.bin', 'x'), join('/d', 'a/b.bin'));
  t.is(pathUnder('/d', 'a/../b.bin', 'x'), join('/d', 'b.bin'));
  t.is(pathUnder('/d', '..b', 'x'), join('/d', '..b'));
  for (const path of ['../b', 'a/../../b', '/etc/passwd', 'C:\\x', '..\\x', '..']) {
    t.throws(() => pathUnder('/d', path, 'm.json: paths[0]'), {
      instanceOf: DataError,
      message: `m.json: paths[0] ${JSON.stringify(path)} leads out of its folder`,
    });
  }
  t.throws(() => pathUnder('/d', '', 'x'), { message: 'x "" is empty' });
  t.throws(() => pathUnder('/d', 'a\0', 'x'), { message: 'x "a\\u0000" holds a NUL character' });
});
