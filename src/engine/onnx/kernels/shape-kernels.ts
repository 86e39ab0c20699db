import {
  type BatchToSpaceNDAttrs,
  backend_util,
  type ConcatAttrs,
  type DepthToSpaceAttrs,
  type FillAttrs,
  type LinSpaceAttrs,
  type MirrorPadAttrs,
  type PackAttrs,
  type PadV2Attrs,
  type RangeAttrs,
  type ReverseAttrs,
  type SliceAttrs,
  type SplitVAttrs,
  type StridedSliceAttrs,
  slice_util,
  type TileAttrs,
  type TransposeAttrs,
  type UnpackAttrs,
  util,
} from '@tensorflow/tfjs-core';
import { type LazyNode, leaf, uniform } from '../graph/lazy-node.ts';
import { axesOf, axisOf } from '../ops/axes.ts';
import { cast } from '../ops/elementwise.ts';
import { concat, pad, reverse, sequence, slice, tile, transpose } from '../ops/rearrange.ts';
import { reshape } from '../ops/reshape.ts';
import { type KernelTable, kernel, listKernel } from './kernel.ts';

function stridedSlice(x: LazyNode, attributes: StridedSliceAttrs): LazyNode {
  const { begin, end, strides, beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask } = attributes;
  const info = slice_util.sliceInfo(
    x.shape as number[],
    begin,
    end,
    strides,
    beginMask,
    endMask,
    ellipsisMask,
    newAxisMask,
    shrinkAxisMask,
  );
  if (info.finalShape.includes(0)) return uniform(0, info.finalShape, x.dtype);
  if (info.isIdentity) return reshape(x, info.finalShape);
  const size = slice_util.computeOutShape(info.begin, info.end, info.strides);
  return reshape(slice(x, info.begin, size, info.strides), info.finalShape);
}

function split(x: LazyNode, { numOrSizeSplits, axis }: SplitVAttrs): LazyNode[] {
  const along = axisOf('split', axis, x.shape.length);
  const sizes = backend_util.prepareSplitSize({ shape: x.shape } as never, numOrSizeSplits, along);
  let from = 0;
  return sizes.map((length) => {
    const begin = x.shape.map((_, i) => (i === along ? from : 0));
    const size = x.shape.map((full, i) => (i === along ? length : full));
    from += length;
    return slice(x, begin, size);
  });
}

function batchToSpace(x: LazyNode, { blockShape, crops }: BatchToSpaceNDAttrs): LazyNode {
  const product = blockShape.reduce((a, b) => a * b, 1);
  const shape = x.shape as number[];
  const spread = reshape(x, backend_util.getReshaped(shape, blockShape, product));
  const moved = transpose(spread, backend_util.getPermuted(spread.shape.length, blockShape.length));
  const joined = reshape(moved, backend_util.getReshapedPermuted(shape, blockShape, product));
  const begin = joined.shape.map((_, axis) => crops[axis - 1]?.[0] ?? 0);
  const size = joined.shape.map((full, axis) => full - begin[axis]! - (crops[axis - 1]?.[1] ?? 0));
  return slice(joined, begin, size);
}

function spaceToBatch(
  x: LazyNode,
  { blockShape, paddings }: { blockShape: number[]; paddings: number[][] },
): LazyNode {
  const product = blockShape.reduce((a, b) => a * b, 1);
  const before = x.shape.map((_, axis) => paddings[axis - 1]?.[0] ?? 0);
  const after = x.shape.map((_, axis) => paddings[axis - 1]?.[1] ?? 0);
  const padded = pad(x, before, after, 0);
  const shape = padded.shape as number[];
  const spread = reshape(padded, backend_util.getReshaped(shape, blockShape, product, false));
  const perm = backend_util.getPermuted(spread.shape.length, blockShape.length, false);
  return reshape(
    transpose(spread, perm),
    backend_util.getReshapedPermuted(shape, blockShape, product, false),
  );
}

function depthToSpace(x: LazyNode, { blockSize, dataFormat }: DepthToSpaceAttrs): LazyNode | null {
  if (dataFormat !== 'NHWC') return null;
  const [batch, height, width, depth] = x.shape as [number, number, number, number];
  const channels = depth / (blockSize * blockSize);
  const cells = reshape(x, [batch, height, width, blockSize, blockSize, channels]);
  return reshape(transpose(cells, [0, 1, 3, 2, 4, 5]), [
    batch,
    height * blockSize,
    width * blockSize,
    channels,
  ]);
}

/** Mirrors by slices in reverse order: exact for every padding that TensorFlow.js allows. */
function mirrorPad(x: LazyNode, { paddings, mode }: MirrorPadAttrs): LazyNode {
  const skip = mode === 'reflect' ? 1 : 0;
  return paddings.reduce((padded, [before, after], axis) => {
    const size = padded.shape[axis]!;
    const part = (from: number, length: number): LazyNode => {
      const begin = padded.shape.map((_, i) => (i === axis ? from : 0));
      const extent = padded.shape.map((full, i) => (i === axis ? length : full));
      return reverse(slice(padded, begin, extent), [axis]);
    };
    const parts = [padded];
    if (before > 0) parts.unshift(part(skip, before));
    if (after > 0) parts.push(part(size - skip - after, after));
    return concat(parts, axis);
  }, x);
}

