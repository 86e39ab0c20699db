import { createHash } from 'node:crypto';

/** Bytes of a stem: a name may hold two of them and an ending, and file systems allow 255. */
const LONGEST = 100;

/** Names that Windows keeps for devices, whatever comes behind a dot. */
const DEVICE = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/**
 * A text (the name of a class, of a run of a sweep, the id of an image) as part of the name of a file: letters and
 * figures of any script and `_ . + = -` stay, of anything else comes a dash. It is one step of a path on every file
 * system: not empty, no dot first, 100 bytes at most, a longer one with a number that the whole text gives.
 */
export function fileStem(text: string): string {
  const plain = text
    .normalize('NFC')
    .replace(/[^\p{L}\p{N}\p{M}_.+=-]+/gu, '-')
    .replace(/^\.+/, '-')
    .replace(DEVICE, (device) => `-${device}`)
    .replace(/\.+$/, '-');
  if (plain === '') return '-';
  if (Buffer.byteLength(plain) <= LONGEST) return plain;
  const mark = `-${createHash('sha256').update(text).digest('hex').slice(0, 8)}`;
  let short = plain;
  while (Buffer.byteLength(short) > LONGEST - mark.length) short = [...short].slice(0, -1).join('');
  return short + mark;
}

/**
 * {@link fileStem} of texts that must not share a file: one that would be called as another, on a file system that
 * does not tell capital letters apart, gets a number behind it.
 *
 * @returns in the order of the texts
 */
export function fileStems(texts: readonly string[]): string[] {
  const taken = new Set<string>();
  return texts.map((text) => {
    const stem = fileStem(text);
    let name = stem;
    for (let count = 2; taken.has(name.toLowerCase()); count++) name = `${stem}-${count}`;
    taken.add(name.toLowerCase());
    return name;
  });
}
