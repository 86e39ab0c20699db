import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import sharp from 'sharp';
import { RunError, UsageError } from '../../src/errors/index.ts';
import { EventWriter } from '../../src/tensorboard/index.ts';
import { moduleEnding, moduleLoading } from '../program-command.ts';
import { field, splitRecords } from './decode-events.ts';

async function temporary(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'events-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function eventsOf(path: string): Promise<Buffer[]> {
  const { records, rest } = splitRecords(await readFile(path));
  if (rest.length > 0) throw new Error(`${rest.length} bytes behind the last record`);
  return records;
}

const STEP = [2];
const VERSION = [3];
const STATUS = [7, 1];
const TAG = [5, 1, 1];
const SCALAR = [5, 1, 2];

test('a file starts with its version, and is complete on the disk after each flush', async (t) => {
  const started = Date.now() / 1000;
  const events = await EventWriter.create(join(await temporary(t), 'runs', 'first'));
  t.regex(events.path, /runs\/first\/events\.out\.tfevents\.\d{10}\.[\w.-]+\.\d+$/);
  t.is((await eventsOf(events.path)).length, 1);
  events.scalar('loss/total', 7, 0.5);
  await events.flush();
  const [version, scalar] = await eventsOf(events.path);
  t.is(String(field(version!, ...VERSION)), 'brain.Event:2');
  t.deepEqual([field(scalar!, ...STEP), field(scalar!, ...SCALAR)], [7n, 0.5]);
  t.is(String(field(scalar!, ...TAG)), 'loss/total');
  const wallTime = field(scalar!, 1) as number;
  t.true(wallTime >= started && wallTime <= Date.now() / 1000);
  await events.close();
});

test('records stand in the order of the calls, images that are compressed in between too', async (t) => {
  const events = await EventWriter.create(await temporary(t));
  const pixels = { data: new Uint8Array(64 * 64 * 3), width: 64, height: 64 };
  for (let step = 0; step < 1000; step++) {
    if (step % 100 === 50) events.image('image', step, pixels);
    else events.scalar('scalar', step, step);
    if (step % 300 === 0) await sleep(1); // lets the background write begin
  }
  await events.close();
  const steps = (await eventsOf(events.path)).slice(1).map((event) => Number(field(event, ...STEP)));
  t.deepEqual(
    steps,
    Array.from({ length: 1000 }, (_, step) => step),
  );
});

test('several scalars of one step share a record', async (t) => {
  const events = await EventWriter.create(await temporary(t));
  events.scalars(3, { 'loss/a': 1, 'loss/b': 2 });
  await events.close();
  const records = await eventsOf(events.path);
  t.is(records.length, 2);
  t.is(
    Buffer.from(records[1]!)
      .toString('latin1')
      .match(/loss\/[ab]/g)
      ?.join(),
    'loss/a,loss/b',
  );
});

test('raw pixels, bytes or floats, become the PNG they were at the call; a PNG is kept as it is', async (t) => {
  const events = await EventWriter.create(await temporary(t));
  const floats = Float32Array.of(0, 0.5, 1, 2, -1, 0.2);
  events.image('floats', 1, { data: floats, width: 2, height: 1 });
  floats.fill(0);
  events.image('bytes', 1, { data: Uint8Array.of(1, 2, 3, 4, 5, 6), width: 1, height: 2 });
  const png = await sharp({ create: { width: 5, height: 4, channels: 3, background: '#102030' } })
    .png()
    .toBuffer();
  events.image('png', 1, png);
  await events.close();

  const images = (await eventsOf(events.path)).slice(1).map((event) => field(event, 5, 1, 4) as Buffer);
  const raw = async (image: Buffer) => [
    ...(await sharp(field(image, 4) as Buffer)
      .raw()
      .toBuffer()),
  ];
  t.deepEqual(await raw(images[0]!), [0, 128, 255, 255, 0, 51]);
  t.deepEqual(await raw(images[1]!), [1, 2, 3, 4, 5, 6]);
  t.deepEqual(field(images[2]!, 4), png);
  t.deepEqual(
    images.map((image) => [field(image, 2), field(image, 1)]),
    [
      [2n, 1n],
      [1n, 2n],
      [5n, 4n],
    ],
  );
});

