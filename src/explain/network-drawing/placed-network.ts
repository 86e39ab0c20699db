import type { NetworkNode } from '../../gradcam/index.ts';
import { boxesOf, linesOf, type NetworkBox } from '../network-boxes.ts';
import { layoutNetwork } from '../network-layout.ts';

/** Of a drawing, in pixels (SVG) or points / 72 (TikZ). */
export const boxSize = { width: 250, height: 58 };
const layout = { boxWidth: boxSize.width, gap: 18, edgeWidth: 14 };
const rowGap = 26;
const columnGap = 48;
const margin = 20;

export interface DrawOptions {
  /** Rows of a column; a longer network goes on in the next column where a single value leads on. @default 12 */
  readonly rows?: number | undefined;
  /** Above the drawing. @default none */
  readonly title?: string | undefined;
}

export interface DrawnBox {
  readonly box: NetworkBox;
  readonly lines: readonly [name: string, kinds: string, shape: string];
  readonly left: number;
  readonly top: number;
  /** What kind of layer it begins with, for its colour. */
  readonly kind: BoxKind;
}

export type BoxKind = 'input' | 'convolution' | 'pooling' | 'dense' | 'joining' | 'other';

/** A polyline of points, from the lower edge of a box to the upper edge of another. */
export interface DrawnEdge {
  readonly points: readonly (readonly [x: number, y: number])[];
  /** From the end of a column to the head of the next. */
  readonly between: boolean;
}

/** A drawing in which everything has its place; (0, 0) is the upper left. */
export interface PlacedNetwork {
  readonly width: number;
  readonly height: number;
  readonly title: string | undefined;
  readonly boxes: readonly DrawnBox[];
  readonly edges: readonly DrawnEdge[];
}

/** Lays a network out: layers as boxes in layers from top to bottom, long networks in columns. */
export function placeNetwork(
  nodes: readonly NetworkNode[],
  { rows = 12, title }: DrawOptions = {},
): PlacedNetwork {
  const parts = layoutNetwork(boxesOf(nodes), { ...layout, rows });
  const head = title === undefined ? margin : margin + 24;
  const boxes: DrawnBox[] = [];
  const edges: DrawnEdge[] = [];
  const topOf = (row: number) => head + row * (boxSize.height + rowGap);
  let left = margin;
  let before: DrawnBox | undefined;
  let height = 0;
  for (const part of parts) {
    const first = boxes.length;
    part.rows.forEach((row, r) => {
      for (const { box, x } of row) {
        if (!box) continue;
        boxes.push({
          box,
          lines: linesOf(box),
          left: left + x - boxSize.width / 2,
          top: topOf(r),
          kind: kindOf(box.members[0]!.op),
        });
      }
    });
    for (const edge of part.edges) {
      const points: [number, number][] = [];
      edge.forEach(({ row, place }, i) => {
        const x = left + place.x;
        if (i > 0) points.push([x, topOf(row)]);
        if (i < edge.length - 1) points.push([x, topOf(row) + boxSize.height]);
      });
      edges.push({ points, between: false });
    }
    // All that reads the value with which the column before ends.
    for (const top of boxes.slice(first)) {
      if (!before || !top.box.inputs.includes(before.box.id)) continue;
      const [fromX, fromY] = [before.left + boxSize.width / 2, before.top + boxSize.height];
      const middle = left - columnGap / 2;
      const toX = top.left + boxSize.width / 2;
      edges.push({
        points: [
          [fromX, fromY],
          [fromX, fromY + rowGap / 2],
          [middle, fromY + rowGap / 2],
          [middle, top.top - rowGap / 2],
          [toX, top.top - rowGap / 2],
          [toX, top.top],
        ],
        between: true,
      });
    }
    before = boxes.at(-1);
    height = Math.max(height, topOf(part.rows.length - 1) + boxSize.height);
    left += part.width + columnGap;
  }
  return { width: left - columnGap + margin, height: height + margin, title, boxes, edges };
}

function kindOf(op: string): BoxKind {
  if (op === 'InputLayer') return 'input';
  if (/Conv/.test(op)) return 'convolution';
  if (/Pool/.test(op)) return 'pooling';
  if (op === 'Dense') return 'dense';
  return /^(Add|Concatenate|Multiply|Average|Maximum|Minimum|Subtract|PairArithmetic)$/.test(op)
    ? 'joining'
    : 'other';
}

/** Cut to what a line of a box holds. */
export function shortened(text: string, length = 36): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}
