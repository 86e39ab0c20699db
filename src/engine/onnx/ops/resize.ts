import type { LazyNode, Shape } from '../graph/lazy-node.ts';
import { leaf } from '../graph/lazy-node.ts';
import { matMul } from './matmul.ts';
import { transpose } from './rearrange.ts';
import { reshape } from './reshape.ts';

export interface Resize {
  readonly method: 'bilinear' | 'nearest';
  readonly alignCorners: boolean;
  readonly halfPixelCenters: boolean;
}

/** The weights with which `from` samples make `to` samples, [to, from], as TensorFlow defines them. */
function resizeMatrix(
  from: number,
  to: number,
  { method, alignCorners, halfPixelCenters }: Resize,
): Float32Array {
  const matrix = new Float32Array(to * from);
  const scale = alignCorners && to > 1 ? (from - 1) / (to - 1) : from / to;
  for (let i = 0; i < to; i++) {
    if (method === 'nearest') {
      const source = halfPixelCenters ? scale * (i + 0.5) : scale * i;
      const rounded = alignCorners ? Math.round(source) : Math.floor(source);
      matrix[i * from + Math.max(0, Math.min(from - 1, rounded))] = 1;
      continue;
    }
    const source = halfPixelCenters ? scale * (i + 0.5) - 0.5 : scale * i;
    const low = Math.max(0, Math.floor(source));
    const high = Math.min(from - 1, Math.ceil(source));
    const fraction = source - low;
    matrix[i * from + low]! += high === low ? 1 : 1 - fraction;
    if (high !== low) matrix[i * from + high]! += fraction;
  }
  return matrix;
}

const weights = new Map<string, LazyNode>();

function resizeWeights(from: number, to: number, resize: Resize): LazyNode {
  const key = `${from},${to},${resize.method},${resize.alignCorners},${resize.halfPixelCenters}`;
  let node = weights.get(key);
  if (node === undefined) {
    node = leaf(resizeMatrix(from, to, resize), [to, from], 'float32');
    weights.set(key, node);
  }
  return node;
}

/**
 * Resizes [B,H,W,C] as two products with constant matrices, R_h · x · R_wᵀ. Being linear, its gradient is
 * the same with the matrices transposed, exact for every sampling (the cpu backend's gradient of
 * `halfPixelCenters` is not).
 */
export function resizeImages(x: LazyNode, size: Shape, resize: Resize): LazyNode {
  const [, height, width] = x.shape as [number, number, number, number];
  return both(x, resizeWeights(height, size[0]!, resize), resizeWeights(width, size[1]!, resize), false);
}

export function resizeImagesGradient(dy: LazyNode, inputSize: Shape, resize: Resize): LazyNode {
  const [, height, width] = dy.shape as [number, number, number, number];
  return both(
    dy,
    resizeWeights(inputSize[0]!, height, resize),
    resizeWeights(inputSize[1]!, width, resize),
    true,
  );
}

function both(x: LazyNode, rows: LazyNode, columns: LazyNode, adjoint: boolean): LazyNode {
  const planes = transpose(x, [0, 3, 1, 2]);
  const batched = (matrix: LazyNode): LazyNode => reshape(matrix, [1, 1, ...matrix.shape]);
  const across = matMul(planes, batched(columns), false, !adjoint);
  return transpose(matMul(batched(rows), across, adjoint, false), [0, 2, 3, 1]);
}
