import { UsageError } from '../../errors/index.ts';
import type { BoxList } from './box-list.ts';
import { areaGain, holeGain, runStarts } from './neighbourhood.ts';
import { Regions } from './regions.ts';

/** Receives the contours of a map at one level. `largest` indexes `boxes`; −1 when there is no contour. */
export type LevelVisitor = (level: number, boxes: BoxList, largest: number) => void;

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
 * The area of an outer contour is what it encloses, holes and what lies in them included. A component collects its
 * own area (of each 2×2 window with 4 of its pixels 1, with 3 of them 1/2), a hole what its windows have left; so
 * filled(c) = area(c) + Σ over its holes h of (area(h) + Σ over the components d in h of filled(d)). Which hole a component
 * lies in is asked of the holes' union-find as it was at that level, of which every link keeps the level it was made at.
 */
export class ContourSweep {
  readonly height: number;
  readonly width: number;
  /** Row stride of the padded image: one pixel of background all around. */
  readonly #stride: number;
  readonly #order: Int32Array;
  readonly #starts = new Int32Array(257);
  readonly #fill = new Int32Array(256);
  /** Column and row of the image, by padded position. */
  readonly #columns: Int32Array;
  readonly #rows: Int32Array;
  readonly #on: Uint8Array;
  readonly #parent: Int32Array;
  readonly #components: Regions;
  readonly #holes: Regions;
  /** The background's union-find without shortened paths: where a pixel was linked to, and at which level. */
  readonly #linked: Int32Array;
  readonly #linkedAt: Int16Array;
  /** The component that a hole is in, by the root of the hole; −1 elsewhere. */
  readonly #owner: Int32Array;
  readonly #firsts: Int32Array;
  /** The pixels of the frame. */
  readonly #frame: Int32Array;
  /** The holes of each level, `holeFields` numbers each: box, first pixel, twice the area, root. */
  readonly #holesAt: number[][] = Array.from({ length: 256 }, () => []);
  readonly #list: { count: number; data: Int32Array };
  readonly #neighbours8: Int32Array;

