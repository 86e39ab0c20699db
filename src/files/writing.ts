import { GainError, RunError } from '../errors/index.ts';

/** The error that a file which cannot be written ends in. */
export type WriteError = new (message: string, options?: ErrorOptions) => GainError;

/**
 * Does what writes to `path`, and makes a typed error that names it of what the system refuses: a full disk (ENOSPC), a
 * file above its limit (EFBIG), a disk that fails (EIO), too many open files (EMFILE), a missing right.
 *
 * @param path file or folder, as the user knows it
 * @param as the type of the error. @default RunError
 * @throws `as`, with the system's error as its cause; a typed error of `work` stays as it is
 */
export async function writing<Result>(
  path: string,
  work: () => Promise<Result>,
  as: WriteError = RunError,
): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    throw cannotBeWritten(path, cause, as);
  }
}

/** The typed error of a failed write to `path`; a typed error is returned as it is. */
export function cannotBeWritten(path: string, cause: unknown, as: WriteError = RunError): GainError {
  if (cause instanceof GainError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new as(`${path}: cannot be written: ${reason}`, { cause });
}
