import { UsageError } from '../../errors/index.ts';
import { emptyBox, type PixelBox } from './pixel-box.ts';

/** Receives the contours of a map at one level. `largest` indexes `boxes`; −1 when there is no contour. */
export type LevelVisitor = (level: number, boxes: BoxList, largest: number) => void;

/** Bounding rectangles, four numbers each: x0, y0, x1, y1. Valid during the visit only. */
export interface BoxList {
  readonly count: number;
  readonly data: Int32Array;
}

/**
 * The boxes of the contours of 8-bit maps, at every level in one sweep.
 *
 * A level t makes the binary image b = (map > t), t = 254 … 0. Its contours are the outer borders of the 8-connected
 * components of b and the borders of the holes in them, as OpenCV's `findContours` traces them (Suzuki & Abe 1985);
 * a contour's box is [x, y, x + width, y + height] of its bounding rectangle, at most the last pixel (Choe et al.,
 * CVPR 2020, `compute_bboxes_from_scoremaps`). The largest is the one with the greatest area of the polygon through
 * the centres of its pixels (`contourArea`); of equal ones the one that begins furthest down and right, which OpenCV
 * lists first.
 *
 * Components only grow while the level falls and holes only while it rises: two passes over the sorted pixels with a
 * union-find keep all boxes of all levels, in O(pixels) instead of one labelling per level.
 *
 * The area of an outer contour is what it encloses, holes included; a component knows its area without them: of
 * each 2×2 window with 4 of its pixels 1, with 3 of them 1/2. Where holes could decide which is the largest (their
 * number is known from Euler's formula), that one level is labelled anew with its holes filled.
 */
export class ContourSweep {
  readonly height: number;
  readonly width: number;
  /** Row stride of the padded image: one pixel of background all around. */
  readonly #stride: number;
  readonly #order: Int32Array;
  readonly #starts = new Int32Array(257);
  readonly #fill = new Int32Array(256);
  readonly #on: Uint8Array;
  readonly #parent: Int32Array;
  readonly #components: Regions;
  readonly #holes: Regions;
  /** Boxes of the holes that are there at each level, as `[level] -> flat list`. */
  readonly #holeBoxes: number[][] = Array.from({ length: 256 }, () => []);
  readonly #list: { count: number; data: Int32Array };
  readonly #neighbours8: Int32Array;
  readonly #neighbours4: Int32Array;
  readonly #stack: Int32Array;