  /** Made once for all maps of H×W pixels: it owns the working memory. */
  constructor(height: number, width: number) {
    this.height = height;
    this.width = width;
    const stride = width + 2;
    const size = stride * (height + 2);
    this.#stride = stride;
    this.#order = new Int32Array(height * width);
    this.#columns = Int32Array.from({ length: size }, (_, p) => (p % stride) - 1);
    this.#rows = Int32Array.from({ length: size }, (_, p) => Math.trunc(p / stride) - 1);
    this.#on = new Uint8Array(size);
    this.#parent = new Int32Array(size);
    this.#components = new Regions(size);
    this.#holes = new Regions(size);
    this.#list = { count: 0, data: new Int32Array(256) };
    this.#linked = Int32Array.from({ length: size }, (_, p) => p);
    this.#linkedAt = new Int16Array(size).fill(never);
    this.#owner = new Int32Array(size).fill(-1);
    this.#firsts = new Int32Array(size);
    this.#frame = Int32Array.from(
      Array.from({ length: size }, (_, p) => p).filter(
        (p) => p < stride || p >= size - stride || p % stride === 0 || p % stride === stride - 1,
      ),
    );
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
  }

  /**
   * Visits the levels from 254 down to 0.
   *
   * @param map [H·W] bytes
   */
  sweep(map: Uint8Array, visit: LevelVisitor): void {
    if (map.length !== this.height * this.width) {
      throw new UsageError(`${map.length} values are no map of ${this.width}x${this.height} pixels`);
    }
    this.#sort(map);
    this.#findHoles();
    this.#on.fill(0);
    const { live } = this.#components;
    live.length = 0;
    for (let level = 254; level >= 0; level--) {
      const end = this.#starts[level + 2]!;
      for (let i = this.#starts[level + 1]!; i < end; i++) this.#addPixel(this.#order[i]!);
      this.#dropMerged();
      const holes = this.#holesAt[level]!;
      const largest = live.length === 0 ? -1 : this.#largest(level, holes);
      this.#listBoxes(holes);
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

  /** The pixels around p that are on, as the bits of `directions`. */
  #around(p: number): number {
    const on = this.#on;
    const stride = this.#stride;
    return (
      on[p - stride - 1]! |
      (on[p - stride]! << 1) |
      (on[p - stride + 1]! << 2) |
      (on[p + 1]! << 3) |
      (on[p + stride + 1]! << 4) |
      (on[p + stride]! << 5) |
      (on[p + stride - 1]! << 6) |
      (on[p - 1]! << 7)
    );
  }

  /** Switches a pixel on, as a region of its own. */
  #begin(regions: Regions, p: number): void {
    this.#on[p] = 1;
    this.#parent[p] = p;
    regions.left[p] = regions.right[p] = this.#columns[p]!;
    regions.top[p] = regions.bottom[p] = this.#rows[p]!;
    regions.first[p] = p;
    regions.area[p] = 0;
  }

  /** Switches a pixel on, as one of a region that is there. */
  #join({ left, right, top, bottom, first }: Regions, root: number, p: number): void {
    const [x, y] = [this.#columns[p]!, this.#rows[p]!];
    this.#on[p] = 1;
    this.#parent[p] = root;
    if (x < left[root]!) left[root] = x;
    if (x > right[root]!) right[root] = x;
    if (y < top[root]!) top[root] = y;
    if (y > bottom[root]!) bottom[root] = y;
    if (p < first[root]!) first[root] = p;
  }

  /** Switches a pixel on and joins it to its 8 neighbours. */
  #addPixel(p: number): void {
    const { area, live } = this.#components;
    const parent = this.#parent;
    const around = this.#around(p);
    // One neighbour of each run along the ring suffices: the others are joined to it already.
    let root = -1;
    let runs = runStarts[around]!;
    while (runs !== 0) {
      const direction = 31 - Math.clz32(runs);
      runs ^= 1 << direction;
      const other = this.#find(p + this.#neighbours8[direction]!);
      if (root < 0) {
        root = other;
        this.#join(this.#components, root, p);
      } else if (other !== root) root = this.#components.merge(parent, root, other);
    }
    if (root < 0) {
      root = p;
      this.#begin(this.#components, root);
      live.push(root);
    }
    area[root]! += areaGain[around]!;
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
    if (kept < live.length) live.length = kept;
  }

  /** Index in `live` of the component with the largest outer contour. */
  #largest(level: number, holes: readonly number[]): number {
    const { live, area, filled } = this.#components;
    if (live.length === 1) return 0;
    for (let i = 0; i < live.length; i++) filled[live[i]!] = area[live[i]!]!;
    if (holes.length > 0) this.#fillHoles(level, holes);
    return this.#mostFilled();
  }

  /** Adds to the area of each component that of its holes, and of what lies in them. */
  #fillHoles(level: number, holes: readonly number[]): void {
    const { live, first, filled } = this.#components;
    const owners = this.#owner;
    const stride = this.#stride;
    for (let h = 0; h < holes.length; h += holeFields) {
      // Above the first pixel of a hole lies the component that it is a hole of.
      const owner = this.#find(holes[h + 4]! - stride);
      filled[owner]! += holes[h + 5]!;
      owners[holes[h + 6]!] = owner;
    }
    // What lies in a hole begins below the component around it: from the last to the first, each is whole in its turn.
    const firsts = this.#firsts.subarray(0, live.length);
    for (let i = 0; i < live.length; i++) firsts[i] = first[live[i]!]!;
    firsts.sort();
    for (let i = live.length - 1; i >= 0; i--) {
      // Above the first pixel of a component lies the background around it.
      const owner = owners[this.#backgroundAt(firsts[i]! - stride, level)]!;
      if (owner >= 0) filled[owner]! += filled[this.#find(firsts[i]!)]!;
    }
    for (let h = 0; h < holes.length; h += holeFields) owners[holes[h + 6]!] = -1;
  }

  /** The root of the region of the background that a pixel was in at a level. */
  #backgroundAt(p: number, level: number): number {
    const linked = this.#linked;
    const linkedAt = this.#linkedAt;
    let q = p;
    while (linkedAt[q]! <= level) q = linked[q]!;
    return q;
  }

  /** Index in `live` of the largest; of equal ones the one that begins last. */
  #mostFilled(): number {
    const { live, filled, first } = this.#components;
    let best = 0;
    for (let i = 1; i < live.length; i++) {
      const difference = filled[live[i]!]! - filled[live[best]!]!;
      if (difference > 0 || (difference === 0 && first[live[i]!]! > first[live[best]!]!)) best = i;
    }
    return best;
  }

  /**
   * The holes of each level: the 4-connected components of the background that do not reach the frame. What does is one
   * region with the frame from there on, of which nothing is kept.
   */
  #findHoles(): void {
    const { left, right, top, bottom, first, area, live } = this.#holes;
    const parent = this.#parent;
    const on = this.#on;
    const stride = this.#stride;
    on.fill(0);
    for (const p of this.#frame) {
      on[p] = 1;
      parent[p] = outside;
    }
    live.length = 0;
    for (let level = 0; level <= 254; level++) {
      for (let i = this.#starts[level]!; i < this.#starts[level + 1]!; i++) {
        const p = this.#order[i]!;
        let root = -1;
        if (on[p - stride] === 1) root = this.#joinHoles(root, p - stride, level);
        if (on[p + 1] === 1) root = this.#joinHoles(root, p + 1, level);
        if (on[p + stride] === 1) root = this.#joinHoles(root, p + stride, level);
        if (on[p - 1] === 1) root = this.#joinHoles(root, p - 1, level);
        if (root === outside) {
          on[p] = 1;
          parent[p] = outside;
          this.#link(p, outside, level);
          continue;
        }
        const around = this.#around(p);
        if (root < 0) {
          root = p;
          this.#begin(this.#holes, root);
          this.#link(p, p, never);
          live.push(root);
        } else {
          this.#join(this.#holes, root, p);
          this.#link(p, root, level);
        }
        area[root]! += holeGain[around]!;
      }
      const found = this.#holesAt[level]!;
      if (found.length > 0) found.length = 0;
      let kept = 0;
      for (let i = 0; i < live.length; i++) {
        const r = live[i]!;
        if (parent[r] !== r) continue;
        live[kept++] = r;
        found.push(left[r]!, top[r]!, right[r]!, bottom[r]!, first[r]!, area[r]!, r);
      }
      if (kept < live.length) live.length = kept;
    }
  }

  /** Joins the region of a pixel to another, if there is one. @returns the root that stays */
  #joinHoles(root: number, p: number, level: number): number {
    const other = this.#find(p);
    if (root < 0 || other === root) return other;
    let kept: number;
    if (root === outside || other === outside) {
      kept = outside;
      this.#parent[root === outside ? other : root] = outside;
    } else kept = this.#holes.merge(this.#parent, root, other);
    this.#link(kept === root ? other : root, kept, level);
    return kept;
  }

  #link(p: number, root: number, level: number): void {
    this.#linked[p] = root;
    this.#linkedAt[p] = level;
  }

  /** Outer contours first, in the order of `live`; then the holes, whose contour lies on the pixels around them. */
  #listBoxes(holes: readonly number[]): void {
    const { live, left, right, top, bottom } = this.#components;
    const list = this.#list;
    list.count = live.length + holes.length / holeFields;
    if (list.data.length < list.count * 4) list.data = new Int32Array(list.count * 8);
    const { data } = list;
    const [lastX, lastY] = [this.width - 1, this.height - 1];
    let at = 0;
    for (let i = 0; i < live.length; i++) {
      const r = live[i]!;
      data[at++] = left[r]!;
      data[at++] = top[r]!;
      data[at++] = Math.min(right[r]! + 1, lastX);
      data[at++] = Math.min(bottom[r]! + 1, lastY);
    }
    for (let i = 0; i < holes.length; i += holeFields) {
      data[at++] = holes[i]! - 1;
      data[at++] = holes[i + 1]! - 1;
      data[at++] = Math.min(holes[i + 2]! + 2, lastX);
      data[at++] = Math.min(holes[i + 3]! + 2, lastY);
    }
  }
}

/** Numbers per hole in `#holesAt`. */
const holeFields = 7;
/** The root of all that reaches the frame: its first pixel. */
const outside = 0;
/** Above every level: of what has not been linked to anything. */
const never = 256;
