import type { ClipByValueAttrs, LeakyReluAttrs, StepAttrs } from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../graph/graph-builder.ts';
import type { ElementType, LazyNode } from '../graph/lazy-node.ts';
import { add, clip, minimum, multiply, square, subtract } from '../ops/arithmetic.ts';
import {
  asFloat,
  cast,
  divide,
  elementwise,
  floatFunction,
  leakyRelu,
  maximum,
  negative,
  predicate,
  prelu,
  select,
} from '../ops/elementwise.ts';
import { relu, relu6, step } from '../ops/rectifiers.ts';
import { elu, expm1, log1p, selu, sigmoid, softplus, tanh } from '../ops/transcendental.ts';
import { type Kernel, type KernelTable, kernel, listKernel } from './kernel.ts';

type Binary = (a: LazyNode, b: LazyNode) => LazyNode;
type UnaryEmit = (g: GraphBuilder, x: string) => string;

/** float32 → float32; integers are converted first. */
const float = (type: string): Kernel => kernel<'x'>(({ x }) => floatFunction(type, x));

/** A float function that ONNX has no operator for. */
const composed = (kind: string, emit: UnaryEmit): Kernel =>
  kernel<'x'>(({ x }) => elementwise(kind, [asFloat(x)], (g, [a]) => emit(g, a!)));

/** Arithmetic on numbers of one type; bool is left to the cpu kernel. */
const arithmetic = (run: Binary): Kernel =>
  kernel<'a' | 'b'>(({ a, b }) => (a.dtype === 'bool' || a.dtype !== b.dtype ? null : run(a, b)));

/** A comparison; bools are compared as integers where ONNX does not compare them. */
const comparison = (type: string): Kernel =>
  kernel<'a' | 'b'>(({ a, b }) => {
    const common: ElementType = a.dtype === 'float32' || b.dtype === 'float32' ? 'float32' : 'int32';
    return predicate(type, [cast(a, common), cast(b, common)]);
  });

const logical = (type: string): Kernel =>
  kernel<'a' | 'b'>(({ a, b }) => predicate(type, [cast(a, 'bool'), cast(b, 'bool')]));

/** −1, 0 or 1; the sign of NaN is 0, as on the other backends. */
const sign = (g: GraphBuilder, x: string, dtype: ElementType): string =>
  dtype === 'float32'
    ? g.node('Where', [g.node('IsNaN', [x]), g.fill(0, dtype), g.node('Sign', [x])])
    : g.node('Sign', [x]);

/** Rounding leaves integers as they are. */
const rounding = (type: string): Kernel =>
  kernel<'x'>(({ x }) => (x.dtype === 'float32' ? floatFunction(type, x) : x));

const f = (g: GraphBuilder, value: number): string => g.fill(value, 'float32');

const isFiniteNumber: UnaryEmit = (g, x) =>
  g.node('Not', [g.node('Or', [g.node('IsNaN', [x]), g.node('IsInf', [x])])]);

/** Integer division and remainder by way of float64, which holds every int32 exactly. */
function floorDivide(a: LazyNode, b: LazyNode): LazyNode {
  if (a.dtype === 'float32') return floatFunction('Floor', divide(a, b));
  return elementwise('FloorDiv', [a, b], (g, [x, y]) => {
    const quotient = g.node('Floor', [g.node('Div', [g.cast(x!, 'float64'), g.cast(y!, 'float64')])]);
    const byZero = g.node('Equal', [y!, g.fill(0, 'int32')]);
    return g.node('Where', [byZero, g.fill(0, 'int32'), g.cast(quotient, 'int32')]);
  });
}

/** The remainder with the sign of the divisor. */
function modulo(a: LazyNode, b: LazyNode): LazyNode {
  const remainder = (g: GraphBuilder, x: string, y: string): string => {
    const rest = g.node('Mod', [x, y], { fmod: 1 });
    return g.node('Mod', [g.node('Add', [rest, y]), y], { fmod: 1 });
  };
  if (a.dtype === 'float32') return elementwise('Mod', [a, b], (g, [x, y]) => remainder(g, x!, y!));
  return elementwise('Mod', [a, b], (g, [x, y]) => {
    const byZero = g.node('Equal', [y!, g.fill(0, 'int32')]);
    const safe = g.node('Where', [byZero, g.fill(1, 'int32'), y!]);
    const rest = g.cast(remainder(g, g.cast(x!, 'float64'), g.cast(safe, 'float64')), 'int32');
    return g.node('Where', [byZero, g.fill(0, 'int32'), rest]);
  });
}

function power(a: LazyNode, b: LazyNode): LazyNode {
  if (a.dtype === 'float32') return elementwise('Pow', [a, b], (g, [x, y]) => g.node('Pow', [x!, y!]));
  return elementwise('Pow', [a, b], (g, [x, y]) =>
    g.cast(g.node('Pow', [g.cast(x!, 'float64'), g.cast(y!, 'float64')]), 'int32'),
  );
}

/** The angle of the point (x, y). */
function atan2(y: LazyNode, x: LazyNode): LazyNode {
  return elementwise('Atan2', [asFloat(y), asFloat(x)], (g, [b, a]) => {
    const below = (name: string): string => g.node('Less', [name, f(g, 0)]);
    const ratio = g.node('Div', [g.node('Abs', [b!]), g.node('Abs', [a!])]);
    const origin = g.node('And', [g.node('Equal', [a!, f(g, 0)]), g.node('Equal', [b!, f(g, 0)])]);
    const acute = g.node('Where', [origin, f(g, 0), g.node('Atan', [ratio])]);
    const half = g.node('Where', [below(a!), g.node('Sub', [f(g, Math.PI), acute]), acute]);
    return g.node('Where', [below(b!), g.node('Neg', [half]), half]);
  });
}

