import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { ModelError } from '../../errors/index.ts';

/** Numbers that lie in the file. */
export interface OnnxTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: readonly number[] | Float32Array;
}

export type OnnxAttribute = number | string | readonly number[] | OnnxTensor;

export interface OnnxNode {
  readonly name: string;
  readonly op: string;
  /** '' stands for an operand that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, OnnxAttribute>;
}

export interface OnnxValue {
  readonly name: string;
  /** null where a size is open. */
  readonly shape: readonly (number | null)[];
}

export interface OnnxModel {
  readonly opset: number;
  readonly nodes: readonly OnnxNode[];
  readonly tensors: ReadonlyMap<string, OnnxTensor>;
  /** Without those that the file gives a value. */
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

type Fields = Map<number, (Uint8Array | number | bigint)[]>;

/**
 * Reads an ONNX file: its nodes, the numbers in it, its inputs and outputs (onnx.proto3).
 *
 * @throws {ModelError} when it is damaged, or its numbers lie in another file
 */
export function readOnnx(file: string, bytes: Uint8Array): OnnxModel {
  try {
    const model = fieldsOf(bytes);
    const [graphBytes] = messages(model, 7);
    if (!graphBytes) throw new Error('it has no graph');
    const graph = fieldsOf(graphBytes);
    const opsets = messages(model, 8).map(fieldsOf);
    const standard = opsets.find((one) => ['', 'ai.onnx'].includes(text(one, 1)));
    const tensors = new Map(
      messages(graph, 5)
        .map((one) => tensor(one))
        .map((one) => [one.name, one]),
    );
    return {
      opset: number(standard ?? new Map(), 2) ?? 1,
      nodes: messages(graph, 1).map(node),
      tensors,
      inputs: messages(graph, 11)
        .map(value)
        .filter(({ name }) => !tensors.has(name)),
      outputs: messages(graph, 12).map(value),
    };
  } catch (cause) {
    if (cause instanceof ModelError) throw cause;
    throw new ModelError(`${file}: this is no ONNX file that can be read: ${(cause as Error).message}`, {
      cause,
    });
  }
}

function fieldsOf(bytes: Uint8Array): Fields {
  const reader = new BinaryReader(bytes);
  const fields: Fields = new Map();
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    const found =
      type === WireType.LengthDelimited
        ? reader.bytes()
        : type === WireType.Varint
          ? reader.int64()
          : type === WireType.Bit32
            ? reader.float()
            : type === WireType.Bit64
              ? reader.double()
              : undefined;
    if (found === undefined) reader.skip(type, field);
    else fields.set(field, [...(fields.get(field) ?? []), found as Uint8Array]);
  }
  return fields;
}

function messages(fields: Fields, field: number): Uint8Array[] {
  return (fields.get(field) ?? []).filter((one): one is Uint8Array => one instanceof Uint8Array);
}

function text(fields: Fields, field: number): string {
  return new TextDecoder().decode(messages(fields, field).at(-1) ?? new Uint8Array());
}

function number(fields: Fields, field: number): number | undefined {
  const found = fields.get(field)?.at(-1);
  return found === undefined || found instanceof Uint8Array ? undefined : Number(found);
}

/** Repeated numbers: each for itself, or packed. */
function list(fields: Fields, field: number, read: (reader: BinaryReader) => unknown): number[] {
  return (fields.get(field) ?? []).flatMap((one) => {
    if (!(one instanceof Uint8Array)) return [Number(one)];
    const reader = new BinaryReader(one);
    const found: number[] = [];
    while (reader.pos < reader.len) found.push(Number(read(reader)));
    return found;
  });
}

const ints = (reader: BinaryReader) => reader.int64();
const floats = (reader: BinaryReader) => reader.float();

function node(bytes: Uint8Array): OnnxNode {
  const fields = fieldsOf(bytes);
  const decoder = new TextDecoder();
  const domain = text(fields, 7);
  return {
    name: text(fields, 3),
    op: domain === '' || domain === 'ai.onnx' ? text(fields, 4) : `${domain}.${text(fields, 4)}`,
    inputs: messages(fields, 1).map((one) => decoder.decode(one)),
    outputs: messages(fields, 2).map((one) => decoder.decode(one)),
    attributes: new Map(messages(fields, 5).map((one) => attribute(fieldsOf(one)))),
  };
}

function attribute(fields: Fields): [string, OnnxAttribute] {
  const name = text(fields, 1);
  switch (number(fields, 20)) {
    case 1:
      return [name, number(fields, 2) ?? 0];
    case 2:
      return [name, number(fields, 3) ?? 0];
    case 3:
      return [name, text(fields, 4)];
    case 4:
      return [name, tensor(messages(fields, 5)[0] ?? new Uint8Array())];
    case 6:
      return [name, list(fields, 7, floats)];
    case 7:
      return [name, list(fields, 8, ints)];
    default:
      return [name, 'an attribute of another kind'];
  }
}

function tensor(bytes: Uint8Array): OnnxTensor {
  const fields = fieldsOf(bytes);
  const name = text(fields, 8);
  if (number(fields, 14) === 1) throw new Error(`tensor "${name}" lies in another file`);
  const shape = list(fields, 1, ints);
  const type = number(fields, 2) ?? 1;
  const count = shape.reduce((product, size) => product * size, 1);
  const [raw] = messages(fields, 9);
  const values = raw
    ? rawValues(name, raw, type)
    : type === 1
      ? list(fields, 4, floats)
      : type === 11
        ? list(fields, 10, (reader) => reader.double())
        : type === 7
          ? list(fields, 7, ints)
          : list(fields, 5, (reader) => reader.int32());
  if (values.length !== count)
    throw new Error(`tensor "${name}" has ${values.length} numbers, expected ${count}`);
  return { name, shape, values };
}

function rawValues(name: string, raw: Uint8Array, type: number): number[] | Float32Array {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const each = (size: number, read: (at: number) => number) =>
    Array.from({ length: Math.floor(raw.length / size) }, (_, i) => read(i * size));
  switch (type) {
    case 1:
      return Float32Array.from(each(4, (at) => view.getFloat32(at, true)));
    case 6:
      return each(4, (at) => view.getInt32(at, true));
    case 7:
      return each(8, (at) => Number(view.getBigInt64(at, true)));
    case 9:
      return each(1, (at) => view.getUint8(at));
    case 11:
      return each(8, (at) => view.getFloat64(at, true));
    default:
      throw new Error(`tensor "${name}" is of a type that is not known (${type})`);
  }
}

function value(bytes: Uint8Array): OnnxValue {
  const fields = fieldsOf(bytes);
  const [type] = messages(fields, 2);
  const [tensorType] = type ? messages(fieldsOf(type), 1) : [];
  const [shape] = tensorType ? messages(fieldsOf(tensorType), 2) : [];
  const sizes = shape
    ? messages(fieldsOf(shape), 1).map((one) => {
        const size = number(fieldsOf(one), 1);
        return size !== undefined && size > 0 ? size : null;
      })
    : [];
  return { name: text(fields, 1), shape: sizes };
}
