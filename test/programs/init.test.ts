import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { loadConfig } from '../../src/config/index.ts';
import { guessFormat } from '../../src/programs/guess-format.ts';
import { init } from '../../src/programs/init.ts';

function folder(t: ExecutionContext, files: Readonly<Record<string, string>>): string {
  const dir = mkdtempSync(join(tmpdir(), 'gain-init-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), content);
  }
  return dir;
}

const cases: readonly [what: string, files: Record<string, string>, words: (dir: string) => string[]][] = [
  ['class folders', { 'cat/1.jpg': '', 'dog/2.PNG': '' }, (dir) => ['folder', '--dir', dir]],
  ['split folders', { 'train/cat/1.jpg': '', 'val/cat/2.jpg': '' }, (dir) => ['folder', '--dir', dir]],
  ['VOC', { 'Annotations/1.xml': '', 'JPEGImages/1.jpg': '' }, (dir) => ['voc', '--dir', dir]],
  [
    'COCO',
    { 'val2017/1.jpg': '', 'instances.json': '{"info": {}, "images": [{"id": 1}]}' },
    (dir) => ['coco', '--images', join(dir, 'val2017'), '--annotations', join(dir, 'instances.json')],
  ],
  ['CSV', { 'photos.csv': 'file,label', '1.jpg': '' }, (dir) => ['csv', '--file', join(dir, 'photos.csv')]],
  ['CUB', { 'bounding_boxes.txt': '', 'images.txt': '' }, (dir) => ['cub', '--dir', dir]],
  ['MNIST', { 'train-images-idx3-ubyte.gz': '' }, (dir) => ['idx', '--dir', dir]],
  ['CIFAR', { 'data_batch_1.bin': '' }, (dir) => ['cifar', '--dir', dir]],
  ['records', { 'pets-train.tfrecord-00000-of-00001': '' }, (dir) => ['tfrecord', '--dir', dir]],
  ['a data set', { 'dataset.json': '{}' }, () => []],
];

for (const [what, files, words] of cases) {
  test(`${what} is told by its names`, async (t) => {
    const dir = folder(t, files);
    t.deepEqual((await guessFormat(dir))?.importWords, words(dir));
  });
}

test('what is nothing of all that is not guessed', async (t) => {
  t.is(await guessFormat(folder(t, { 'notes.txt': '', 'results.json': '{"images": 3}' })), undefined);
});

test.serial('a config is written that is valid, once, with the next commands', async (t) => {
  const dir = folder(t, { 'my pets/cat/1.jpg': '', 'my pets/dog/2.jpg': '' });
  const [before, write] = [process.cwd(), process.stdout.write];
  let said = '';
  process.chdir(dir);
  process.stdout.write = ((text: string) => {
    said += text;
    return true;
  }) as typeof process.stdout.write;
  try {
    await init.run({ data: 'my pets' }, 'npx tfjs-gain init');
    await init.run({}, 'npm run init --');
    await t.throwsAsync(async () => init.run({ data: 'my pets' }, 'npx tfjs-gain init'), {
      message: 'my-pets.yaml: is there already; --name gives another one',
    });
    await t.throwsAsync(async () => init.run({ data: 'nowhere' }, 'npx tfjs-gain init'), {
      message: 'nowhere: no such file or folder',
    });
  } finally {
    process.stdout.write = write;
    process.chdir(before);
  }
  t.true(
    said.includes(
      "npx tfjs-gain import folder --dir 'my pets' --fractions train=0.7,val=0.15,test=0.15 --out data/my-pets\n" +
        '  npx tfjs-gain train --config my-pets.yaml\n',
    ),
    said,
  );
  t.true(said.includes('npm run train -- --config boats.yaml'), said);
  const config = await loadConfig(join(dir, 'my-pets.yaml'));
  t.deepEqual([config.data.source, config.data.dir], ['tfrecord', 'data/my-pets']);
  t.is((await loadConfig(join(dir, 'boats.yaml'))).data.source, 'biased-boats');
  t.regex(readFileSync(join(dir, 'my-pets.yaml'), 'utf8'), /^# Data {5}npx tfjs-gain import folder/m);
});