export const elementwiseKernels: KernelTable = {
  Add: arithmetic(add),
  Sub: arithmetic(subtract),
  Multiply: arithmetic(multiply),
  RealDiv: arithmetic((a, b) => (a.dtype === 'int32' ? floorDivide(a, b) : divide(a, b))),
  FloorDiv: arithmetic(floorDivide),
  Mod: arithmetic(modulo),
  Pow: arithmetic(power),
  Maximum: arithmetic(maximum),
  Minimum: arithmetic(minimum),
  SquaredDifference: arithmetic((a, b) => square(subtract(a, b))),
  Atan2: arithmetic(atan2),
  AddN: listKernel((list) =>
    list.some((item) => item.dtype === 'bool')
      ? null
      : list.slice(1).reduce((sum, next) => add(sum, next), list[0]!),
  ),

  Equal: comparison('Equal'),
  NotEqual: kernel<'a' | 'b'>(({ a, b }) => {
    const common: ElementType = a.dtype === 'float32' || b.dtype === 'float32' ? 'float32' : 'int32';
    return predicate('Not', [predicate('Equal', [cast(a, common), cast(b, common)])]);
  }),
  Greater: comparison('Greater'),
  GreaterEqual: comparison('GreaterOrEqual'),
  Less: comparison('Less'),
  LessEqual: comparison('LessOrEqual'),
  LogicalAnd: logical('And'),
  LogicalOr: logical('Or'),
  LogicalXor: logical('Xor'),
  LogicalNot: kernel<'x'>(({ x }) => predicate('Not', [cast(x, 'bool')])),
  IsNan: kernel<'x'>(({ x }) => predicate('IsNaN', [asFloat(x)])),
  IsInf: kernel<'x'>(({ x }) => predicate('IsInf', [asFloat(x)])),
  IsFinite: kernel<'x'>(({ x }) =>
    elementwise('IsFinite', [asFloat(x)], (g, [a]) => isFiniteNumber(g, a!), { dtype: 'bool' }),
  ),
  Select: kernel<'condition' | 't' | 'e'>(({ condition, t, e }) =>
    condition.shape.length === t.shape.length ? select(condition, t, e) : null,
  ),

  Abs: kernel<'x'>(({ x }) => elementwise('Abs', [x], (g, [a]) => g.node('Abs', [a!]))),
  Neg: kernel<'x'>(({ x }) => negative(x)),
  Sign: kernel<'x'>(({ x }) => elementwise('Sign', [x], (g, [a]) => sign(g, a!, x.dtype))),
  Square: kernel<'x'>(({ x }) => square(x)),
  Ceil: rounding('Ceil'),
  Floor: rounding('Floor'),
  Round: rounding('Round'),
  Exp: float('Exp'),
  Expm1: kernel<'x'>(({ x }) => expm1(x)),
  Log: float('Log'),
  Log1p: kernel<'x'>(({ x }) => log1p(x)),
  Sqrt: float('Sqrt'),
  Rsqrt: composed('Rsqrt', (g, x) => g.node('Reciprocal', [g.node('Sqrt', [x])])),
  Reciprocal: float('Reciprocal'),
  Sin: float('Sin'),
  Cos: float('Cos'),
  Tan: float('Tan'),
  Asin: float('Asin'),
  Acos: float('Acos'),
  Atan: float('Atan'),
  Sinh: float('Sinh'),
  Cosh: float('Cosh'),
  Tanh: kernel<'x'>(({ x }) => tanh(x)),
  Asinh: float('Asinh'),
  // NaN below 1, which a device leaves open.
  Acosh: composed('Acosh', (g, x) =>
    g.node('Where', [g.node('Less', [x, f(g, 1)]), f(g, Number.NaN), g.node('Acosh', [x])]),
  ),
  Atanh: float('Atanh'),
  Erf: float('Erf'),
  Sigmoid: kernel<'x'>(({ x }) => sigmoid(x)),
  Softplus: kernel<'x'>(({ x }) => softplus(x)),
  Relu: kernel<'x'>(({ x }) => (x.dtype === 'bool' ? null : relu(x))),
  Relu6: kernel<'x'>(({ x }) => relu6(x)),
  Elu: kernel<'x'>(({ x }) => elu(x)),
  EluGrad: kernel<'dy' | 'y'>(({ dy, y }) =>
    elementwise('EluGrad', [dy, y], (g, [d, v]) => {
      const negative = g.node('Mul', [d!, g.node('Add', [v!, f(g, 1)])]);
      return g.node('Where', [g.node('GreaterOrEqual', [v!, f(g, 0)]), d!, negative]);
    }),
  ),
  Selu: kernel<'x'>(({ x }) => selu(x)),
  LeakyRelu: kernel<'x', LeakyReluAttrs>(({ x }, { alpha }) => leakyRelu(x, alpha)),
  Prelu: kernel<'x' | 'alpha'>(({ x, alpha }) => prelu(x, alpha)),
  Step: kernel<'x', StepAttrs>(({ x }, { alpha }) => (x.dtype === 'float32' ? step(x, alpha) : null)),
  ClipByValue: kernel<'x', ClipByValueAttrs>(({ x }, { clipValueMin, clipValueMax }) =>
    x.dtype === 'bool' ? null : clip(x, clipValueMin, clipValueMax),
  ),
};
