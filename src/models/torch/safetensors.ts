import { ModelError } from '../../errors/index.ts';
import { isJson } from '../keras/dialect.ts';
import { checkedShape, readerOf, type StateDict, type TorchTensor } from './state-dict.ts';

/** The format's own limit. */
const maxHeaderBytes = 100_000_000;

/**
 * Reads a `.safetensors` file: eight bytes with the length of a JSON header, the header, the numbers.
 *
 * @throws {ModelError} when it is damaged, or a tensor lies outside of the file
 */
export function readSafetensors(file: string, bytes: Uint8Array): StateDict {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length < 8 ? -1 : Number(view.getBigUint64(0, true));
  if (length < 2 || length > maxHeaderBytes || 8 + length > bytes.length) {
    throw new ModelError(`${file}: this is no safetensors file, or it is cut short`);
  }
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  } catch (cause) {
    throw new ModelError(`${file}: its header is not JSON: ${(cause as Error).message}`, { cause });
  }
  if (!isJson(header)) throw new ModelError(`${file}: its header is no object`);
  const dict = new Map<string, TorchTensor>();
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const where = `${file}: tensor "${name}"`;
    const { dtype, shape, data_offsets } = isJson(entry) ? entry : {};
    const sizes = checkedShape(where, shape);
    const { bytes: each, read } = readerOf(where, String(dtype));
    const [start, end] = (Array.isArray(data_offsets) ? data_offsets : []) as [number, number];
    const count = sizes.reduce((product, size) => product * size, 1);
    const first = 8 + length + Number(start);
    if (!(start >= 0) || end - start !== count * each || 8 + length + end > bytes.length) {
      throw new ModelError(
        `${where}: its bytes ${JSON.stringify(data_offsets)} are not those of [${sizes}] ${dtype}`,
      );
    }
    dict.set(name, {
      shape: sizes,
      values: () => Float32Array.from({ length: count }, (_, i) => read(view, first + i * each)),
    });
  }
  return dict;
}
