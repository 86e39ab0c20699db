import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test, { type ExecutionContext } from 'ava';
import { RunError } from '../../src/errors/index.ts';
import { DirectoryLock, lockHolder } from '../../src/run/directory-lock.ts';
import { temporaryFolder } from '../data/temporary-folder.ts';
import { moduleCommand } from '../program-command.ts';

/** A directory with a lock in it. */
async function lockedDirectory(t: ExecutionContext, lock: string): Promise<string> {
  const directory = join(temporaryFolder(t), 'held');
  await mkdir(directory);
  await writeFile(join(directory, '.lock'), lock);
  return directory;
}

/** The lock of a process that has ended. */
const staleLock = () => {
  const { pid } = spawnSync(process.execPath, ['--eval', '']);
  return JSON.stringify({ host: hostname(), pid, started: '1' });
};

test('a held directory names its holder, and refuses another; released, nothing is left', async (t) => {
  const directory = join(temporaryFolder(t), 'a', 'b');
  t.is(lockHolder(directory), undefined);
  const lock = await DirectoryLock.acquire(directory);
  t.is(lockHolder(directory)?.pid, process.pid);
  await t.throwsAsync(DirectoryLock.acquire(directory), {
    instanceOf: RunError,
    message: `${directory}: in use by process ${process.pid} on ${hostname()}`,
  });
  lock.release();
  t.is(lockHolder(directory), undefined);
  t.false(existsSync(directory));
});

test('what was written stays when the lock goes', async (t) => {
  const directory = temporaryFolder(t);
  const lock = await DirectoryLock.acquire(directory);
  await writeFile(join(directory, 'table.md'), '');
  lock.release();
  t.deepEqual(readdirSync(directory), ['table.md']);
});

test('a process on another machine counts as alive, and the message says what to do if it is not', async (t) => {
  const directory = await lockedDirectory(t, '{"host":"elsewhere","pid":7,"started":"1"}');
  await t.throwsAsync(DirectoryLock.acquire(directory), {
    instanceOf: RunError,
    message: `${directory}: in use by process 7 on elsewhere; if it is no more, --break-lock takes its lock away (or delete ${join(directory, '.lock')})`,
  });
});

test('the lock of a process that is gone, and one that a kill cut off, is taken over', async (t) => {
  for (const lock of [staleLock(), '', '{"host":']) {
    const directory = await lockedDirectory(t, lock);
    t.is(lockHolder(directory), undefined);
    await DirectoryLock.acquire(directory);
    t.is(lockHolder(directory)?.pid, process.pid);
    t.deepEqual(readdirSync(directory), ['.lock']);
  }
});

test('a lock that is being written at this moment is respected', async (t) => {
  const held = join(temporaryFolder(t), 'held');
  await DirectoryLock.acquire(held);
  const directory = await lockedDirectory(t, '');
  const refused = t.throwsAsync(DirectoryLock.acquire(directory), { message: /in use by process/ });
  const whole = readFileSync(join(held, '.lock'), 'utf8');
  await writeFile(join(directory, '.lock'), whole);
  await refused;
  t.is(readFileSync(join(directory, '.lock'), 'utf8'), whole);
});

const onLinux = process.platform === 'linux' ? test : test.skip;

onLinux('a process number that was given out again is not taken for the old holder', async (t) => {
  const directory = await lockedDirectory(
    t,
    JSON.stringify({ host: hostname(), pid: process.pid, started: '1' }),
  );
  t.is(lockHolder(directory), undefined);
});

onLinux('a process that has ended and that nobody has waited for holds nothing', async (t) => {
  // The shell becomes a program that does not wait for its child, which ends only then.
  const parent = spawn('sh', ['-c', 'sleep 0.3 & echo $!; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.teardown(() => parent.kill());
  const pid = Number(await once(parent.stdout, 'data'));
  const fields = () => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  };
  while (fields()[0] !== 'Z') await new Promise((resolve) => setTimeout(resolve, 5));
  const directory = await lockedDirectory(
    t,
    JSON.stringify({ host: hostname(), pid, started: fields()[19] }),
  );
  t.is(lockHolder(directory), undefined);
});

test('of two processes that take a directory at the same moment one gets it, its lock stale or none there', async (t) => {
  t.timeout(120_000);
  const folder = temporaryFolder(t);
  const [file, ...args] = moduleCommand(new URL('./lock-contender', import.meta.url));
  const contenders = [1, 2].map(() => {
    const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    t.teardown(() => child.kill());
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  });
  const answers = () => Promise.all(contenders.map(async ({ lines }) => String((await lines.next()).value)));
  t.deepEqual(await answers(), ['ready', 'ready']);
  const stale = staleLock();
  for (let round = 0; round < 60; round++) {
    const directory = join(folder, String(round));
    await mkdir(directory);
    if (round % 3 > 0) await writeFile(join(directory, '.lock'), round % 3 === 1 ? stale : '');
    const time = Date.now() + 15;
    for (const { child } of contenders) child.stdin.write(`${time} ${directory}\n`);
    const said = (await answers()).sort();
    t.is(said[1], 'held', `round ${round}: ${said}`);
    t.regex(
      said[0]!,
      /^RunError: .*: (in use by process \d+ on |another process takes it)/,
      `round ${round}`,
    );
    t.deepEqual(readdirSync(directory), ['.lock']);
  }
});