  /** Made once for all maps of H×W pixels: it owns the working memory. */
  constructor(height: number, width: number) {
    this.height = height;
    this.width = width;
    const stride = width + 2;
    const size = stride * (height + 2);
    this.#stride = stride;
    this.#order = new Int32Array(height * width);
    this.#on = new Uint8Array(size);
    this.#parent = new Int32Array(size);
    this.#components = new Regions(size);
    this.#holes = new Regions(size);
    this.#list = { count: 0, data: new Int32Array(256) };
    this.#stack = new Int32Array(size);
    // Clockwise from the upper left; bit i of a neighbourhood is neighbour i.
    this.#neighbours8 = Int32Array.of(
      -stride - 1,
      -stride,
      -stride + 1,
      1,
      stride + 1,
      stride,
      stride - 1,
      -1,
    );
    this.#neighbours4 = Int32Array.of(-stride, 1, stride, -1);
  }

  /**
   * Visits the levels from 254 down to 0.
   *
   * @param map [H·W] bytes
   * @param holes whether the borders of holes count as contours, as they do for OpenCV's RETR_TREE. @default true
   */
  sweep(map: Uint8Array, visit: LevelVisitor, { holes = true }: { holes?: boolean } = {}): void {
    if (map.length !== this.height * this.width) {
      throw new UsageError(`${map.length} values are no map of ${this.width}x${this.height} pixels`);
    }
    this.#sort(map);
    if (holes) this.#findHoles();
    this.#on.fill(0);
    const { live } = this.#components;
    let euler = 0;
    live.length = 0;
    for (let level = 254; level >= 0; level--) {
      for (let i = this.#starts[level + 1]!; i < this.#starts[level + 2]!; i++) {
        euler += this.#addPixel(this.#order[i]!);
      }
      this.#dropMerged();
      const holeCount = live.length - euler / 4;
      const largest = live.length === 0 ? -1 : this.#largest(holeCount > 0);
      this.#listBoxes(holes ? this.#holeBoxes[level]! : []);
      visit(level, this.#list, largest);
    }
  }

  /** Pixels by value (counting sort); `starts[v] … starts[v + 1]` hold those of value v, padded positions. */
  #sort(map: Uint8Array): void {
    const counts = this.#fill.fill(0);
    for (let i = 0; i < map.length; i++) counts[map[i]!]!++;
    this.#starts[0] = 0;
    for (let v = 0; v < 256; v++) this.#starts[v + 1] = this.#starts[v]! + counts[v]!;
    for (let v = 0; v < 256; v++) counts[v] = this.#starts[v]!;
    for (let y = 0, i = 0; y < this.height; y++) {
      const row = (y + 1) * this.#stride + 1;
      for (let x = 0; x < this.width; x++, i++) this.#order[counts[map[i]!]!++] = row + x;
    }
  }

  /** Switches a pixel on and joins it to its neighbours. @returns the change of 4 times the Euler number */
  #addPixel(p: number): number {
    const { left, right, top, bottom, area, live } = this.#components;
    const on = this.#on;
    const parent = this.#parent;
    const stride = this.#stride;
    const y = Math.trunc(p / stride);
    const x = p - y * stride;
    on[p] = 1;
    parent[p] = p;
    left[p] = right[p] = x - 1;
    top[p] = bottom[p] = y - 1;
    area[p] = 0;
    const around =
      on[p - stride - 1]! |
      (on[p - stride]! << 1) |
      (on[p - stride + 1]! << 2) |
      (on[p + 1]! << 3) |
      (on[p + stride + 1]! << 4) |
      (on[p + stride]! << 5) |
      (on[p + stride - 1]! << 6) |
      (on[p - 1]! << 7);
    // One neighbour of each run along the ring suffices: the others are joined to it already.
    let root = p;
    let runs = runStarts[around]!;
    while (runs !== 0) {
      const direction = 31 - Math.clz32(runs);
      runs ^= 1 << direction;
      const other = this.#find(p + this.#neighbours8[direction]!);
      if (other === root) continue;
      if (root === p) {
        parent[p] = root = other;
        if (left[root]! > x - 1) left[root] = x - 1;
        if (right[root]! < x - 1) right[root] = x - 1;
        if (top[root]! > y - 1) top[root] = y - 1;
        if (bottom[root]! < y - 1) bottom[root] = y - 1;
      } else {
        root = this.#components.merge(parent, root, other);
      }
    }
    if (root === p) live.push(p);
    area[root]! += areaGain[around]!;
    return eulerGain[around]!;
  }

  #find(p: number): number {
    const parent = this.#parent;
    let q = p;
    while (parent[q] !== q) {
      parent[q] = parent[parent[q]!]!;
      q = parent[q]!;
    }
    return q;
  }

  #dropMerged(): void {
    const { live } = this.#components;
    const parent = this.#parent;
    let kept = 0;
    for (let i = 0; i < live.length; i++) if (parent[live[i]!] === live[i]) live[kept++] = live[i]!;
    live.length = kept;
  }

  /** Index in `live` of the component with the largest outer contour. */
  #largest(hasHoles: boolean): number {
    const { live, area, left, right, top, bottom } = this.#components;
    let best = 0;
    let rivals = false;
    for (let i = 1; i < live.length; i++) {
      const difference = area[live[i]!]! - area[live[best]!]!;
      if (difference > 0) best = i;
      else if (difference === 0) rivals = true;
    }
    const most = area[live[best]!]!;
    if (hasHoles) {
      // Twice the area that a contour in this box can have at most.
      rivals ||= live.some(
        (r, i) => i !== best && 2 * (right[r]! - left[r]!) * (bottom[r]! - top[r]!) >= most,
      );
    }
    if (!rivals) return best;
    return hasHoles ? this.#largestFilled() : this.#lastBegun((r) => area[r] === most);
  }

  /** Of the components that pass, the one whose first pixel comes last. */
  #lastBegun(passes: (root: number) => boolean): number {
    const { live } = this.#components;
    const candidates = live.map((root, i) => ({ root, i })).filter(({ root }) => passes(root));
    if (candidates.length === 1) return candidates[0]!.i;
    let found = candidates[0]!.i;
    let last = -1;
    for (const { root, i } of candidates) {
      const first = this.#firstPixel(root);
      if (first > last) [found, last] = [i, first];
    }
    return found;
  }

  /** The first pixel of a component in the order of rows: it lies in the top row of its box. */
  #firstPixel(root: number): number {
    const { left, right, top } = this.#components;
    const row = (top[root]! + 1) * this.#stride + 1;
    for (let p = row + left[root]!; p <= row + right[root]!; p++) {
      if (this.#on[p] && this.#find(p) === root) return p;
    }
    return row;
  }

  /** The largest contour where holes matter: everything that the outside does not reach is filled. */
  #largestFilled(): number {
    const on = this.#on;
    const stride = this.#stride;
    // 2 marks the outside, which is 4-connected.
    const stack = this.#stack;
    let depth = 0;
    stack[depth++] = 0;
    on[0] = 2;
    while (depth > 0) {
      const p = stack[--depth]!;
      for (let d = 0; d < 4; d++) {
        const q = p + this.#neighbours4[d]!;
        if (on[q] !== 0) continue;
        on[q] = 2;
        stack[depth++] = q;
      }
    }
    const { live, filled } = this.#components;
    for (const root of live) filled[root] = 0;
    // Two rows at a time. A run of pixels inside begins with one of the component whose contour encloses the run.
    for (let row = 0; row < on.length - stride; row += stride) {
      let [above, below] = [-1, -1];
      for (let p = row + 1; p < row + stride; p++) {
        const q = p + stride;
        if (on[p] !== 2 && on[p - 1] === 2) above = this.#find(p);
        if (on[q] !== 2 && on[q - 1] === 2) below = this.#find(q);
        const inside =
          Number(on[p - 1] !== 2) + Number(on[p] !== 2) + Number(on[q - 1] !== 2) + Number(on[q] !== 2);
        if (inside < 3) continue;
        const root = on[p] !== 2 ? above : below;
        filled[root]! += inside === 4 ? 2 : 1;
      }
    }
    for (let p = 0; p < on.length; p++) if (on[p] === 2) on[p] = 0;
    let most = -1;
    for (const root of live) most = Math.max(most, filled[root]!);
    return this.#lastBegun((root) => filled[root] === most);
  }

  /** Boxes of the holes at each level: the 4-connected components of the background that do not reach the frame. */
  #findHoles(): void {
    for (const boxes of this.#holeBoxes) boxes.length = 0;
    const { left, right, top, bottom, live } = this.#holes;
    const parent = this.#parent;
    const on = this.#on;
    const { width, height } = this;
    on.fill(0);
    live.length = 0;
    for (let level = 0; level <= 254; level++) {
      for (let i = this.#starts[level]!; i < this.#starts[level + 1]!; i++) {
        const p = this.#order[i]!;
        const y = Math.trunc(p / this.#stride) - 1;
        const x = p - (y + 1) * this.#stride - 1;
        on[p] = 1;
        parent[p] = p;
        left[p] = right[p] = x;
        top[p] = bottom[p] = y;
        let root = p;
        for (let d = 0; d < 4; d++) {
          const q = p + this.#neighbours4[d]!;
          if (on[q] === 0) continue;
          const other = this.#find(q);
          if (other !== root) root = this.#holes.merge(parent, root, other);
        }
        if (root === p) live.push(p);
      }
      let kept = 0;
      for (let i = 0; i < live.length; i++) {
        const r = live[i]!;
        if (parent[r] !== r) continue;
        const outside = left[r] === 0 || top[r] === 0 || right[r] === width - 1 || bottom[r] === height - 1;
        // Once at the frame, it is outside at all higher levels: it need not be looked at again.
        if (outside) continue;
        live[kept++] = r;
        this.#holeBoxes[level]!.push(left[r]!, top[r]!, right[r]!, bottom[r]!);
      }
      live.length = kept;
    }
  }

  /** Outer contours first, in the order of `live`; then the holes, whose contour lies on the pixels around them. */
  #listBoxes(holes: readonly number[]): void {
    const { live, left, right, top, bottom } = this.#components;
    const list = this.#list;
    list.count = live.length + holes.length / 4;
    if (list.data.length < list.count * 4) list.data = new Int32Array(list.count * 8);
    const { data } = list;
    const [lastX, lastY] = [this.width - 1, this.height - 1];
    let at = 0;
    for (const r of live) {
      data[at++] = left[r]!;
      data[at++] = top[r]!;
      data[at++] = Math.min(right[r]! + 1, lastX);
      data[at++] = Math.min(bottom[r]! + 1, lastY);
    }
    for (let i = 0; i < holes.length; i += 4) {
      data[at++] = holes[i]! - 1;
      data[at++] = holes[i + 1]! - 1;
      data[at++] = Math.min(holes[i + 2]! + 2, lastX);
      data[at++] = Math.min(holes[i + 3]! + 2, lastY);
    }
  }
}

