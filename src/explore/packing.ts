/**
 * Values with arrays of numbers in them as bytes, and back: what server and page send each other.
 *
 *     4 bytes   length of the JSON, little endian
 *     JSON      { value, arrays: [['f4' | 'u1', length], …] }; an array stands as { "@": its number }
 *     arrays    one after the other, each at a multiple of 4 from the beginning
 */

const types = { f4: Float32Array, u1: Uint8Array } as const;
type TypeName = keyof typeof types;

/** @param value plain objects, lists, numbers, texts, `Float32Array` and `Uint8Array` */
export function pack(value: unknown): Uint8Array<ArrayBuffer> {
  const arrays: (Float32Array | Uint8Array)[] = [];
  const plain = (one: unknown): unknown => {
    if (one instanceof Float32Array || one instanceof Uint8Array) return { '@': arrays.push(one) - 1 };
    if (Array.isArray(one)) return one.map(plain);
    if (one === null || typeof one !== 'object') return one;
    return Object.fromEntries(Object.entries(one).map(([key, inner]) => [key, plain(inner)]));
  };
  const value_ = plain(value);
  const listed = arrays.map((array) => [array instanceof Float32Array ? 'f4' : 'u1', array.length]);
  const json = new TextEncoder().encode(JSON.stringify({ value: value_, arrays: listed }));
  const size = arrays.reduce((sum, { byteLength }) => sum + aligned(byteLength), aligned(4 + json.length));
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setUint32(0, json.length, true);
  bytes.set(json, 4);
  let at = aligned(4 + json.length);
  for (const { buffer, byteOffset, byteLength } of arrays) {
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += aligned(byteLength);
  }
  return bytes;
}

/** @throws {Error} for bytes that {@link pack} did not make */
export function unpack(bytes: Uint8Array): unknown {
  // Arrays of floats need a place that is a multiple of 4.
  const whole = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
  const view = new DataView(whole.buffer, whole.byteOffset, whole.byteLength);
  if (whole.length < 4) throw new Error('packed value: cut short');
  const length = view.getUint32(0, true);
  if (4 + length > whole.length) throw new Error('packed value: cut short');
  const { value, arrays } = JSON.parse(new TextDecoder().decode(whole.subarray(4, 4 + length))) as {
    value: unknown;
    arrays: [TypeName, number][];
  };
  let at = aligned(4 + length);
  const found = arrays.map(([name, count]) => {
    const type = types[name];
    const end = at + count * (type?.BYTES_PER_ELEMENT ?? Number.NaN);
    if (!(Number.isInteger(count) && count >= 0 && end <= whole.length)) {
      throw new Error('packed value: cut short');
    }
    const array = new type(whole.buffer as ArrayBuffer, whole.byteOffset + at, count);
    at = aligned(end);
    return array;
  });
  const filled = (one: unknown): unknown => {
    if (Array.isArray(one)) return one.map(filled);
    if (one === null || typeof one !== 'object') return one;
    if ('@' in one) return found[Number(one['@'])];
    return Object.fromEntries(Object.entries(one).map(([key, inner]) => [key, filled(inner)]));
  };
  return filled(value);
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}
