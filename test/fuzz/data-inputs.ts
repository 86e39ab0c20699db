import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Random } from '../../src/random/index.ts';

// How the targets of the data room make files that are almost right.

/** Makes a folder for one input, hands it over, and removes it. */
export async function inFolder<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'tfjs-gain-fuzz-'));
  try {
    return await work(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

export function put(dir: string, content: Readonly<Record<string, Uint8Array | string>>): void {
  for (const [name, bytes] of Object.entries(content)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), bytes);
  }
}

/** Texts that files from elsewhere hold where something else was meant. */
const ODD = [
  '',
  '0',
  '-1',
  '1e999',
  'NaN',
  '[]',
  '{}',
  '"',
  '\0',
  '../../x',
  'null',
  '<a>',
  '&x;',
  '__proto__',
  '9'.repeat(40),
  ','.repeat(50),
  '\u{1f408}',
  '\ufeff',
  '[[[[[[[[',
  '*a',
  '&a [*a]',
  '<<: 3',
  '%YAML 1.1\n---\n',
];

/** Damages bytes a little: some are left out, doubled, changed, or an odd text is put between them. No damage at all is the first choice. */
export function damaged(bytes: Uint8Array, random: Random): Uint8Array {
  let result = Buffer.from(bytes);
  const times = random.integer(4);
  for (let i = 0; i < times && result.length > 0; i++) {
    const at = random.integer(result.length);
    const length = Math.min(result.length - at, 1 + random.integer(random.next() < 0.8 ? 8 : result.length));
    const [before, middle, after] = [
      result.subarray(0, at),
      result.subarray(at, at + length),
      result.subarray(at + length),
    ];
    const kind = random.integer(5);
    if (kind === 0) result = Buffer.concat([before, after]);
    else if (kind === 1) result = Buffer.concat([before, middle, middle, after]);
    else if (kind === 2)
      result = Buffer.concat([before, Buffer.from(ODD[random.integer(ODD.length)]!), after]);
    else if (kind === 3)
      result = Buffer.concat([
        before,
        Uint8Array.from(middle, (byte) => byte ^ (1 << random.integer(8))),
        after,
      ]);
    else result = Buffer.from(before);
  }
  return result;
}
