import { backend_util, util } from '@tensorflow/tfjs-core';
import { isPlain, type Layout, lastTwoExchanged, permuted } from '../graph/layout.ts';
import { type LazyNode, operation, type Shape, uniform } from '../graph/lazy-node.ts';
import type { Lowering } from '../graph/lowering.ts';
import { reshape } from './reshape.ts';

/**
 * a · b over the last two axes, batched over the others with broadcasting. A transposed operand is not moved:
 * the product reads it the other way round.
 */
export function matMul(a: LazyNode, b: LazyNode, transposeA: boolean, transposeB: boolean): LazyNode {
  const rows = a.shape.at(transposeA ? -1 : -2)!;
  const columns = b.shape.at(transposeB ? -2 : -1)!;
  const batch = backend_util.assertAndGetBroadcastShape(
    a.shape.slice(0, -2) as number[],
    b.shape.slice(0, -2) as number[],
  );
  const shape = [...batch, rows, columns];
  if (a.size === 0 || b.size === 0) return uniform(0, shape, 'float32');
  // A batch of one is a plain product, for which ONNX Runtime has a better kernel.
  if (
    shape.length > 2 &&
    util.sizeFromShape(a.shape.slice(0, -2)) === 1 &&
    util.sizeFromShape(b.shape.slice(0, -2)) === 1
  ) {
    const flat = (x: LazyNode): LazyNode => reshape(x, x.shape.slice(-2));
    return reshape(matMul(flat(a), flat(b), transposeA, transposeB), shape);
  }
  return operation({
    kind: 'MatMul',
    key: `${Number(transposeA)}${Number(transposeB)}`,
    inputs: [a, b],
    shape,
    dtype: 'float32',
    lower: (l, [x, y]) => {
      const left = matrixOperand(l, x!, transposeA);
      const right = matrixOperand(l, y!, transposeB);
      return l.result(matrixProduct(l, left, right, [x!.shape.length, y!.shape.length]), shape);
    },
  });
}

interface MatrixOperand {
  readonly name: string;
  readonly transposed: boolean;
}

/** The product of two operands of these ranks, which may lie the other way round. */
export function matrixProduct(
  l: Lowering,
  a: MatrixOperand,
  b: MatrixOperand,
  ranks: readonly [number, number] = [2, 2],
): string {
  return l.graph.product(a.name, b.name, { transA: a.transposed, transB: b.transposed, ranks });
}

function matrixOperand(l: Lowering, x: LazyNode, transposed: boolean): MatrixOperand {
  const swapped = swappedMatrix(x.shape);
  const { layout } = l.value(x);
  if (!isPlain(layout) && layout.axes.join() === swapped.axes.join()) {
    return { name: l.as(x, swapped), transposed: !transposed };
  }
  return { name: l.plain(x), transposed };
}

function swappedMatrix(shape: Shape): Layout {
  return permuted(lastTwoExchanged(shape.length));
}
