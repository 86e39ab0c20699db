import type { DeviceTensor, ElementType, LazyNode, Values } from '../graph/lazy-node.ts';
import { encodeModel } from '../graph/onnx-model.ts';
import type { NativeRuntime, NativeSession, NativeTensor } from './native-runtime.ts';
import type { OnnxProvider } from './provider.ts';

/**
 * The values that lie on a device: weights, optimizer state and everything else that a run leaves there for the next.
 * The binding gives no way to copy by itself, so a program of one `Identity` brings a value up or down.
 */
export class DeviceValues {
  readonly #runtime: NativeRuntime;
  readonly #provider: OnnxProvider;
  readonly #held = new Set<DeviceTensor>();
  readonly #copies = new Map<string, NativeSession>();

  constructor(runtime: NativeRuntime, provider: OnnxProvider) {
    this.#runtime = runtime;
    this.#provider = provider;
  }

  /** Bytes on the device that are held for later runs. */
  get bytes(): number {
    let bytes = 0;
    for (const { dims } of this.#held) bytes += 4 * dims.reduce((a, b) => a * b, 1);
    return bytes;
  }

  get count(): number {
    return this.#held.size;
  }

  add(tensor: DeviceTensor): void {
    this.#held.add(tensor);
  }

  /** Brings the values of a leaf onto the device, where they stay. */
  upload(leaf: LazyNode): void {
    const { dtype, shape } = leaf;
    if (!canStay(dtype) || leaf.values === null) return;
    const host = this.#runtime.createTensor(dtype, leaf.values, shape);
    const { y } = this.#copy(dtype, shape.length, 'up').run({ x: host }, { y: null }, {});
    leaf.device = y!;
    this.#held.add(y!);
  }

  /** The numbers of a value on the device. */
  download(tensor: DeviceTensor, dtype: ElementType): Values {
    const { y } = this.#copy(dtype, tensor.dims.length, 'down').run(
      { x: tensor as NativeTensor },
      { y: null },
      {},
    );
    return y!.data;
  }

  /** Lets go of what nobody needs any more. */
  release(isNeeded: (tensor: DeviceTensor) => boolean): void {
    for (const tensor of this.#held) if (!isNeeded(tensor)) this.drop(tensor);
  }

  drop(tensor: DeviceTensor): void {
    if (this.#held.delete(tensor)) tensor.dispose?.();
  }

  clear(): void {
    this.release(() => false);
    for (const session of this.#copies.values()) session.dispose();
    this.#copies.clear();
  }

  #copy(dtype: ElementType, rank: number, direction: 'up' | 'down'): NativeSession {
    const key = `${dtype}${rank}${direction}`;
    let session = this.#copies.get(key);
    if (session === undefined) {
      const dims = Array.from({ length: rank }, (_, axis) => `d${axis}`);
      const bytes = encodeModel({
        initializers: [],
        nodes: [{ type: 'Identity', domain: '', inputs: ['x'], outputs: ['y'], attributes: {} }],
        inputs: [{ name: 'x', type: dtype, dims }],
        outputs: [{ name: 'y', type: dtype, dims }],
      });
      session = this.#runtime.createSession();
      session.loadModel(bytes.buffer, bytes.byteOffset, bytes.byteLength, {
        executionProviders: [this.#provider],
        logSeverityLevel: 4,
        ...(direction === 'up' ? { preferredOutputLocation: 'gpu-buffer' } : {}),
      });
      this.#copies.set(key, session);
    }
    return session;
  }
}

/** Whether a value of this type can lie on the device between two runs: buffers hold words of 32 bits. */
export function canStay(dtype: ElementType): boolean {
  return dtype !== 'bool';
}
