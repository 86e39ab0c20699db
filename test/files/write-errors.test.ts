import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { DatasetWriter, writeAnswers } from '../../src/data/index.ts';
import { startEngine } from '../../src/engine/index.ts';
import { GainError } from '../../src/errors/index.ts';
import { type EvaluationResult, ResultWriter } from '../../src/evaluation/index.ts';
import { MapFiles } from '../../src/evaluation/map-files.ts';
import { CheckpointStore } from '../../src/experiment/checkpoint.ts';
import {
  appendWhole,
  GrowingFile,
  publishFile,
  writeFolder,
  writeJson,
  writeWhole,
} from '../../src/files/index.ts';
import { Optimizer } from '../../src/gain/index.ts';
import { saveLayersModel } from '../../src/models/index.ts';
import { RunDirectory } from '../../src/run/index.ts';
import { EventWriter } from '../../src/tensorboard/index.ts';
import { type Fault, faults, onFaultyDisk } from './disk-faults.ts';

/** What is in a folder before a writer comes, and the writer; `dir` is the folder. */
interface Writer {
  readonly before: Readonly<Record<string, string>>;
  write(dir: string): Promise<unknown>;
  /** Files that replace others one by one: each is then the old or the new one. */
  readonly several?: true;
  /** A file that grows: its reader takes what is whole in it. */
  readonly grows?: true;
}

const model = () =>
  tfl.sequential({
    name: 'm',
    layers: [tfl.layers.dense({ name: 'd', units: 2, inputShape: [3], kernelInitializer: 'ones' })],
  });

const writers: Record<string, Writer> = {
  writeWhole: { before: { 'a.txt': 'old' }, write: (dir) => writeWhole(join(dir, 'a.txt'), 'new text') },
  'writeWhole, new folders': { before: {}, write: (dir) => writeWhole(join(dir, 'b/c/a.txt'), 'new text') },
  writeJson: { before: {}, write: (dir) => writeJson(join(dir, 'a.json'), { a: 1 }) },
  writeFolder: {
    before: {},
    write: (dir) =>
      writeFolder(join(dir, 'model'), [
        ['a', 'first'],
        ['b', 'second'],
      ]),
  },
  'writeFolder, over another': {
    before: { 'model/a': 'old', 'model/c': 'stays' },
    write: (dir) =>
      writeFolder(join(dir, 'model'), [
        ['a', 'first'],
        ['b', 'second'],
      ]),
    several: true,
  },
  appendWhole: { before: { 'a.ndjson': '1\n' }, write: (dir) => appendWhole(join(dir, 'a.ndjson'), '23\n') },
  publishFile: {
    before: { 'a.txt': 'old', 'a.txt.tmp': 'new' },
    write: async (dir) => {
      await publishFile(join(dir, 'a.txt.tmp'), join(dir, 'a.txt')).finally(() =>
        rmSync(join(dir, 'a.txt.tmp'), { force: true }),
      );
    },
  },
  GrowingFile: {
    before: { 'a.txt': 'old' },
    write: async (dir) => {
      const file = await GrowingFile.create(join(dir, 'a.txt'));
      try {
        await file.write('x'.repeat(3e5));
        await file.write('y');
        await file.finish();
      } catch (error) {
        await file.abandon();
        throw error;
      }
    },
  },
  DatasetWriter: {
    before: { 'notes.txt': 'mine' },
    write: async (dir) => {
      const info = { name: 'set', classes: ['a', 'b'], multiLabel: false };
      const writer = await DatasetWriter.create(join(dir, 'data'), info, ['train', 'test'], { shards: 2 });
      try {
        const png = { encoded: new Uint8Array(8), format: 'png' as const, height: 1, width: 1, objects: [] };
        for (const i of [0, 1, 2]) {
          await writer.write('train', { ...png, filename: `${i}.png`, labels: [i % 2] });
        }
        await writer.finish();
      } catch (error) {
        await writer.abort();
        throw error;
      }
    },
    several: true,
  },
  writeAnswers: {
    before: {},
    write: (dir) =>
      writeAnswers(join(dir, 'answers.tfrecord'), [
        { id: 'a#0', logits: Float32Array.of(1, 2), maps: new Map([[1, Float32Array.of(3, 4)]]) },
      ]),
  },
  saveLayersModel: { before: {}, write: (dir) => saveLayersModel(model(), join(dir, 'model')) },
  ResultWriter: {
    before: { 'test.json': '{}' },
    write: async (dir) => {
      const writer = new ResultWriter(dir, 'test');
      try {
        await writer.record({ id: 'x' } as never);
        await writer.finish({ format: 'x' } as never as EvaluationResult);
      } catch (error) {
        await writer.abandon();
        throw error;
      }
    },
    several: true,
  },
  MapFiles: {
    before: {},
    write: async (dir) => {
      const methods = ['cam'];
      const files = new MapFiles(join(dir, 'maps'), {
        format: 'npy',
        methods,
        classes: ['a'],
        imageSize: [1, 2],
        split: 'test',
      });
      await files.begin();
      files.image(0, 'x');
      await files.map(0, { index: 0, id: 'x', class: 0, score: 1 }, Float32Array.of(1, 2), undefined);
      await files.finish();
    },
    several: true,
  },
  RunDirectory: {
    before: { 'run/config.yaml': 'name: x\n' },
    write: async (dir) => {
      const directory = await RunDirectory.open(join(dir, 'run'), 'resume');
      try {
        await directory.writeJson('summary.json', { steps: 1 });
        await directory.appendLine('metrics.ndjson', { step: 1 });
      } finally {
        directory.release();
      }
    },
    several: true,
  },
  CheckpointStore: {
    before: {},
    write: async (dir) => {
      const store = new CheckpointStore(join(dir, 'checkpoints'));
      const optimizer = new Optimizer([], { name: 'sgd', learningRate: 0.1 });
      await store.save(model(), optimizer, { step: 1, epoch: 0, batch: 1, carried: {} });
    },
    several: true,
  },
  EventWriter: {
    before: {},
    write: async (dir) => {
      const events = await EventWriter.create(dir);
      try {
        events.scalar('loss', 1, 0.5);
      } finally {
        await events.close();
      }
    },
    grows: true,
  },
};

