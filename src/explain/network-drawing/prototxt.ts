import { DataError } from '../../errors/index.ts';
import type { NetworkNode } from '../../gradcam/index.ts';
import { type Described, NodeBuilder, type Window } from './node-builder.ts';

/** A message of protobuf's text format: fields in the order of the file, which may repeat. */
export interface TextMessage {
  readonly fields: readonly (readonly [name: string, value: string | number | boolean | TextMessage])[];
}

/** A network that a prototxt describes, and what of the file is not drawn. */
export interface PrototxtNetwork {
  readonly name: string | undefined;
  readonly nodes: NetworkNode[];
  /** Layers that were left out, with the reason. */
  readonly notes: string[];
}

/**
 * Reads protobuf's text format.
 *
 * @throws {DataError} with file and line
 */
export function parseTextMessage(text: string, file: string): TextMessage {
  const tokens = [
    ...text.matchAll(/#.*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[{}:;,[\]<>]|[^\s{}:;,"'[\]<>#]+|["']/g),
  ]
    .map((match) => ({ word: match[0], at: match.index }))
    .filter(({ word }) => !word.startsWith('#'));
  let next = 0;
  const fail = (rule: string): never => {
    const line = text.slice(0, tokens[next]?.at ?? text.length).split('\n').length;
    throw new DataError(
      `${file}:${line}: ${rule}, found ${tokens[next] ? `"${tokens[next]!.word}"` : 'the end of the file'}`,
    );
  };
  const message = (end: string | undefined): TextMessage => {
    const fields: [string, string | number | boolean | TextMessage][] = [];
    for (;;) {
      const token = tokens[next]?.word;
      if (token === end) {
        next++;
        return { fields };
      }
      if (token === ';' || token === ',') {
        next++;
        continue;
      }
      if (token === undefined || !/^\w+$/.test(token)) fail('expected the name of a field');
      next++;
      if (tokens[next]?.word === ':') next++;
      const opening = tokens[next]?.word;
      if (opening === '{' || opening === '<') {
        next++;
        fields.push([token!, message(opening === '{' ? '}' : '>')]);
      } else if (opening === '[') {
        next++;
        while (tokens[next]?.word !== ']') {
          if (tokens[next]?.word === ',') next++;
          else fields.push([token!, scalar()]);
        }
        next++;
      } else fields.push([token!, scalar()]);
    }
  };
  const scalar = (): string | number | boolean => {
    const word = tokens[next]?.word;
    if (word === undefined || /^[{}:;,[\]<>]$/.test(word) || word === '"' || word === "'")
      return fail('expected a value');
    next++;
    if (/^["']/.test(word)) return word.slice(1, -1).replace(/\\(.)/g, '$1');
    if (word === 'true' || word === 'false') return word === 'true';
    return word !== '' && Number.isFinite(Number(word)) ? Number(word) : word;
  };
  return message(undefined);
}

/** Spellings of layer types before 2014, in capitals. */
const old: Readonly<Record<string, string>> = {
  CONVOLUTION: 'Convolution',
  DECONVOLUTION: 'Deconvolution',
  POOLING: 'Pooling',
  INNER_PRODUCT: 'InnerProduct',
  RELU: 'ReLU',
  PRELU: 'PReLU',
  SIGMOID: 'Sigmoid',
  TANH: 'TanH',
  LRN: 'LRN',
  DROPOUT: 'Dropout',
  SOFTMAX: 'Softmax',
  SOFTMAX_LOSS: 'SoftmaxWithLoss',
  CONCAT: 'Concat',
  ELTWISE: 'Eltwise',
  FLATTEN: 'Flatten',
  ACCURACY: 'Accuracy',
  DATA: 'Data',
  IMAGE_DATA: 'ImageData',
};

/** Layers that feed or judge a network and are no part of it. */
const notDrawn =
  /^(Data|ImageData|HDF5Data|WindowData|MemoryData|DummyData|Python|Silence|Accuracy|.*Loss|.*LossLayer)$/;

/**
 * A network from a Caffe prototxt: `deploy.prototxt`, or a training file, whose data, losses and accuracy are left out.
 *
 * @throws {DataError} with file and line for text that is none, or without an input whose size is known
 */
export function networkOfPrototxt(text: string, file: string): PrototxtNetwork {
  const net = parseTextMessage(text, file);
  const builder = new NodeBuilder(file);
  const notes: string[] = [];
  /** What blob is made by which node. */
  const makers = new Map<string, string>();
  const input = (blob: string, dims: readonly number[]) => {
    const [, channels, height = 1, width = 1] = dims;
    if (dims.length < 2)
      throw new DataError(`${file}: input "${blob}" has no size (input_dim, input_shape or input_param)`);
    builder.input(blob, dims.length < 4 ? [channels!] : [height, width, channels!]);
    makers.set(blob, blob);
  };
  const blobs = texts(net, 'input');
  const dims = numbersOf(net, 'input_dim');
  const shapes = messages(net, 'input_shape').map((shape) => numbersOf(shape, 'dim'));
  for (const [i, blob] of blobs.entries()) input(blob, shapes[i] ?? dims.slice(4 * i, 4 * i + 4));

  const layers = [...messages(net, 'layer'), ...messages(net, 'layers')];
  if (layers.length === 0)
    throw new DataError(`${file}: it holds no layer { … }; is it a prototxt of a network?`);
  for (const layer of layers) {
    const given = text1(layer, 'type') ?? '';
    const type = old[given] ?? given;
    const name = builder.free(text1(layer, 'name') ?? type);
    const [bottoms, tops] = [texts(layer, 'bottom'), texts(layer, 'top')];
    const phases = messages(layer, 'include').flatMap((rule) => texts(rule, 'phase'));
    if (type === 'Input') {
      const [shape] = messages(message1(layer, 'input_param') ?? { fields: [] }, 'shape');
      input(tops[0] ?? name, shape ? numbersOf(shape, 'dim') : []);
      continue;
    }
    const transform = message1(layer, 'transform_param');
    if (notDrawn.test(type) || (phases.length > 0 && !phases.includes('TEST'))) {
      const size = transform && number1(transform, 'crop_size');
      if (/Data$/.test(type) && size !== undefined && tops[0] !== undefined && !makers.has(tops[0])) {
        input(tops[0], [1, 3, size, size]);
        notes.push(`layer "${name}" (${type}): drawn as an input of ${size}x${size}x3, its crop_size`);
      } else if (!/Data$/.test(type) || tops.some((top) => !makers.has(top))) {
        notes.push(`layer "${name}" (${type}): left out, it is no part of the network`);
      }
      continue;
    }
    const read = bottoms.map((blob) => {
      const maker = makers.get(blob);
      if (maker !== undefined) return maker;
      throw new DataError(
        `${file}, layer "${name}": no layer before makes its bottom "${blob}", or it has no known size`,
      );
    });
    if (read.length === 0) throw new DataError(`${file}, layer "${name}" (${type}): it has no bottom`);
    const { described, activation, note } = describe(type, layer, builder.shapeOf(read[0]!));
    if (note) notes.push(`layer "${name}": ${note}`);
    builder.add(name, described, read, activation);
    for (const top of tops.length > 0 ? tops : [name]) makers.set(top, name);
  }
  if (builder.nodes.length === 0) throw new DataError(`${file}: no layer is left to draw`);
  return { name: text1(net, 'name'), nodes: builder.nodes, notes };
}

function describe(
  type: string,
  layer: TextMessage,
  read: readonly number[],
): { described: Described; activation?: string; note?: string } {
  const other = (name: string) => ({ described: { op: 'Other', name } as const });
  switch (type) {
    case 'Convolution':
    case 'Deconvolution': {
      const param = message1(layer, 'convolution_param') ?? { fields: [] };
      const filters = number1(param, 'num_output') ?? 0;
      const bias = value1(param, 'bias_term') !== false;
      const window = windowOf(param, 'kernel');
      const groups = number1(param, 'group') ?? 1;
      return type === 'Convolution'
        ? { described: { op: 'Conv2D', filters, bias, window, groups } }
        : { described: { op: 'Conv2DTranspose', filters, bias, window } };
    }
    case 'Pooling': {
      const param = message1(layer, 'pooling_param') ?? { fields: [] };
      const average = text1(param, 'pool') === 'AVE';
      if (value1(param, 'global_pooling') === true) {
        return { described: { op: average ? 'GlobalAveragePooling2D' : 'GlobalMaxPooling2D' } };
      }
      const window = { ...windowOf(param, 'kernel'), roundUp: true };
      return { described: { op: average ? 'AveragePooling2D' : 'MaxPooling2D', window } };
    }
    case 'InnerProduct': {
      const param = message1(layer, 'inner_product_param') ?? { fields: [] };
      return {
        described: {
          op: 'Dense',
          units: number1(param, 'num_output') ?? 0,
          bias: value1(param, 'bias_term') !== false,
        },
      };
    }
    case 'ReLU':
      return { described: { op: 'Other', name: 'ReLU' } };
    case 'Sigmoid':
      return { described: { op: 'Other', name: 'Activation' }, activation: 'sigmoid' };
    case 'TanH':
      return { described: { op: 'Other', name: 'Activation' }, activation: 'tanh' };
    case 'Concat':
      return { described: { op: 'Concatenate' } };
    case 'Eltwise': {
      const operation = text1(message1(layer, 'eltwise_param') ?? { fields: [] }, 'operation') ?? 'SUM';
      return operation === 'SUM'
        ? { described: { op: 'Add' } }
        : operation === 'PROD'
          ? { described: { op: 'Multiply' } }
          : other('Maximum');
    }
    case 'BatchNorm':
      return { described: { op: 'BatchNormalization' } };
    case 'Scale':
      return { described: { op: 'Scale' } };
    case 'Flatten':
      return { described: { op: 'Flatten' } };
    case 'Softmax':
    case 'Dropout':
    case 'LRN':
    case 'PReLU':
    case 'ELU':
      return other(type);
    default:
      return {
        ...other(type || 'layer'),
        note: `type "${type}" is not known here: drawn as answering ${read.join('x')}, the shape that it reads, without weights`,
      };
  }
}

function windowOf(param: TextMessage, what: string): Window {
  const pair = (name: string, preset: number): [number, number] => {
    const [h, w] = [number1(param, `${name}_h`), number1(param, `${name}_w`)];
    const both = numbersOf(param, name === what ? `${what}_size` : name);
    return [h ?? both[0] ?? preset, w ?? both[1] ?? both[0] ?? preset];
  };
  return {
    kernel: pair(what, 1),
    stride: pair('stride', 1),
    padding: pair('pad', 0),
    dilation: numbersOf(param, 'dilation')[0],
  };
}

function values(message: TextMessage, name: string): (string | number | boolean | TextMessage)[] {
  return message.fields.filter(([field]) => field === name).map(([, value]) => value);
}

function value1(message: TextMessage, name: string): string | number | boolean | TextMessage | undefined {
  return values(message, name)[0];
}

function messages(message: TextMessage, name: string): TextMessage[] {
  return values(message, name).filter((value): value is TextMessage => typeof value === 'object');
}

function message1(message: TextMessage, name: string): TextMessage | undefined {
  return messages(message, name)[0];
}

function texts(message: TextMessage, name: string): string[] {
  return values(message, name)
    .filter((value) => typeof value !== 'object')
    .map(String);
}

function text1(message: TextMessage, name: string): string | undefined {
  return texts(message, name)[0];
}

function numbersOf(message: TextMessage, name: string): number[] {
  return values(message, name).filter((value): value is number => typeof value === 'number');
}

function number1(message: TextMessage, name: string): number | undefined {
  return numbersOf(message, name)[0];
}
