import { ModelError } from '../../errors/index.ts';
import { readZip } from '../read-zip.ts';
import { PersistentId, PickledCall, readPickle } from './pickle.ts';
import { checkedShape, readerOf, type StateDict, type TorchTensor } from './state-dict.ts';

const dtypes: Record<string, string> = {
  'torch.FloatStorage': 'F32',
  'torch.DoubleStorage': 'F64',
  'torch.HalfStorage': 'F16',
  'torch.BFloat16Storage': 'BF16',
  'torch.LongStorage': 'I64',
  'torch.IntStorage': 'I32',
  'torch.ShortStorage': 'I16',
  'torch.CharStorage': 'I8',
  'torch.ByteStorage': 'U8',
  'torch.BoolStorage': 'BOOL',
};

/** Names under which training scripts keep the state dict among other things. */
const wrappers = ['state_dict', 'model_state_dict', 'model', 'model_ema', 'state_dict_ema', 'net', 'teacher'];

/**
 * Reads the state dict of a `.pth` or `.pt` that `torch.save` wrote (a zip, PyTorch ≥ 1.6), without Python and without
 * running anything of it.
 *
 * @throws {ModelError} when it is damaged, of the older format, or holds more than a state dict
 */
export function readTorchArchive(file: string, bytes: Uint8Array): StateDict {
  if (bytes[0] !== 0x50 || bytes[1] !== 0x4b) {
    throw new ModelError(
      `${file}: this is not a file of torch.save as it writes since PyTorch 1.6 (a zip); load and save it again, or ` +
        'save it as .safetensors',
    );
  }
  const members = readZip(file, bytes, (name) => /(^|\/)(data\.pkl|byteorder|data\/[^/]+)$/.test(name));
  const pickleName = [...members.keys()].find((name) => /(^|\/)data\.pkl$/.test(name));
  if (pickleName === undefined) throw new ModelError(`${file}: it holds no data.pkl`);
  const folder = pickleName.slice(0, -'data.pkl'.length);
  const order = members.get(`${folder}byteorder`);
  if (order && new TextDecoder().decode(order).trim() !== 'little') {
    throw new ModelError(`${file}: its numbers are big-endian`);
  }
  const found = dictOf(file, readPickle(file, members.get(pickleName)!));
  const dict = new Map<string, TorchTensor>();
  for (const [name, value] of found) {
    if (typeof name !== 'string') throw new ModelError(`${file}: a weight has no name`);
    const tensor = tensorOf(`${file}: tensor "${name}"`, value, members, folder);
    if (tensor) dict.set(name, tensor);
  }
  if (dict.size === 0) throw new ModelError(`${file}: it holds no tensors`);
  return dict;
}

function dictOf(file: string, value: unknown): Map<unknown, unknown> {
  if (!(value instanceof Map)) throw new ModelError(`${file}: it holds no state dict`);
  const key = wrappers.find((name) => value.get(name) instanceof Map);
  return key === undefined ? value : (value.get(key) as Map<unknown, unknown>);
}

function tensorOf(
  where: string,
  value: unknown,
  members: ReadonlyMap<string, Uint8Array>,
  folder: string,
): TorchTensor | undefined {
  // A number among the weights, such as an epoch.
  if (!(value instanceof PickledCall)) return undefined;
  if (value.callee === 'torch._utils._rebuild_parameter')
    return tensorOf(where, value.args[0], members, folder);
  if (value.callee !== 'torch._utils._rebuild_tensor_v2') {
    throw new ModelError(`${where}: it is no tensor but ${value.callee}`);
  }
  const [storage, offset, size, stride] = value.args;
  const [, kind, key] = storage instanceof PersistentId && Array.isArray(storage.id) ? storage.id : [];
  const dtype = dtypes[(kind as { name?: string } | undefined)?.name ?? ''];
  const bytes = members.get(`${folder}data/${String(key)}`);
  if (!dtype || !bytes) throw new ModelError(`${where}: its numbers are missing`);
  const shape = checkedShape(where, sizesOf(size));
  const strides = checkedShape(where, sizesOf(stride));
  const { bytes: each, read } = readerOf(where, dtype);
  const count = shape.reduce((product, extent) => product * extent, 1);
  const first = Number(offset);
  const last = first + shape.reduce((sum, extent, i) => sum + Math.max(0, extent - 1) * strides[i]!, 0);
  if (shape.length !== strides.length || !(first >= 0) || (count > 0 && (last + 1) * each > bytes.length)) {
    throw new ModelError(`${where}: [${shape}] lies outside of its numbers`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = () => {
    const numbers = new Float32Array(count);
    const index = shape.map(() => 0);
    let place = first;
    for (let i = 0; i < count; i++) {
      numbers[i] = read(view, place * each);
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        place += strides[axis]!;
        index[axis]!++;
        if (index[axis]! < shape[axis]!) break;
        place -= strides[axis]! * shape[axis]!;
        index[axis] = 0;
      }
    }
    return numbers;
  };
  return { shape, values };
}

/** A tuple, or a `torch.Size` of one. */
function sizesOf(value: unknown): unknown {
  return value instanceof PickledCall && value.callee === 'torch.Size' ? value.args[0] : value;
}