test('wrong tags, steps and images are refused at the call', async (t) => {
  const events = await EventWriter.create(await temporary(t));
  const refused = (call: () => void, message: string) => t.throws(call, { instanceOf: UsageError, message });
  refused(() => events.scalar('', 0, 1), 'EventWriter: a tag must not be empty');
  refused(() => events.scalar('a', -1, 1), 'EventWriter: a step is an integer ≥ 0, received -1');
  refused(() => events.text('a', 1.5, ''), 'EventWriter: a step is an integer ≥ 0, received 1.5');
  refused(
    () => events.image('a', 0, { data: new Float32Array(5), width: 2, height: 1 }),
    'EventWriter: 5 values are no RGB image of 2x1 pixels',
  );
  refused(
    () => events.image('a', 0, Buffer.from('GIF89a')),
    'EventWriter: an image given as bytes must be a PNG; pass raw pixels as { data, width, height }',
  );
  await events.close();
  t.is((await eventsOf(events.path)).length, 1);
  refused(() => events.scalar('a', 0, 1), `${events.path}: appended to after it was closed`);
});

test('a resumed run starts a later file that purges from its first step', async (t) => {
  const logdir = await temporary(t);
  await writeFile(join(logdir, 'events.out.tfevents.4000000000.clock-was-wrong.1'), '');
  const [first, second] = [
    await EventWriter.create(logdir),
    await EventWriter.create(logdir, { purgeStep: 40, suffix: '.resumed' }),
  ];
  await Promise.all([first.close(), second.close()]);
  const names = (await readdir(logdir)).sort();
  t.deepEqual(
    names.map((name) => name.slice(20, 30)),
    ['4000000000', '4000000001', '4000000002'],
  );
  t.true(second.path.endsWith(`${names[2]}`) && second.path.endsWith('.resumed'));
  const [, start] = await eventsOf(second.path);
  t.deepEqual([field(start!, ...STEP), field(start!, ...STATUS)], [40n, 1n]);
});

test('two writers that start at once get a file each', async (t) => {
  const logdir = await temporary(t);
  const writers = await Promise.all([1, 2, 3].map(() => EventWriter.create(logdir)));
  t.is(new Set(writers.map((writer) => writer.path)).size, 3);
  await Promise.all(writers.map((writer) => writer.close()));
});

test('a folder that cannot be made, and one that vanished, are typed errors', async (t) => {
  const folder = await temporary(t);
  await writeFile(join(folder, 'file'), '');
  const impossible = join(folder, 'file', 'run');
  const refused = await t.throwsAsync(EventWriter.create(impossible), { instanceOf: RunError });
  t.true(refused.message.startsWith(`${impossible}: cannot be written: ENOTDIR`));

  const events = await EventWriter.create(join(folder, 'run'));
  await rm(join(folder, 'run'), { recursive: true });
  events.scalar('a', 1, 1);
  const vanished = await t.throwsAsync(events.flush(), { instanceOf: RunError });
  t.true(vanished.message.startsWith(`${events.path}: cannot be written: ENOENT`));
  await t.throwsAsync(events.close(), { instanceOf: RunError });
});

test('a process killed while it writes leaves at most one truncated record', async (t) => {
  const logdir = await temporary(t);
  const script = `
    import { EventWriter } from '${new URL('../../src/tensorboard/index', import.meta.url)}${moduleEnding}';
    const events = await EventWriter.create(process.argv[1]);
    for (let step = 0; ; step++) {
      events.histogram('h', step, [step, -step, 1 / step]);
      if (step % 50 === 0) await new Promise(setImmediate);
      if (step === 500) console.log('busy');
    }`;
  const child = spawn(process.execPath, [...moduleLoading, '--input-type=module', '--eval', script, logdir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  await sleep(37);
  child.kill('SIGKILL');
  await once(child, 'exit');

  const [name] = await readdir(logdir);
  const { records, rest } = splitRecords(await readFile(join(logdir, name!)));
  t.true(records.length > 400);
  t.deepEqual(
    records.slice(1).map((event) => Number(field(event, ...STEP))),
    Array.from({ length: records.length - 1 }, (_, step) => step),
  );
  const expected = rest.length >= 8 ? Number(rest.readBigUInt64LE(0)) + 16 : 24;
  t.true(rest.length < expected);
});
