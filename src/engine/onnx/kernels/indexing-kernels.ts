import {
  backend_util,
  type GatherV2Attrs,
  gather_util,
  type OneHotAttrs,
  type ScatterNdAttrs,
  type UnsortedSegmentSumAttrs,
  util,
} from '@tensorflow/tfjs-core';
import type { LazyNode } from '../graph/lazy-node.ts';
import { axisOf } from '../ops/axes.ts';
import { flatIndices, gather, gatherNd, oneHot, scatterAdd } from '../ops/indexing.ts';
import { reshape } from '../ops/reshape.ts';
import { type KernelTable, kernel } from './kernel.ts';

/** Sums `updates` into zeros of the given shape at multi-dimensional indices. */
function scatterNd(list: LazyNode, updates: LazyNode, shape: readonly number[]): LazyNode {
  const indices = list.shape.length === 1 ? reshape(list, [list.size, 1]) : list;
  const depth = indices.shape.at(-1)!;
  const count = util.sizeFromShape(shape.slice(0, depth));
  const width = util.sizeFromShape(shape.slice(depth));
  const places = flatIndices(indices, shape);
  const rows = reshape(updates, [places.size, width]);
  return reshape(scatterAdd(places, rows, count), shape);
}

/** The node in the clothes that the shape checks of TensorFlow.js expect. */
const asInfo = (node: LazyNode): never =>
  ({ shape: node.shape, dtype: node.dtype, rank: node.shape.length }) as never;

/** Indices that are known already are checked at once; others ONNX Runtime checks when it computes them. */
function requireWithin(indices: LazyNode, size: number): void {
  for (const index of indices.values ?? []) {
    util.assert(
      index >= 0 && index < size,
      () => `GatherV2: the index value ${index} is not in [0, ${size - 1}]`,
    );
  }
}

export const indexingKernels: KernelTable = {
  GatherV2: kernel<'x' | 'indices', GatherV2Attrs>(({ x, indices }, { axis, batchDims }) => {
    if (x.size === 0) return null;
    const along = axisOf('gather', axis, x.shape.length);
    const batch = batchDims < 0 ? batchDims + indices.shape.length : (batchDims ?? 0);
    backend_util.segment_util.collectGatherOpShapeInfo(asInfo(x), asInfo(indices), along, batch);
    requireWithin(indices, x.shape[along]!);
    return gather(x, indices, along, batch);
  }),
  GatherNd: kernel<'params' | 'indices'>(({ params, indices }) => {
    gather_util.prepareAndValidate(asInfo(params), asInfo(indices));
    return indices.shape.at(-1) === 0 ? null : gatherNd(params, indices);
  }),
  ScatterNd: kernel<'indices' | 'updates', ScatterNdAttrs>(({ indices, updates }, { shape }) =>
    updates.dtype === 'bool' || indices.shape.length === 0 || indices.size === 0
      ? null
      : scatterNd(indices, updates, shape),
  ),
  UnsortedSegmentSum: kernel<'x' | 'segmentIds', UnsortedSegmentSumAttrs>(
    ({ x, segmentIds }, { numSegments }) => {
      if (x.dtype === 'bool') return null;
      const tail = x.shape.slice(segmentIds.shape.length);
      const rows = reshape(x, [segmentIds.size, util.sizeFromShape(tail)]);
      return reshape(scatterAdd(reshape(segmentIds, [segmentIds.size]), rows, numSegments), [
        numSegments,
        ...tail,
      ]);
    },
  ),
  OneHot: kernel<'indices', OneHotAttrs>(({ indices }, { depth, onValue, offValue, dtype }) =>
    dtype === 'float32' || dtype === 'int32' || dtype === 'bool'
      ? oneHot(indices, depth, onValue, offValue, dtype)
      : null,
  ),
};