/** Bounding rectangles and areas of the regions of a union-find, by root. */
class Regions {
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly top: Int32Array;
  readonly bottom: Int32Array;
  /** Twice the area of the polygon through the pixel centres, holes left out. */
  readonly area: Int32Array;
  readonly filled: Int32Array;
  readonly live: number[] = [];

  constructor(size: number) {
    this.left = new Int32Array(size);
    this.right = new Int32Array(size);
    this.top = new Int32Array(size);
    this.bottom = new Int32Array(size);
    this.area = new Int32Array(size);
    this.filled = new Int32Array(size);
  }

  /** Joins two roots. @returns the one that stays */
  merge(parent: Int32Array, a: number, b: number): number {
    const { left, right, top, bottom, area } = this;
    // The larger rectangle keeps its root: paths stay short without ranks.
    const size = (r: number) => right[r]! - left[r]! + bottom[r]! - top[r]!;
    const [root, child] = size(a) >= size(b) ? [a, b] : [b, a];
    parent[child] = root;
    if (left[child]! < left[root]!) left[root] = left[child]!;
    if (right[child]! > right[root]!) right[root] = right[child]!;
    if (top[child]! < top[root]!) top[root] = top[child]!;
    if (bottom[child]! > bottom[root]!) bottom[root] = bottom[child]!;
    area[root]! += area[child]!;
    return root;
  }
}

