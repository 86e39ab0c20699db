import { GainError, RunError } from '../errors/index.ts';

/** Does what writes to `path`, and makes a {@link RunError} that names it of what the system refuses. */
export async function writing<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof GainError) throw cause;
    throw new RunError(`${path}: cannot be written: ${(cause as Error).message}`, { cause });
  }
}