export const shapeKernels: KernelTable = {
  Transpose: kernel<'x', TransposeAttrs>(({ x }, { perm }) =>
    transpose(x, axesOf('transpose', perm, x.shape.length)),
  ),
  Slice: kernel<'x', SliceAttrs>(({ x }, { begin, size }) => {
    const [from, extent] = slice_util.parseSliceParams(
      { shape: x.shape, rank: x.shape.length } as never,
      begin,
      size,
    );
    slice_util.assertParamsValid({ shape: x.shape, rank: x.shape.length } as never, from!, extent!);
    return slice(x, from!, extent!);
  }),
  StridedSlice: kernel<'x', StridedSliceAttrs>(({ x }, attributes) => stridedSlice(x, attributes)),
  Reverse: kernel<'x', ReverseAttrs>(({ x }, { dims }) =>
    reverse(x, axesOf('reverse', dims, x.shape.length)),
  ),
  PadV2: kernel<'x', PadV2Attrs>(({ x }, { paddings, constantValue }) =>
    pad(
      x,
      paddings.map(([before]) => before),
      paddings.map(([, after]) => after),
      constantValue,
    ),
  ),
  MirrorPad: kernel<'x', MirrorPadAttrs>(({ x }, attributes) => mirrorPad(x, attributes)),
  Concat: listKernel<ConcatAttrs>((list, { axis }) => {
    const along = axisOf('concat', axis, list[0]!.shape.length);
    backend_util.assertParamsConsistent(
      list.map((part) => part.shape as number[]),
      along,
    );
    return concat(list, along);
  }),
  Pack: listKernel<PackAttrs>((list, { axis }) => {
    const { shape } = list[0]!;
    for (const part of list) {
      util.assertShapesMatch(
        shape as number[],
        part.shape as number[],
        'All tensors passed to stack must have matching shapes',
      );
    }
    util.assert(
      list.every((part) => part.dtype === list[0]!.dtype),
      () => 'All tensors passed to stack must have matching dtypes',
    );
    // Of the axes of the result.
    const at = axisOf('stack', axis, shape.length + 1);
    const grown = [...shape.slice(0, at), 1, ...shape.slice(at)];
    return concat(
      list.map((part) => reshape(part, grown)),
      at,
    );
  }),
  Unpack: kernel<'value', UnpackAttrs>(({ value }, { axis }) => {
    const along = axisOf('unstack', axis, value.shape.length);
    const shape = value.shape.filter((_, i) => i !== along);
    return Array.from({ length: value.shape[along]! }, (_, index) => {
      const begin = value.shape.map((_size, i) => (i === along ? index : 0));
      const size = value.shape.map((full, i) => (i === along ? 1 : full));
      return reshape(slice(value, begin, size), shape);
    });
  }),
  SplitV: kernel<'x', SplitVAttrs>(({ x }, attributes) => split(x, attributes)),
  Tile: kernel<'x', TileAttrs>(({ x }, { reps }) => {
    const rank = Math.max(x.shape.length, reps.length);
    const shape = [...new Array<number>(rank - x.shape.length).fill(1), ...x.shape];
    const repeats = [...new Array<number>(rank - reps.length).fill(1), ...reps];
    return tile(reshape(x, shape), repeats);
  }),
  BatchToSpaceND: kernel<'x', BatchToSpaceNDAttrs>(({ x }, attributes) => batchToSpace(x, attributes)),
  SpaceToBatchND: kernel<'x', { blockShape: number[]; paddings: number[][] }>(({ x }, attributes) =>
    spaceToBatch(x, attributes),
  ),
  DepthToSpace: kernel<'x', DepthToSpaceAttrs>(({ x }, attributes) => depthToSpace(x, attributes)),

  Fill: kernel<never, FillAttrs>((_, { shape, value, dtype }) => {
    const type = dtype ?? util.inferDtype(value);
    if (typeof value === 'string' || (type !== 'float32' && type !== 'int32' && type !== 'bool')) return null;
    return uniform(value, shape, type);
  }),
  ZerosLike: kernel<'x'>(({ x }) => uniform(0, x.shape, x.dtype)),
  OnesLike: kernel<'x'>(({ x }) => uniform(1, x.shape, x.dtype)),
  Range: kernel<never, RangeAttrs>((_, { start, stop, step, dtype }) => {
    const isEmpty = start === stop || (start < stop && step < 0) || (stop < start && step > 1);
    const count = isEmpty ? 0 : Math.abs(Math.ceil((stop - start) / step));
    return sequence(start, stop < start && step === 1 ? -1 : step, count, dtype);
  }),
  LinSpace: kernel<never, LinSpaceAttrs>((_, { start, stop, num }) =>
    num === 1
      ? leaf(Float32Array.of(start), [1], 'float32')
      : sequence(start, (stop - start) / (num - 1), num, 'float32'),
  ),
  Cast: kernel<'x', { dtype: string }>(({ x }, { dtype }) =>
    dtype === 'float32' || dtype === 'int32' || dtype === 'bool' ? cast(x, dtype) : null,
  ),
};
