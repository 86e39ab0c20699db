import type { GraphBuilder } from '../graph/graph-builder.ts';
import type { LazyNode } from '../graph/lazy-node.ts';
import type { Attributes } from '../graph/onnx-model.ts';
import { asFloat, elementwise } from './elementwise.ts';

/** Writes a function of one float into the graph. */
export type Unary = (graph: GraphBuilder, x: string) => string;

const f = (g: GraphBuilder, value: number): string => g.fill(value, 'float32');

/**
 * A function that is composed of others, because ONNX has no operator for it or ONNX Runtime's is wrong far from zero
 * or next to it. A graph that is to be read elsewhere gets the operator of that name.
 */
function composed(kind: string, x: LazyNode, emit: Unary, standard?: Attributes): LazyNode {
  return elementwise(kind, [asFloat(x)], (g, [a]) => emit(g, a!), {
    lower: (l, nodes, shape) =>
      standard !== undefined && l.anyBatch
        ? l.elementwise(nodes, shape.length, (names) => l.graph.node(kind, names, standard))
        : null,
  });
}

/** log(1 + x), exact for small x: u = 1 + x, log(u) · x / (u − 1). */
const emitLog1p: Unary = (g, x) => {
  const u = g.node('Add', [x, f(g, 1)]);
  const delta = g.node('Sub', [u, f(g, 1)]);
  const log = g.node('Log', [u]);
  // The quotient first: the product with the logarithm leaves the range of a float near its end.
  const corrected = g.node('Mul', [log, g.node('Div', [x, delta])]);
  const tiny = g.node('Equal', [delta, f(g, 0)]);
  const huge = g.node('IsInf', [u]);
  return g.node('Where', [tiny, x, g.node('Where', [huge, log, corrected])]);
};

export function log1p(x: LazyNode): LazyNode {
  return composed('Log1p', x, emitLog1p);
}

/** exp(x) − 1, exact for small x: u = exp(x), (u − 1) · x / log(u). */
export function expm1(x: LazyNode): LazyNode {
  return composed('Expm1', x, (g, a) => {
    const u = g.node('Exp', [a]);
    const delta = g.node('Sub', [u, f(g, 1)]);
    const small = g.node('Div', [g.node('Mul', [delta, a]), g.node('Log', [u])]);
    const near = g.node('Less', [g.node('Abs', [a]), f(g, 0.5)]);
    const tiny = g.node('Equal', [delta, f(g, 0)]);
    return g.node('Where', [tiny, a, g.node('Where', [near, small, delta])]);
  });
}

/** log(1 + exp(x)) without overflow. */
export function softplus(x: LazyNode): LazyNode {
  return composed('Softplus', x, (g, a) => {
    const tail = emitLog1p(g, g.node('Exp', [g.node('Neg', [g.node('Abs', [a])])]));
    return g.node('Add', [g.node('Relu', [a]), tail]);
  });
}

/**
 * 1 / (1 + exp(−x)), with e = exp(−|x|): 1 / (1 + e) from zero on, e / (1 + e) below.
 *
 * ONNX Runtime's Sigmoid is a rational function on ±18: half of the value off at −16, 0 below −18, so that a
 * logarithm of it is −Infinity where −20 is right.
 */
export function sigmoid(x: LazyNode): LazyNode {
  return composed(
    'Sigmoid',
    x,
    (g, a) => {
      const e = g.node('Exp', [g.node('Neg', [g.node('Abs', [a])])]);
      const share = g.node('Where', [g.node('GreaterOrEqual', [a, f(g, 0)]), f(g, 1), e]);
      return g.node('Div', [share, g.node('Add', [e, f(g, 1)])]);
    },
    {},
  );
}

/** Below this, tanh(x) and exp(x) − 1 are x to the precision of a float. */
const TINY = 1e-7;

/** ONNX Runtime's Tanh loses numbers that are almost zero. */
export function tanh(x: LazyNode): LazyNode {
  return composed(
    'Tanh',
    x,
    (g, a) => {
      const tiny = g.node('Less', [g.node('Abs', [a]), f(g, TINY)]);
      return g.node('Where', [tiny, a, g.node('Tanh', [a])]);
    },
    {},
  );
}

/**
 * x from zero on, alpha (exp(x) − 1) below, times `scale`. exp(x) − 1 = 2t / (1 − t) with t = tanh(x / 2), which
 * keeps its digits next to zero.
 */
function exponentialUnit(g: GraphBuilder, x: string, alpha: number, scale: number): string {
  const t = g.node('Tanh', [g.node('Mul', [x, f(g, 0.5)])]);
  const below = g.node('Div', [g.node('Mul', [t, f(g, 2 * alpha * scale)]), g.node('Sub', [f(g, 1), t])]);
  if (alpha === 1 && scale === 1) {
    return g.node('Where', [g.node('Greater', [x, f(g, -TINY)]), x, below]);
  }
  const tiny = g.node('Mul', [x, f(g, alpha * scale)]);
  const negative = g.node('Where', [g.node('Greater', [x, f(g, -TINY)]), tiny, below]);
  return g.node('Where', [g.node('Greater', [x, f(g, 0)]), g.node('Mul', [x, f(g, scale)]), negative]);
}

export function elu(x: LazyNode): LazyNode {
  return composed('Elu', x, (g, a) => exponentialUnit(g, a, 1, 1), {});
}

const SELU_ALPHA = 1.6732632423543772;
const SELU_SCALE = 1.0507009873554805;

export function selu(x: LazyNode): LazyNode {
  return composed('Selu', x, (g, a) => exponentialUnit(g, a, SELU_ALPHA, SELU_SCALE), {
    alpha: { float: SELU_ALPHA },
    gamma: { float: SELU_SCALE },
  });
}
