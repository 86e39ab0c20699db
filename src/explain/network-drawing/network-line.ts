import { UsageError } from '../../errors/index.ts';
import type { NetworkNode } from '../../gradcam/index.ts';
import { NodeBuilder, type Window } from './node-builder.ts';

const activations = [
  'relu',
  'relu6',
  'elu',
  'selu',
  'sigmoid',
  'tanh',
  'softmax',
  'swish',
  'gelu',
  'leakyrelu',
];

/** What a line may hold, for `--help` and messages. */
export const lineGrammar =
  'input HxWxC | conv KxKxN [/S] [valid] [relu] | pool K [/S] [same] | avgpool K | gap | flatten | dense N [relu] | norm | ' +
  'relu | softmax | dropout | add NAME… | concat NAME…; a layer may have a name, "stem: conv 3x3x16", and "@stem" in ' +
  'front goes on from there';

/**
 * A network from a line of text: `input 64x64x3 | conv 3x3x16 | pool 2 | gap | dense 10`.
 *
 * Layers stand between `|`, `;` or on lines of their own. Convolutions are `same` unless told `valid`, poolings step by their size unless told `/S`.
 *
 * @throws {UsageError} for a word that means nothing, with the layer's number and what it may be
 */
export function networkOfLine(line: string): NetworkNode[] {
  const builder = new NodeBuilder('the line');
  const layers = line
    .split(/[|;\n]/)
    .map((part) => part.trim())
    .filter(Boolean);
  for (const [i, text] of layers.entries()) addLayer(builder, text, i + 1);
  if (builder.nodes.length === 0) throw new UsageError(`the line is empty; expected ${lineGrammar}`);
  return builder.nodes;
}

function addLayer(builder: NodeBuilder, text: string, number: number): void {
  const [, given, from, rest] = /^(?:([\w/-]+):\s*)?(?:@([\w/-]+)\s+)?(.*)$/s.exec(text)!;
  const [kind = '', ...words] = rest!.trim().split(/\s+/);
  const fail = (rule: string): never => {
    throw new UsageError(`layer ${number}, "${text}": ${rule}`);
  };
  const name = builder.free(given ?? defaultName(kind.toLowerCase(), number));
  const take = (matches: (word: string) => boolean): string | undefined => {
    const at = words.findIndex(matches);
    return at < 0 ? undefined : words.splice(at, 1)[0];
  };
  const counts = (what: string, length?: readonly number[]): number[] => {
    const word = take((one) => /^\d+(x\d+)*$/.test(one)) ?? fail(`expected ${what}`);
    const values = (word as string).split('x').map(Number);
    if (length && !length.includes(values.length)) fail(`expected ${what}`);
    return values;
  };
  const stride = (size: readonly [number, number]): [number, number] => {
    const word = take((one) => /^\/\d+(x\d+)?$/.test(one));
    if (!word) return [...size];
    const [a, b] = word.slice(1).split('x').map(Number);
    return [a!, b ?? a!];
  };
  const done = () => {
    if (words.length > 0) fail(`what is "${words.join(' ')}"? A line holds ${lineGrammar}`);
  };
  const activation = () => take((word) => activations.includes(word.toLowerCase()))?.toLowerCase();
  const inputs = () => [from ?? builder.last];

  switch (kind.toLowerCase()) {
    case 'input': {
      const shape = counts('a size, such as 64x64x3', [1, 3]);
      done();
      builder.input(name, shape);
      return;
    }
    case 'conv':
    case 'deconv': {
      const [h, w, filters] = counts('KxKxN, such as 3x3x16', [3]) as [number, number, number];
      const padding = take((word) => ['same', 'valid'].includes(word)) as 'same' | 'valid' | undefined;
      const window: Window = { kernel: [h, w], stride: stride([1, 1]), padding: padding ?? 'same' };
      const ends = activation();
      done();
      builder.add(
        name,
        { op: kind === 'conv' ? 'Conv2D' : 'Conv2DTranspose', filters, window },
        inputs(),
        ends,
      );
      return;
    }
    case 'pool':
    case 'maxpool':
    case 'avgpool': {
      const [h, w = h] = counts('a size, such as 2 or 3x3', [1, 2]) as [number, number?];
      const padding = take((word) => ['same', 'valid'].includes(word)) as 'same' | 'valid' | undefined;
      const window: Window = { kernel: [h, w!], stride: stride([h, w!]), padding: padding ?? 'valid' };
      done();
      builder.add(name, { op: kind === 'avgpool' ? 'AveragePooling2D' : 'MaxPooling2D', window }, inputs());
      return;
    }
    case 'gap':
      done();
      builder.add(name, { op: 'GlobalAveragePooling2D' }, inputs());
      return;
    case 'flatten':
      done();
      builder.add(name, { op: 'Flatten' }, inputs());
      return;
    case 'dense':
    case 'fc': {
      const [units] = counts('a number of units, such as 10', [1]) as [number];
      const ends = activation();
      done();
      builder.add(name, { op: 'Dense', units }, inputs(), ends);
      return;
    }
    case 'norm':
    case 'batchnorm':
      done();
      builder.add(name, { op: 'BatchNormalization' }, inputs());
      return;
    case 'add':
    case 'concat':
    case 'multiply': {
      const others = words.splice(0);
      if (others.length === 0) fail('expected the names of other layers');
      const op = ({ add: 'Add', concat: 'Concatenate', multiply: 'Multiply' } as const)[kind as 'add'];
      builder.add(name, { op }, [...inputs(), ...others]);
      return;
    }
    case 'dropout':
      take((word) => /^0?\.\d+$/.test(word));
      done();
      builder.add(name, { op: 'Other', name: 'Dropout' }, inputs());
      return;
    default: {
      if (!activations.includes(kind.toLowerCase())) fail(`no layer "${kind}"; a line holds ${lineGrammar}`);
      done();
      builder.add(name, { op: 'Other', name: 'Activation' }, inputs(), kind.toLowerCase());
    }
  }
}

function defaultName(kind: string, number: number): string {
  return kind === 'input' ? 'input' : `${kind}${number - 1}`;
}
