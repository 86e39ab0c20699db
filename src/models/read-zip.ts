import { unzipSync } from 'fflate';
import { ModelError } from '../errors/index.ts';

/** A member may unpack to no more than this: weights do not shrink much, so a larger one is a trap. */
const maxRatio = 200;

/**
 * The members of a zip that are wanted, unpacked in memory.
 *
 * @param wanted names, or a function that chooses
 * @throws {ModelError} when it is no zip, or a member would unpack to far more than the file is long
 */
export function readZip(
  file: string,
  bytes: Uint8Array,
  wanted: readonly string[] | ((name: string) => boolean),
): Map<string, Uint8Array> {
  const isWanted = typeof wanted === 'function' ? wanted : (name: string) => wanted.includes(name);
  try {
    const members = unzipSync(bytes, {
      filter: ({ name, originalSize }) => {
        if (!isWanted(name)) return false;
        if (originalSize > maxRatio * bytes.length + 2 ** 20) {
          throw new ModelError(`${file}: ${name} would unpack to ${originalSize} bytes`);
        }
        return true;
      },
    });
    return new Map(Object.entries(members));
  } catch (cause) {
    if (cause instanceof ModelError) throw cause;
    throw new ModelError(`${file}: this is no zip archive that can be read: ${(cause as Error).message}`, {
      cause,
    });
  }
}
