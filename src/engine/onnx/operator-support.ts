import { GraphBuilder } from './graph/graph-builder.ts';
import { type Attributes, encodeModel, type OnnxType } from './graph/onnx-model.ts';
import { loadNativeRuntime } from './runtime/native-runtime.ts';
import type { OnnxProvider } from './runtime/provider.ts';

/** One operator that the engine writes, with operands of a usual kind. */
interface Sample {
  readonly type: string;
  readonly inputs: readonly (readonly [OnnxType, ...number[]])[];
  /** Operands that are constants of the program: shapes, axes, bounds. */
  readonly constants?: (graph: GraphBuilder) => readonly string[];
  readonly attributes?: Attributes;
  readonly domain?: string;
  readonly outputs?: readonly OnnxType[];
}

const float = ['float32', 2, 3, 4] as const;
const image = ['float32', 1, 4, 6, 6] as const;
const int = ['int32', 2, 3, 4] as const;
const bool = ['bool', 2, 3, 4] as const;
const window = { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] };

const unary = (type: string, attributes: Attributes = {}): Sample => ({ type, inputs: [float], attributes });
const binary = (type: string): Sample => ({ type, inputs: [float, float] });
const comparison = (type: string): Sample => ({ type, inputs: [float, float], outputs: ['bool'] });
const reduction = (type: string): Sample => ({
  type,
  inputs: [float],
  constants: (g) => [g.ints([1])],
  attributes: { keepdims: 0 },
});
const ofInts = (sample: Sample): Sample => ({
  ...sample,
  inputs: sample.inputs.map(([, ...dims]) => ['int32', ...dims] as const),
  outputs: sample.outputs ?? ['int32'],
});
const steep = { alpha: { float: 3e38 }, beta: { float: 0 } };

/** Every operator that a program may hold, where a device computes. */
const samples: readonly Sample[] = [
  ...'Abs Acos Acosh Asin Asinh Atan Atanh Ceil Cos Cosh Erf Exp Floor Identity Log Neg Reciprocal Relu Round'
    .split(' ')
    .map((type) => unary(type)),
  ...'Sigmoid Sign Sin Sinh Softplus Sqrt Tan Tanh'.split(' ').map((type) => unary(type)),
  unary('HardSigmoid', steep),
  unary('LeakyRelu', { alpha: { float: 0.1 } }),
  unary('Softmax', { axis: 2 }),
  unary('LogSoftmax', { axis: 2 }),
  ...['IsNaN', 'IsInf'].map((type): Sample => ({ type, inputs: [float], outputs: ['bool'] })),
  ...'Add Sub Mul Div Max Min Pow'.split(' ').map(binary),
  ...'Add Sub Mul'.split(' ').map((type) => ofInts(binary(type))),
  { ...binary('Mod'), attributes: { fmod: 1 } },
  ...'Equal Greater GreaterOrEqual Less LessOrEqual'.split(' ').map(comparison),
  ...'And Or Xor'.split(' ').map((type): Sample => ({ type, inputs: [bool, bool], outputs: ['bool'] })),
  { type: 'Not', inputs: [bool], outputs: ['bool'] },
  { type: 'Where', inputs: [bool, float, float] },
  { type: 'Cast', inputs: [bool], attributes: { to: 1 } },
  { type: 'Cast', inputs: [int], attributes: { to: 1 } },
  { type: 'Clip', inputs: [float], constants: (g) => [g.fill(0, 'float32'), g.fill(6, 'float32')] },
  ...'ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd'.split(' ').map(reduction),
  { type: 'ArgMax', inputs: [float], attributes: { axis: 1, keepdims: 0 }, outputs: ['int64'] },
  { type: 'CumSum', inputs: [float], constants: (g) => [g.ints([1], [])] },
  { type: 'TopK', inputs: [float], constants: (g) => [g.ints([2])], outputs: ['float32', 'int64'] },
  { type: 'Reshape', inputs: [float], constants: (g) => [g.ints([6, 4])], attributes: { allowzero: 1 } },
  { type: 'Transpose', inputs: [float], attributes: { perm: [2, 0, 1] } },
  { type: 'Slice', inputs: [float], constants: (g) => [[0], [1], [1]].map((list) => g.ints(list)) },
  { type: 'Pad', inputs: [float], constants: (g) => [g.ints([0, 1, 0, 0, 1, 0]), g.fill(0, 'float32')] },
  { type: 'Concat', inputs: [float, float], attributes: { axis: 1 } },
  { type: 'Expand', inputs: [['float32', 1, 3, 1]], constants: (g) => [g.ints([2, 3, 4])] },
  { type: 'Tile', inputs: [float], constants: (g) => [g.ints([1, 2, 1])] },
  { type: 'Gather', inputs: [float, ['int32', 2]], attributes: { axis: 1 } },
  { type: 'GatherElements', inputs: [float, int], attributes: { axis: 1 } },
  { type: 'GatherND', inputs: [float, ['int64', 2, 1]] },
  {
    type: 'ScatterElements',
    inputs: [
      ['float32', 5, 4],
      ['int32', 3, 4],
      ['float32', 3, 4],
    ],
    attributes: { axis: 0, reduction: 'add' },
  },
  { type: 'MatMul', inputs: [float, ['float32', 2, 4, 5]] },
  {
    type: 'FusedMatMul',
    inputs: [float, ['float32', 2, 3, 5]],
    attributes: { transA: 1, transB: 0 },
    domain: 'com.microsoft',
  },
  { type: 'Einsum', inputs: [float, ['float32', 4, 5]], attributes: { equation: 'abc,cd->abd' } },
  { type: 'Conv', inputs: [image, ['float32', 8, 4, 3, 3]], attributes: window },
  { type: 'Conv', inputs: [image, ['float32', 4, 1, 3, 3]], attributes: { ...window, group: 4 } },
  { type: 'ConvTranspose', inputs: [image, ['float32', 4, 8, 3, 3]], attributes: window },
  { type: 'MaxPool', inputs: [image], attributes: window },
  { type: 'AveragePool', inputs: [image], attributes: window },
  {
    type: 'Col2Im',
    inputs: [['float32', 1, 36, 36]],
    constants: (g) => [g.ints([8, 8]), g.ints([3, 3])],
    attributes: { strides: [1, 1] },
  },
];

