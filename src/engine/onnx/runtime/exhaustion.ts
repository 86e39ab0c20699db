import { EngineError } from '../../../errors/index.ts';
import type { OnnxProvider } from './provider.ts';

const LOST = /device (?:is |was |has been )?lost|DEVICE_LOST|DEVICE_REMOVED/i;
const MEMORY =
  /out of (?:device |host )?memory|OUT_OF_(?:DEVICE_|HOST_)?MEMORY|bad_alloc|failed to allocate|larger than the max(?:imum)? buffer size|exceeds the max buffer size/i;

const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toPrecision(2)} GiB`;

/**
 * What no operation of a program is to blame for: memory that is out, or a device that is gone. Everything fails with
 * it; trying the operations one by one would only fail again.
 *
 * @param working bytes that a run holds at once
 * @param held bytes of values that lie on the device between runs
 * @returns null for any other error
 */
export function exhaustion(
  error: Error,
  provider: OnnxProvider,
  { working, held }: { readonly working: number; readonly held: number },
): EngineError | null {
  const { message } = error;
  const [line] = message.split('\n', 1);
  const where = provider === 'cpu' ? 'the processor' : `the device (${provider})`;
  if (LOST.test(message)) {
    return new EngineError(
      `engine onnx: ${where} was lost in the middle of a run, with all values on it; a training goes on from its last ` +
        `checkpoint with --resume (${line})`,
      { cause: error },
    );
  }
  if (!MEMORY.test(message)) return null;
  const beside = held > 0 ? ` beside ${gibibytes(held)} of values that stay` : '';
  return new EngineError(
    `engine onnx: the memory of ${where} does not hold this step: about ${gibibytes(working)} at once${beside}. Most of ` +
      `it grows with the batch: half of data.batchSize needs about ${gibibytes(working / 2)}, and training.accumulate: 2 ` +
      `keeps the step's number of images (${line})`,
    { cause: error },
  );
}