/** What switching on the centre of a 3×3 neighbourhood changes, by the 8 bits around it. */
const areaGain = new Int8Array(256);
const eulerGain = new Int8Array(256);
/** The bits with which the runs of the ring begin: neighbours that are not joined to the one before. */
const runStarts = new Uint8Array(256);

for (let around = 0; around < 256; around++) {
  const bit = (i: number) => (around >> (i % 8)) & 1;
  // The four 2×2 windows around the centre: its corner pixel and the two beside it.
  for (const corner of [0, 2, 4, 6]) {
    const [before, across, after] = [bit(corner + 7), bit(corner), bit(corner + 1)];
    const others = before + across + after;
    areaGain[around]! += others >= 2 ? 1 : 0;
    // Gray's formula, 8-connected: 4 E = Q1 − Q3 − 2 QD, over windows with 1, 3 and 2 diagonal pixels.
    const value = (count: number, diagonal: boolean) =>
      count === 1 ? 1 : count === 3 ? -1 : diagonal ? -2 : 0;
    const diagonalBefore = others === 2 && across === 0;
    const diagonalAfter = others === 1 && across === 1;
    eulerGain[around]! += value(others + 1, diagonalAfter) - value(others, diagonalBefore);
  }
  // Neighbours 1, 3, 5, 7 share an edge with the centre; on the ring each touches the ones beside it.
  for (let i = 0; i < 8; i++) if (bit(i) && !bit(i + 7)) runStarts[around]! |= 1 << i;
  if (around === 255) runStarts[around] = 1;
}

/**
 * The 8-bit image that is thresholded: the map min-max normalised, times 255, fractions dropped. A map of one value,
 * or with a value that is no number, counts as zeros.
 *
 * @param map [H·W]
 * @param out [H·W], made when it is not given
 */
export function byteMap(map: ArrayLike<number>, out = new Uint8Array(map.length)): Uint8Array {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < map.length; i++) {
    const value = map[i]!;
    if (!(value >= low)) low = value;
    if (!(value <= high)) high = value;
  }
  const range = high - low;
  if (!(range > 0 && Number.isFinite(range))) return out.fill(0);
  for (let i = 0; i < map.length; i++) out[i] = Math.trunc(((map[i]! - low) / range) * 255);
  return out;
}

/**
 * The boxes of a map in [0, 1] at one threshold.
 *
 * Pixels with ⌊255 m⌋ > ⌊τ · max⌊255 m⌋⌋ are in (Choe et al., CVPR 2020). The map is taken as it is: normalise
 * it before.
 *
 * @param map [H·W] in [0, 1]
 * @param threshold τ, share of the map's maximum
 * @returns the boxes of all contours, those of holes included, and the one of the largest; {@link emptyBox} where
 *   nothing is above the threshold
 */
export function boxesFromMap(
  map: ArrayLike<number>,
  height: number,
  width: number,
  threshold: number,
): { largest: PixelBox; all: PixelBox[] } {
  const bytes = Uint8Array.from({ length: map.length }, (_, i) => Math.trunc(map[i]! * 255));
  let found: { largest: PixelBox; all: PixelBox[] } = { largest: emptyBox, all: [emptyBox] };
  const wanted = levelOf(threshold, maximum(bytes));
  new ContourSweep(height, width).sweep(bytes, (level, boxes, largest) => {
    if (level !== wanted || boxes.count === 0) return;
    const all = Array.from({ length: boxes.count }, (_, i) => boxAt(boxes, i));
    found = { largest: all[largest]!, all };
  });
  return found;
}

/** ⌊τ · max⌋: the level that a threshold means. */
export function levelOf(threshold: number, maximum: number): number {
  return Math.trunc(threshold * maximum);
}

/** Box i of a list. */
export function boxAt({ data }: BoxList, i: number): PixelBox {
  return [data[4 * i]!, data[4 * i + 1]!, data[4 * i + 2]!, data[4 * i + 3]!];
}

function maximum(bytes: Uint8Array): number {
  let most = 0;
  for (let i = 0; i < bytes.length; i++) if (bytes[i]! > most) most = bytes[i]!;
  return most;
}