/** Folder, files and their content. */
function contentOf(dir: string): Record<string, string> {
  const paths = readdirSync(dir, { recursive: true }) as string[];
  const files = paths.filter((path) => statSync(join(dir, path)).isFile());
  return Object.fromEntries(files.sort().map((path) => [path, readFileSync(join(dir, path), 'latin1')]));
}

async function attempt(writer: Writer, failing?: { operation: number; fault: Fault }) {
  const dir = mkdtempSync(join(tmpdir(), 'gain-writing-'));
  try {
    for (const [path, content] of Object.entries(writer.before)) {
      mkdirSync(join(dir, path, '..'), { recursive: true });
      writeFileSync(join(dir, path), content);
    }
    const { operations, error } = await onFaultyDisk(failing, () => writer.write(dir));
    return { dir, operations, error, left: contentOf(dir) };
  } finally {
    rmSync(dir, { recursive: true });
  }
}

test.before(async () => {
  await startEngine({ engine: 'cpu' });
  await tf.ready();
});

for (const [name, writer] of Object.entries(writers)) {
  test.serial(`${name}: whatever fails, the error is typed and no half is left`, async (t) => {
    const done = await attempt(writer);
    t.is(done.error, undefined);
    t.true(done.operations >= 2);
    const { 'a.txt.tmp': _, ...old } = writer.before;
    for (const fault of Object.keys(faults) as Fault[]) {
      for (let operation = 0; operation < done.operations; operation++) {
        const { dir, error, left } = await attempt(writer, { operation, fault });
        const at = `${fault} at operation ${operation}`;
        if (!(error instanceof GainError)) {
          t.fail(`${at}: ${error}`);
          continue;
        }
        t.true(error.message.startsWith(dir) && error.message.includes(`: cannot be written: ${fault}`), at);
        t.is((error.cause as NodeJS.ErrnoException).code, fault, at);
        if (writer.grows) continue;
        if (writer.several) {
          for (const [path, content] of Object.entries(left)) {
            t.true(content === old[path] || content === done.left[path], `${at}: ${path} is whole`);
          }
        } else {
          // A rename that was made and could not be synced stands.
          const whole = [old, done.left].some((state) => JSON.stringify(state) === JSON.stringify(left));
          t.true(whole, `${at}: ${Object.keys(left)}`);
        }
      }
    }
  });
}

test('what a kill has left half-written goes when the run is opened again', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'gain-writing-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  mkdirSync(join(dir, 'attention'));
  writeFileSync(join(dir, 'config.yaml'), 'name: x\n');
  writeFileSync(join(dir, 'attention/map.png.1a2b3c4d.tmp'), 'half');
  const directory = await RunDirectory.open(dir, 'resume');
  directory.release();
  t.deepEqual(Object.keys(contentOf(dir)), ['config.yaml']);
});

test('folders and files get the rights that the umask gives', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'gain-writing-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const rights = 0o777 & ~process.umask();
  await saveLayersModel(model(), join(dir, 'models/one'));
  await writeWhole(join(dir, 'texts/a.txt'), 'a');
  for (const folder of ['models', 'models/one', 'texts']) {
    t.is(statSync(join(dir, folder)).mode & 0o777, rights, folder);
  }
  for (const file of ['models/one/model.json', 'texts/a.txt']) {
    t.is(statSync(join(dir, file)).mode & 0o777, rights & 0o666, file);
  }
});
