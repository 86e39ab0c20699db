/** How large a mask of RISE is, in cells and in pixels. */
export interface RiseMaskSize {
  readonly cells: number;
  readonly height: number;
  readonly width: number;
}

/**
 * Enlarges a small mask bilinearly to one cell more than the image, and cuts the image's size out of it at a shift of
 * less than a cell (RISE, section 3.2). A cell measures ⌈H/h⌉ x ⌈W/w⌉ pixels, as in the code of the authors: the
 * paper's ⌊H/h⌋ leaves images whose size is no multiple uncovered.
 *
 * @param grid [h·h], 0 or 1
 * @param shift down and to the right, in shares of a cell in [0, 1)
 * @param out [H·W], written
 */
export function riseMask(
  grid: Float32Array,
  shift: readonly [number, number],
  { cells, height, width }: RiseMaskSize,
  out: Float32Array,
): void {
  const rows = taps(cells, height, shift[0]);
  const columns = taps(cells, width, shift[1]);
  const wide = new Float32Array(cells * width);
  for (let row = 0; row < cells; row++) {
    for (let x = 0; x < width; x++) {
      const { first, next, share } = columns[x]!;
      wide[row * width + x] = (1 - share) * grid[row * cells + first]! + share * grid[row * cells + next]!;
    }
  }
  for (let y = 0; y < height; y++) {
    const { first, next, share } = rows[y]!;
    for (let x = 0; x < width; x++) {
      out[y * width + x] = (1 - share) * wide[first * width + x]! + share * wide[next * width + x]!;
    }
  }
}

/** For each pixel of an axis, the cells that it lies between (half-pixel centres, held at the ends). */
function taps(cells: number, size: number, shift: number) {
  const cell = Math.ceil(size / cells);
  const start = Math.floor(shift * cell);
  const scale = cells / ((cells + 1) * cell);
  return Array.from({ length: size }, (_, i) => {
    const position = Math.min(Math.max((start + i + 0.5) * scale - 0.5, 0), cells - 1);
    const first = Math.floor(position);
    return { first, next: Math.min(first + 1, cells - 1), share: position - first };
  });
}
