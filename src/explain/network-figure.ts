import type { NetworkNode } from '../gradcam/index.ts';
import { type Html, html } from '../pictures/index.ts';
import { boxesOf, linesOf, type NetworkBox } from './network-boxes.ts';
import { type LayoutPart, layoutNetwork } from './network-layout.ts';

/** Pixels. */
const box = { width: 262, height: 58 };
const layout = { boxWidth: box.width, gap: 18, edgeWidth: 14, rows: 9 };
const rowGap = 26;
const margin = 16;
/** Characters that fit into a box. */
const lineLength = 41;

/**
 * A network as a figure: layers as boxes with shapes and parameter counts, from the input down. Normalisation and
 * activation stand in the box of the layer before them; a long network goes on in the next part.
 *
 * @param target the layer that is explained, drawn with a thick frame
 */
export function networkFigure(nodes: readonly NetworkNode[], target?: string): Html {
  const parts = layoutNetwork(boxesOf(nodes), layout);
  const caption =
    parts.length > 1
      ? html`<p><small>From top to bottom; each part goes on where the one before it ends.</small></p>`
      : undefined;
  return html`${caption}<div class="network">${parts.map((part, i) => drawPart(part, i, parts.length, target))}</div>`;
}

function drawPart(part: LayoutPart, index: number, count: number, target: string | undefined): Html {
  const width = part.width + 2 * margin;
  const height = part.rows.length * (box.height + rowGap) + rowGap;
  const placed = part.rows.flatMap((row, r) =>
    row.flatMap((place) => (place.box ? [{ box: place.box, x: place.x + margin, y: topOf(r) }] : [])),
  );
  const names = placed.map((one) => one.box.id).join(', ');
  const label = `Network${count > 1 ? `, part ${index + 1} of ${count}` : ''}: ${names}`;
  const [first, last] = [placed[0]!, placed.at(-1)!];
  return html`<div class="scrolls"><svg viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${label}">
${scopesOf(placed).map(drawScope)}
${index > 0 && drawArrow(first.x, 0, first.x, first.y)}
${index < count - 1 && drawArrow(last.x, last.y + box.height, last.x, height)}
${part.edges.map((edge) => drawEdge(edge.map(({ row, place }) => ({ x: place.x + margin, y: topOf(row) }))))}
${placed.map((one) => drawBox(one, target))}
</svg></div>`;
}

interface PlacedBox {
  readonly box: NetworkBox;
  /** Of its centre. */
  readonly x: number;
  /** Of its upper edge. */
  readonly y: number;
}

function topOf(row: number): number {
  return rowGap + row * (box.height + rowGap);
}

function drawBox({ box: content, x, y }: PlacedBox, target: string | undefined): Html {
  const [name, kinds, shape] = linesOf(content);
  const explained = content.members.some((node) => node.name === target);
  const left = x - box.width / 2;
  return html`<g><title>${content.members.map((node) => node.name).join(', ')}${explained && ' (explained by the class maps)'}</title>
<rect class="${explained ? 'box target' : 'box'}" x="${left}" y="${y}" width="${box.width}" height="${box.height}" rx="4"/>
<text class="name" x="${left + 10}" y="${y + 18}">${shortened(name)}</text>
<text class="kinds" x="${left + 10}" y="${y + 34}">${shortened(kinds)}</text>
<text class="quiet" x="${left + 10}" y="${y + 50}">${shortened(shape)}</text></g>`;
}

/** From the lower edge of a box, past the rows between, to the upper edge of another. */
function drawEdge(points: readonly { readonly x: number; readonly y: number }[]): Html {
  const start = points[0]!;
  let path = `M${start.x} ${start.y + box.height}`;
  for (const [i, { x, y }] of points.slice(1).entries()) {
    const from = points[i]!;
    const middle = (from.y + box.height + y) / 2;
    path += `C${from.x} ${middle} ${x} ${middle} ${x} ${y}`;
    if (i < points.length - 2) path += `V${y + box.height}`;
  }
  const end = points.at(-1)!;
  return html`<path class="edge" d="${path}"/>${arrowHead(end.x, end.y)}`;
}

function drawArrow(x0: number, y0: number, x1: number, y1: number): Html {
  return html`<path class="edge" d="M${x0} ${y0}L${x1} ${y1}"/>${arrowHead(x1, y1)}`;
}

function arrowHead(x: number, y: number): Html {
  return html`<path class="head" d="M${x} ${y}l-4 -7h8z"/>`;
}

/** A frame around the boxes of each nested model. */
function scopesOf(placed: readonly PlacedBox[]): { name: string; depth: number; boxes: PlacedBox[] }[] {
  const scopes = new Map<string, { name: string; depth: number; boxes: PlacedBox[] }>();
  for (const one of placed) {
    one.box.scope.forEach((name, depth) => {
      const key = one.box.scope.slice(0, depth + 1).join('/');
      if (!scopes.has(key)) scopes.set(key, { name, depth, boxes: [] });
      scopes.get(key)!.boxes.push(one);
    });
  }
  return [...scopes.values()];
}

function drawScope({ name, depth, boxes }: { name: string; depth: number; boxes: PlacedBox[] }): Html {
  const room = Math.max(4, 12 - 4 * depth);
  const left = Math.min(...boxes.map(({ x }) => x)) - box.width / 2 - room;
  const right = Math.max(...boxes.map(({ x }) => x)) + box.width / 2 + room;
  const top = Math.min(...boxes.map(({ y }) => y)) - room - 4;
  const bottom = Math.max(...boxes.map(({ y }) => y)) + box.height + room - 4;
  return html`<rect class="scope" x="${left}" y="${top}" width="${right - left}" height="${bottom - top}" rx="6"/><text class="quiet" x="${left + 4}" y="${top - 2}">${name}</text>`;
}

function shortened(text: string): string {
  return text.length > lineLength ? `${text.slice(0, lineLength - 1)}…` : text;
}
