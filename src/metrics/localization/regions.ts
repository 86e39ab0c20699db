/** Bounding rectangles and areas of the regions of a union-find, by root. */
export class Regions {
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly top: Int32Array;
  readonly bottom: Int32Array;
  /** The first pixel in the order of rows. */
  readonly first: Int32Array;
  /** Twice the area of its windows. */
  readonly area: Int32Array;
  /** Twice the area within the outer contour. */
  readonly filled: Int32Array;
  readonly live: number[] = [];

  constructor(size: number) {
    this.left = new Int32Array(size);
    this.right = new Int32Array(size);
    this.top = new Int32Array(size);
    this.bottom = new Int32Array(size);
    this.first = new Int32Array(size);
    this.area = new Int32Array(size);
    this.filled = new Int32Array(size);
  }

  /** Joins two roots. @returns the one that stays */
  merge(parent: Int32Array, a: number, b: number): number {
    const { left, right, top, bottom, first, area } = this;
    // The larger rectangle keeps its root: paths stay short without ranks.
    const larger = right[a]! - left[a]! + bottom[a]! - top[a]! >= right[b]! - left[b]! + bottom[b]! - top[b]!;
    const root = larger ? a : b;
    const child = larger ? b : a;
    parent[child] = root;
    if (left[child]! < left[root]!) left[root] = left[child]!;
    if (right[child]! > right[root]!) right[root] = right[child]!;
    if (top[child]! < top[root]!) top[root] = top[child]!;
    if (bottom[child]! > bottom[root]!) bottom[root] = bottom[child]!;
    if (first[child]! < first[root]!) first[root] = first[child]!;
    area[root]! += area[child]!;
    return root;
  }
}
