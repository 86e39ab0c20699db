import type { NetworkBox } from './network-boxes.ts';

/** A box, or the place where an edge passes a row; x is its centre. */
export interface Placed {
  readonly box: NetworkBox | undefined;
  x: number;
}

/** A part of a drawing, from top to bottom. Parts follow each other; one value leads from each to the next. */
export interface LayoutPart {
  readonly rows: readonly (readonly Placed[])[];
  /** Each edge as the places that it passes, from a box to a box, row by row. */
  readonly edges: readonly (readonly { readonly row: number; readonly place: Placed }[])[];
  readonly width: number;
}

export interface LayoutOptions {
  readonly boxWidth: number;
  /** Between the boxes of a row. */
  readonly gap: number;
  /** Room for an edge that passes a row. */
  readonly edgeWidth: number;
  /** A part ends after this many rows, where a single value leads on. */
  readonly rows: number;
}

/**
 * Layered layout (Sugiyama): a box stands one row below the lowest box that it reads, near the middle of what it reads;
 * long edges get a place in every row that they pass. A drawing of many rows falls into parts where it is a chain.
 */
export function layoutNetwork(boxes: readonly NetworkBox[], options: LayoutOptions): LayoutPart[] {
  const rank = new Map<string, number>();
  for (const { id, inputs } of boxes)
    rank.set(id, 1 + Math.max(-1, ...inputs.map((name) => rank.get(name)!)));
  const last = Math.max(...rank.values());
  const parts: LayoutPart[] = [];
  for (let first = 0; first <= last; ) {
    let end = Math.min(first + options.rows - 1, last);
    if (end < last) {
      const cut = (at: number) => leadsOn(boxes, rank, at);
      const before = range(first, end).findLast(cut);
      end = before ?? range(end + 1, last).find(cut) ?? last;
    }
    const inPart = boxes.filter(({ id }) => rank.get(id)! >= first && rank.get(id)! <= end);
    parts.push(layoutPart(inPart, (id) => rank.get(id)! - first, end - first + 1, options));
    first = end + 1;
  }
  return parts;
}

/** Whether a single value leads from row `at` and those above it to the rows below, and comes from that row. */
function leadsOn(boxes: readonly NetworkBox[], rank: ReadonlyMap<string, number>, at: number): boolean {
  const crossing = new Set(
    boxes
      .filter(({ id }) => rank.get(id)! > at)
      .flatMap(({ inputs }) => inputs.filter((name) => rank.get(name)! <= at)),
  );
  const [only] = crossing;
  // A row with a second box would let an input or output of the network stand aside.
  return (
    crossing.size === 1 &&
    rank.get(only!) === at &&
    boxes.filter(({ id }) => rank.get(id) === at).length === 1
  );
}

function layoutPart(
  boxes: readonly NetworkBox[],
  rowOf: (id: string) => number,
  count: number,
  { boxWidth, gap, edgeWidth }: LayoutOptions,
): LayoutPart {
  const rows: Placed[][] = Array.from({ length: count }, () => []);
  const placeOf = new Map<string, Placed>();
  const above = new Map<Placed, Placed[]>();
  const edges: { row: number; place: Placed }[][] = [];
  for (const box of boxes) {
    const place: Placed = { box, x: 0 };
    const row = rowOf(box.id);
    placeOf.set(box.id, place);
    rows[row]!.push(place);
    above.set(place, []);
    for (const name of box.inputs) {
      const from = placeOf.get(name);
      if (!from) continue;
      const edge = [{ row: rowOf(name), place: from }];
      for (let passed = rowOf(name) + 1; passed < row; passed++) {
        const bend: Placed = { box: undefined, x: 0 };
        rows[passed]!.push(bend);
        above.set(bend, [edge.at(-1)!.place]);
        edge.push({ row: passed, place: bend });
      }
      above.get(place)!.push(edge.at(-1)!.place);
      edges.push([...edge, { row, place }]);
    }
  }

  const widthOf = (place: Placed) => (place.box ? boxWidth : edgeWidth);
  for (const row of rows) {
    const wanted = new Map(row.map((place) => [place, mean(above.get(place)!.map(({ x }) => x))]));
    row.sort((a, b) => wanted.get(a)! - wanted.get(b)!);
    let right = Number.NEGATIVE_INFINITY;
    for (const place of row) {
      place.x = Math.max(wanted.get(place)!, right + widthOf(place) / 2);
      right = place.x + widthOf(place) / 2 + gap;
    }
    const shift = mean(row.map((place) => wanted.get(place)! - place.x));
    for (const place of row) place.x += shift;
  }
  const all = rows.flat();
  const left = Math.min(...all.map((place) => place.x - widthOf(place) / 2));
  for (const place of all) place.x -= left;
  return { rows, edges, width: Math.max(...all.map((place) => place.x + widthOf(place) / 2)) };
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function range(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);
}
