import { createRequire, syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What `node:fs/promises` exports, as the object whose changes its importers see. */
const disk = createRequire(import.meta.url)('node:fs/promises') as Record<string, Operation>;

type Operation = (...args: unknown[]) => Promise<unknown>;

/** What a full disk, a limit on file sizes, a broken disk and a process with too many files answer. */
export const faults = {
  ENOSPC: 'no space left on device',
  EFBIG: 'file too large',
  EIO: 'i/o error',
  EMFILE: 'too many open files',
} as const;
export type Fault = keyof typeof faults;

/** The operations that can fail, those of a file handle included. What clears up (`rm`, `close`) works. */
const ofPath = ['mkdir', 'open', 'rename', 'writeFile', 'appendFile'] as const;
const ofHandle = ['write', 'writeFile', 'appendFile', 'sync', 'datasync'] as const;

/**
 * Runs work on a disk where one operation fails: the one of that number, or none. A write that fails has half of its
 * bytes on the disk. Only for tests that run one after the other.
 *
 * @returns how many operations there were, and the error that `work` ended in
 */
export async function onFaultyDisk(
  failing: { readonly operation: number; readonly fault: Fault } | undefined,
  work: () => Promise<unknown>,
): Promise<{ operations: number; error: unknown }> {
  const prototype = await handlePrototype();
  const originals: [object: Record<string, Operation>, name: string, original: Operation][] = [
    ...ofPath.map((name) => [disk, name, disk[name]!] as [Record<string, Operation>, string, Operation]),
    ...ofHandle.map(
      (name) => [prototype, name, prototype[name]!] as [Record<string, Operation>, string, Operation],
    ),
  ];
  let operations = 0;
  for (const [object, name, original] of originals) {
    object[name] = async function (this: unknown, ...args: unknown[]) {
      if (operations++ !== failing?.operation) return await original.apply(this, args);
      if (name === 'writeFile' || name === 'appendFile') {
        const at = object === disk ? 1 : 0;
        const data = Buffer.from(args[at] as string | Uint8Array);
        await original.apply(this, args.with(at, data.subarray(0, data.length >> 1)));
      }
      throw Object.assign(new Error(`${failing.fault}: ${faults[failing.fault]}, ${name}`), {
        code: failing.fault,
      });
    };
  }
  syncBuiltinESMExports();
  try {
    const error = await work().then(
      () => undefined,
      (error: unknown) => error,
    );
    return { operations, error };
  } finally {
    for (const [object, name, original] of originals) object[name] = original;
    syncBuiltinESMExports();
  }
}

async function handlePrototype(): Promise<Record<string, Operation>> {
  const handle = (await disk.open!(join(tmpdir(), '.'), 'r')) as { close(): Promise<void> };
  await handle.close();
  return Object.getPrototypeOf(handle) as Record<string, Operation>;
}
