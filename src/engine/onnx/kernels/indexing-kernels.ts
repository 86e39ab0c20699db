import {
  type GatherV2Attrs,
  type OneHotAttrs,
  type ScatterNdAttrs,
  type UnsortedSegmentSumAttrs,
  util,
} from '@tensorflow/tfjs-core';
import { flatIndices, gather, gatherNd, oneHot, scatterAdd } from '../graph/indexing.ts';
import type { LazyNode } from '../graph/lazy-node.ts';
import { reshape } from '../graph/reshape.ts';
import { type KernelTable, kernel } from './kernel.ts';

/** Sums `updates` into zeros of the given shape at multi-dimensional indices. */
function scatterNd(indices: LazyNode, updates: LazyNode, shape: readonly number[]): LazyNode {
  const depth = indices.shape.at(-1) ?? 1;
  const count = util.sizeFromShape(shape.slice(0, depth));
  const width = util.sizeFromShape(shape.slice(depth));
  const places = flatIndices(indices, shape);
  const rows = reshape(updates, [places.size, width]);
  return reshape(scatterAdd(places, rows, count), shape);
}

export const indexingKernels: KernelTable = {
  GatherV2: kernel<'x' | 'indices', GatherV2Attrs>(({ x, indices }, { axis, batchDims }) => {
    if (x.size === 0) return null;
    const along = util.parseAxisParam(axis, x.shape as number[])[0]!;
    const batch = batchDims < 0 ? batchDims + indices.shape.length : (batchDims ?? 0);
    return gather(x, indices, along, batch);
  }),
  GatherNd: kernel<'params' | 'indices'>(({ params, indices }) =>
    params.size === 0 || indices.shape.at(-1) === 0 ? null : gatherNd(params, indices),
  ),
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
