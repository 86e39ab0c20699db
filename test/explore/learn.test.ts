import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { loadConfig } from '../../src/config/index.ts';
import { readPredictedMasks } from '../../src/data/index.ts';
import { UsageError } from '../../src/errors/index.ts';
import { DrawnMasks, Learning, NO_REVISION, recipe } from '../../src/explore/index.ts';
import { lockHolder } from '../../src/run/index.ts';
import { smallRun } from './scene.ts';

const classes = ['boat', 'car', 'house', 'tree', 'plane', 'animal'];

/** A program that stands for those of the package: it notes what it was asked, and waits where it is told to. */
const standIn = `
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
const [program, ...args] = process.argv.slice(2);
const option = (name) => args[args.indexOf(name) + 1];
appendFileSync(process.env.NOTES, program + ' ' + args.join(' ') + '\\n');
if (program === 'train') {
  const run = option('--run');
  mkdirSync(run + '/model', { recursive: true });
  process.on('SIGINT', () => process.exit(130));
  if (existsSync(process.env.WAIT)) setInterval(() => {}, 1000);
  else writeFileSync(run + '/summary.json', JSON.stringify({ metrics: { test: { focus: { accuracy: 0.5 } } } }));
} else {
  const out = args.includes('--out') ? option('--out') : option('--run') + '/audit';
  mkdirSync(out, { recursive: true });
  const composites = { apart: { value: 0.25 }, together: { value: 1 }, worst: 0 };
  const verdict = { sentence: 'it leans' };
  writeFileSync(out + '/audit.json', JSON.stringify({ classes: [{ class: 'boat', verdict, composites }] }));
}
`;

async function wait(until: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 300; i++) {
    if (await until()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('it never came');
}

test.serial('the recipe is that of the cure, on the masks that were drawn', async (t) => {
  const scene = await smallRun(t);
  const base = await loadConfig(join(scene.run, 'config.yaml'));
  const config = recipe(base, scene.run, join(scene.dir, 'm.tfrecord'), ['boat'], 6, {
    epochs: 3,
    steps: 40,
  });
  t.deepEqual(
    [config.data.masks.drawn, config.data.masks.count, config.data.masks.predicted?.steps],
    [join(scene.dir, 'm.tfrecord'), 0, 40],
  );
  t.deepEqual([config.data.composites?.suspects, config.data.composites?.perBatch], [['boat'], 6]);
  t.is(config.model.weights, join(scene.run, 'model'));
  t.deepEqual([config.gain.losses.mining.weight, config.gain.losses.supervision.weight], [0, 0]);
  t.deepEqual([config.training.epochs, config.training.optimizer.name], [3, 'adamw']);
});

test.serial('a learning outlives its server, is stopped, goes on, and is done', async (t) => {
  const scene = await smallRun(t);
  const [script, notes, hold] = ['stand-in.mjs', 'notes.txt', 'wait'].map((name) => join(scene.dir, name));
  await writeFile(script!, standIn);
  await writeFile(notes!, '');
  await writeFile(hold!, '');
  process.env.NOTES = notes!;
  process.env.WAIT = hold!;
  const masks = new DrawnMasks(scene.data, [32, 32], 'squash', classes);
  const options = {
    run: scene.run,
    data: scene.data,
    masks,
    trained: ['train'],
    classes,
    program: [process.execPath, script!],
  };
  const learning = new Learning(options);
  await t.throwsAsync(learning.begin({ epochs: 2, steps: 10 }, 'ann'), {
    instanceOf: UsageError,
    message: /^nothing to learn from: mark what matters in some images of train/,
  });
  const none = new Uint8Array(1024);
  const region = Uint8Array.from(none, (_, i) => Number(i < 100));
  const by = { by: 'ann', at: 'now', irrelevant: none };
  // One of the validation is not learned from.
  await masks.save({ id: 'val-00000-of-00001.tfrecord#1', classes: region, ...by }, NO_REVISION);
  await t.throwsAsync(learning.begin({ epochs: 2, steps: 10 }, 'ann'), { instanceOf: UsageError });
  await masks.save({ id: 'train-00000-of-00001.tfrecord#1', classes: region, ...by }, NO_REVISION);

  const begun = await learning.begin({ epochs: 2, steps: 10 }, 'ann');
  t.deepEqual(
    [begun.number, begun.state, begun.classes, begun.images, begun.updates],
    [1, 'learning', ['boat'], ['train-00000-of-00001.tfrecord#1'], 6],
  );
  const folder = join(scene.run, 'learned', '1');
  await wait(async () => (await readFile(notes!, 'utf8')).includes('train'));
  await t.throwsAsync(learning.begin({ epochs: 2, steps: 10 }, 'ann'), {
    message: 'learning 1 is not done yet',
  });
  // The masks are those of the beginning, whatever is drawn later.
  await masks.save({ id: 'train-00000-of-00001.tfrecord#2', classes: region, ...by }, NO_REVISION);
  t.is((await readPredictedMasks(join(folder, 'masks.tfrecord'))).masks.size, 2);

  // Another server, as after a kill of the first one, sees it running, and stops it.
  const other = new Learning(options);
  t.is((await other.list())[0]!.state, 'learning');
  await other.stop(1);
  await wait(async () => (await other.list())[0]!.state === 'stopped');
  await t.throwsAsync(other.stop(1), { message: 'learning 1 is not running' });

  const { rm } = await import('node:fs/promises');
  await rm(hold!);
  await other.goOn(1);
  await wait(async () => lockHolder(folder) === undefined && (await other.list())[0]!.state === 'done');
  const [done] = await other.list();
  t.deepEqual(done!.before!.splits.test, { mAP: 0.5, focus: 0.75 });
  t.deepEqual(done!.after!.splits.test, { mAP: null, focus: 0.5 });
  t.deepEqual([done!.before!.audit[0]!.apart, done!.after!.audit[0]!.apart], [0.25, 0.25]);
  const run = join(folder, 'run');
  const train = `train --config ${join(folder, 'config.yaml')} --run ${run} --resume=auto`;
  t.deepEqual((await readFile(notes!, 'utf8')).trim().split('\n'), [
    train,
    train,
    `audit --run ${scene.run} --out ${join(folder, 'audit-before')}`,
    `audit --run ${run}`,
  ]);
  await t.throwsAsync(other.goOn(7), { message: 'there is no learning 7' });
  await mkdir(join(scene.run, 'learned', 'notes'));
  t.is((await other.list()).length, 1);
});