export interface OperatorSupport {
  /** The operator, with the type of its first operand. */
  readonly operator: string;
  /** Whether the provider computes it; else its operands go to the processor, and its result comes back. */
  readonly onDevice: boolean;
}

/** Which operators of the engine a provider computes itself: ONNX Runtime's own partitioning of one operator. */
export function operatorSupport(provider: OnnxProvider): OperatorSupport[] {
  const runtime = loadNativeRuntime();
  const rows = samples.map((sample) => {
    const graph = new GraphBuilder();
    const operands = sample.inputs.map(([type, ...dims], i) => {
      graph.input(`x${i}`, type, dims);
      return `x${i}`;
    });
    const types = sample.outputs ?? ['float32'];
    const inputs = [...operands, ...(sample.constants?.(graph) ?? [])];
    const { attributes = {}, domain = '' } = sample;
    const names = graph.nodes(sample.type, inputs, types.length, { attributes, domain });
    names.forEach((name, i) => {
      graph.output(`y${i}`, name, types[i]!, []);
    });
    const { outputs, ...model } = graph.model();
    // Without shapes, which follow from the operator.
    const bytes = encodeModel({ ...model, outputs: outputs.map(({ name }) => ({ name })) });
    const session = runtime.createSession();
    const [type] = sample.inputs[0]!;
    const label = `${sample.type}${sample.attributes?.group ? ', depthwise' : ''}`;
    const operator = type === 'float32' ? label : `${label} of ${type}`;
    try {
      session.loadModel(bytes.buffer, bytes.byteOffset, bytes.byteLength, {
        executionProviders: [provider],
        logSeverityLevel: 4,
        extra: { session: { disable_cpu_ep_fallback: '1' } },
      });
      session.dispose();
      return { operator, onDevice: true };
    } catch {
      return { operator, onDevice: false };
    }
  });
  return rows.toSorted((a, b) => (a.operator < b.operator ? -1 : 1));
}
