import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** Element types of the ONNX standard (TensorProto.DataType) that the engine uses. */
export const ONNX_TYPE = { float32: 1, int32: 6, int64: 7, bool: 9, float64: 11 } as const;
export type OnnxType = keyof typeof ONNX_TYPE;

/** A float attribute. A bare number means an integer attribute, as ONNX tells the two apart. */
export interface FloatAttribute {
  readonly float: number;
}
export interface FloatsAttribute {
  readonly floats: readonly number[];
}
export type Attribute = number | string | readonly number[] | FloatAttribute | FloatsAttribute;
export type Attributes = Readonly<Record<string, Attribute>>;

export interface OnnxNode {
  readonly type: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
  /** The place in the trace of the operation that wrote it; part of the name that errors give. */
  readonly origin?: number | undefined;
}

/** The place in the trace that ONNX Runtime's message about a node names, or null. */
export function originIn(message: string): number | null {
  const [, origin] = /\w+_\w+@(\d+)/.exec(message) ?? [];
  return origin === undefined ? null : Number(origin);
}

export interface OnnxInitializer {
  readonly name: string;
  readonly type: OnnxType;
  readonly dims: readonly number[];
  readonly bytes: Uint8Array;
}

export interface OnnxValueInfo {
  readonly name: string;
  readonly type: OnnxType;
  /** A string is the name of a size that is known only when the model runs. */
  readonly dims: readonly (number | string)[];
}

export interface OnnxModel {
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxInitializer[];
  readonly inputs: readonly OnnxValueInfo[];
  /** An output whose type is not given has the one that follows from the nodes. */
  readonly outputs: readonly (OnnxValueInfo | { readonly name: string })[];
  /** For whoever uses the file: ModelProto.metadata_props. */
  readonly metadata?: Readonly<Record<string, string>>;
}

const IR_VERSION = 10;
/** Version of the standard operators. */
export const OPSET = 20;
const EXTENSION_VERSION = 1;

/**
 * Writes a model in the protobuf format of ONNX (onnx.proto, ModelProto). The numbers are the field numbers
 * of that file.
 */
export function encodeModel(model: OnnxModel): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  int64(writer, 1, IR_VERSION);
  text(writer, 2, 'tfjs-gain');
  message(writer, 7, () => {
    for (const node of model.nodes) message(writer, 1, () => writeNode(writer, node));
    text(writer, 2, 'graph');
    for (const tensor of model.initializers) message(writer, 5, () => writeInitializer(writer, tensor));
    for (const value of model.inputs) message(writer, 11, () => writeValueInfo(writer, value));
    for (const value of model.outputs) message(writer, 12, () => writeValueInfo(writer, value));
  });
  for (const domain of new Set(['', ...model.nodes.map((node) => node.domain)])) {
    message(writer, 8, () => {
      text(writer, 1, domain);
      int64(writer, 2, domain === '' ? OPSET : EXTENSION_VERSION);
    });
  }
  for (const [key, value] of Object.entries(model.metadata ?? {})) {
    message(writer, 14, () => {
      text(writer, 1, key);
      text(writer, 2, value);
    });
  }
  return writer.finish();
}

function writeNode(writer: BinaryWriter, node: OnnxNode): void {
  for (const input of node.inputs) text(writer, 1, input);
  for (const output of node.outputs) text(writer, 2, output);
  const name = `${node.type}_${node.outputs[0]}`;
  text(writer, 3, node.origin === undefined ? name : `${name}@${node.origin}`);
  text(writer, 4, node.type);
  for (const [name, value] of Object.entries(node.attributes)) {
    message(writer, 5, () => writeAttribute(writer, name, value));
  }
  if (node.domain !== '') text(writer, 7, node.domain);
}

function writeAttribute(writer: BinaryWriter, name: string, value: Attribute): void {
  text(writer, 1, name);
  if (typeof value === 'string') {
    text(writer, 4, value);
    int64(writer, 20, 3);
  } else if (typeof value === 'number') {
    int64(writer, 3, value);
    int64(writer, 20, 2);
  } else if ('floats' in value) {
    for (const item of value.floats) writer.tag(7, WireType.Bit32).float(item);
    int64(writer, 20, 6);
  } else if ('float' in value) {
    writer.tag(2, WireType.Bit32).float(value.float);
    int64(writer, 20, 1);
  } else {
    for (const item of value) int64(writer, 8, item);
    int64(writer, 20, 7);
  }
}

function writeInitializer(writer: BinaryWriter, tensor: OnnxInitializer): void {
  for (const dim of tensor.dims) int64(writer, 1, dim);
  int64(writer, 2, ONNX_TYPE[tensor.type]);
  text(writer, 8, tensor.name);
  writer.tag(9, WireType.LengthDelimited).bytes(tensor.bytes);
}

function writeValueInfo(writer: BinaryWriter, value: OnnxModel['outputs'][number]): void {
  text(writer, 1, value.name);
  if (!('type' in value)) return;
  message(writer, 2, () => {
    message(writer, 1, () => {
      int64(writer, 1, ONNX_TYPE[value.type]);
      message(writer, 2, () => {
        for (const dim of value.dims) {
          message(writer, 1, () => (typeof dim === 'number' ? int64(writer, 1, dim) : text(writer, 2, dim)));
        }
      });
    });
  });
}

function message(writer: BinaryWriter, field: number, body: () => void): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  body();
  writer.join();
}

function text(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, WireType.LengthDelimited).string(value);
}

function int64(writer: BinaryWriter, field: number, value: number): void {
  writer.tag(field, WireType.Varint).int64(value);
}
