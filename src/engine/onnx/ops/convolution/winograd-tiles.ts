import type { GraphBuilder } from '../../graph/graph-builder.ts';
import { padSpatial } from './filter-gradient.ts';

/** An image in tiles of 2 x 2; a last odd row or column fills half of its tiles. */
export interface Tiling {
  readonly batch: number;
  readonly spatial: readonly [number, number];
  /** Tiles along each axis. */
  readonly grid: readonly [number, number];
  /** Tiles of the whole batch. */
  readonly tiles: number;
}

export function tilingOf(batch: number, spatial: readonly number[]): Tiling {
  const [height, width] = spatial as [number, number];
  const grid = [Math.ceil(height / 2), Math.ceil(width / 2)] as const;
  return { batch, spatial: [height, width], grid, tiles: batch * grid[0] * grid[1] };
}

type Matrix = readonly (readonly number[])[];

const IMAGE: Matrix = [
  [1, 0, -1, 0],
  [0, 1, 1, 0],
  [0, -1, 1, 0],
  [0, 1, 0, -1],
];
const FILTER: Matrix = [
  [1, 0, 0],
  [0.5, 0.5, 0.5],
  [0.5, -0.5, 0.5],
  [0, 0, 1],
];
const RESULT: Matrix = [
  [1, 1, 1, 0],
  [0, 1, -1, -1],
];

/**
 * A filter that is turned by half a turn has the same 4 numbers along an axis in this order (G reads it backwards). So
 * the input gradient takes the filter as the value brought it into its form, and image and result in this order.
 */
const TURN = [3, 1, 2, 0];

/**
 * F(2 x 2, 3 x 3) of Lavin, Gray 2016, arXiv 1509.09308, section 4.1:
 *
 *     Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A,   d: 4 x 4 pixels of the image, g: 3 x 3 taps, Y: 2 x 2 pixels of the result
 *
 * Read row by row, M d Mᵀ is (M ⊗ M) · d; so each is one matrix, and its adjoint the transposed one.
 */
const MATRICES = {
  image: kronecker(IMAGE),
  filter: kronecker(FILTER),
  filterGradient: kronecker(transposed(FILTER)),
  result: kronecker(RESULT),
  /** Image and result of a product with the filter turned by half a turn. */
  turnedImage: kronecker(TURN.map((row) => IMAGE[row]!)),
  turnedResult: kronecker(RESULT.map((row) => TURN.map((column) => row[column]!))),
  resultGradient: kronecker(transposed(RESULT)),
};

/** One of the matrices times [n, ...inner] → [m, ...inner]. */
export function transformed(
  graph: GraphBuilder,
  matrix: keyof typeof MATRICES,
  name: string,
  inner: readonly number[],
): string {
  const rows = MATRICES[matrix];
  const [outputs, inputs] = [rows.length, rows[0]!.length];
  const left = graph.once(`winograd ${matrix}`, () =>
    graph.constant('float32', [outputs, inputs], rows.flat()),
  );
  const size = inner.reduce((product, length) => product * length, 1);
  const product = graph.node('MatMul', [left, graph.reshape(name, [inputs, size])]);
  return graph.reshape(product, [outputs, ...inner]);
}

/**
 * Pixels by their place in the tile: [size · size, tiles, C] of an image [N,H,W,C].
 *
 * @param size 4: the pixels that a tile of the result is made of, 2: those of the tile itself
 * @param before rows and columns of zeros in front of the image
 * @param label tiles of one image with different labels are made anew for each
 */
export function tilesOf(
  graph: GraphBuilder,
  image: string,
  [height, width, channels]: readonly [number, number, number],
  { batch, grid, tiles }: Tiling,
  size: 2 | 4,
  before: readonly number[] = [0, 0],
  label = '',
): string {
  const [rows, columns] = grid.map((count) => 2 * count + size - 2) as [number, number];
  const after = [rows - height - before[0]!, columns - width - before[1]!];
  const padded = padSpatial(graph, image, { before, after }, 1);
  const places = graph.once(`winograd tiles ${[batch, ...grid, size]} ${label}`, () => {
    const list: number[] = [];
    for (let row = 0; row < size; row++) {
      for (let column = 0; column < size; column++) {
        for (let n = 0; n < batch; n++) {
          for (let y = 0; y < grid[0]; y++) {
            for (let x = 0; x < grid[1]; x++) list.push((n * rows + 2 * y + row) * columns + 2 * x + column);
          }
        }
      }
    }
    return graph.constant('int32', [list.length], list);
  });
  const pixels = graph.reshape(padded, [batch * rows * columns, channels]);
  return graph.reshape(graph.node('Gather', [pixels, places], { axis: 0 }), [size * size, tiles, channels]);
}

/** Puts tiles together: [4, tiles, C] → [N,H,W,C]. */
export function imageOf(graph: GraphBuilder, parts: string, channels: number, tiling: Tiling): string {
  const { batch, spatial, grid, tiles } = tiling;
  const [height, width] = spatial;
  const places = graph.once(`winograd image ${[batch, ...spatial]}`, () => {
    const list: number[] = [];
    for (let n = 0; n < batch; n++) {
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const part = 2 * (y % 2) + (x % 2);
          list.push(part * tiles + (n * grid[0] + (y >> 1)) * grid[1] + (x >> 1));
        }
      }
    }
    return graph.constant('int32', [list.length], list);
  });
  const pixels = graph.reshape(parts, [4 * tiles, channels]);
  return graph.reshape(graph.node('Gather', [pixels, places], { axis: 0 }), [batch, height, width, channels]);
}

/** M ⊗ M */
function kronecker(m: Matrix): number[][] {
  return m.flatMap((row) => m.map((inner) => row.flatMap((a) => inner.map((b) => a * b))));
}

function transposed(m: Matrix): number[][] {
  return m[0]!.map((_, column) => m.map((row) => row[column]!));
}
