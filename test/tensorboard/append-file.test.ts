import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { RunError, UsageError } from '../../src/errors/index.ts';
import { AppendFile, type WritableHandle } from '../../src/tensorboard/append-file.ts';

/** A disk with room for `room` bytes, which writes at most 5 bytes per call. */
class SmallDisk implements WritableHandle {
  readonly content = Buffer.alloc(100);
  room = 0;
  end = 0;
  closed = false;

  async write(data: Uint8Array, offset: number, length: number, position: number) {
    const bytesWritten = Math.min(5, length, this.room - position);
    if (bytesWritten <= 0) throw new Error('ENOSPC: no space left on device, write');
    this.content.set(data.subarray(offset, offset + bytesWritten), position);
    this.end = Math.max(this.end, position + bytesWritten);
    return { bytesWritten };
  }

  async datasync() {}

  async close() {
    this.closed = true;
  }

  get text(): string {
    return this.content.subarray(0, this.end).toString();
  }
}

const existing = new URL(import.meta.url).pathname; // a path that the check for a deleted file finds

test('chunks stand in the order of the calls, also behind a promise', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'append-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = await AppendFile.create(join(folder, 'file'));
  const slow = new Promise<Uint8Array>((resolve) => setTimeout(() => resolve(Buffer.from('two ')), 20));
  file.append(Buffer.from('one '));
  file.append(slow);
  file.append(Buffer.from('three '));
  await file.flush();
  t.is(await readFile(file.path, 'utf8'), 'one two three ');
  file.append(Promise.resolve(Buffer.from('four')));
  await file.close();
  t.is(await readFile(file.path, 'utf8'), 'one two three four');
});

test('chunks reach the file without a flush', async (t) => {
  const disk = new SmallDisk();
  disk.room = 100;
  new AppendFile(existing, disk).append(Buffer.from('in the background'));
  await new Promise((resolve) => setTimeout(resolve, 20));
  t.is(disk.text, 'in the background');
});

test('a full disk is a typed error at flush, and nothing is lost or doubled once there is room', async (t) => {
  const disk = new SmallDisk();
  const file = new AppendFile(existing, disk);
  disk.room = 8;
  file.append(Buffer.from('first record, '));
  const error = await t.throwsAsync(file.flush(), { instanceOf: RunError });
  t.is(error.message, `${existing}: cannot be written: ENOSPC: no space left on device, write`);
  t.is(disk.text, 'first re');
  file.append(Buffer.from('second record'));
  disk.room = 100;
  await file.flush();
  t.is(disk.text, 'first record, second record');
});

test('close reports what could not be written, and closes all the same', async (t) => {
  const disk = new SmallDisk();
  const file = new AppendFile(existing, disk);
  file.append(Buffer.from('x'));
  await t.throwsAsync(file.close(), { instanceOf: RunError });
  t.true(disk.closed);
});

test('closing twice is fine, appending after it is not', async (t) => {
  const disk = new SmallDisk();
  const file = new AppendFile(existing, disk);
  await Promise.all([file.close(), file.close()]);
  t.throws(() => file.append(Buffer.from('x')), {
    instanceOf: UsageError,
    message: `${existing}: appended to after it was closed`,
  });
});

test('a chunk whose making failed is reported once, the others are written', async (t) => {
  const disk = new SmallDisk();
  disk.room = 100;
  const file = new AppendFile(existing, disk);
  file.append(Buffer.from('a'));
  file.append(Promise.reject(new Error('no such colour')));
  file.append(Buffer.from('b'));
  await t.throwsAsync(file.flush(), { message: `${existing}: a record could not be made: no such colour` });
  await file.flush();
  t.is(disk.text, 'ab');
});
