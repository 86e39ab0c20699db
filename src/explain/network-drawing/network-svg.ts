import type { NetworkNode } from '../../gradcam/index.ts';
import { html } from '../../pictures/index.ts';
import { type BoxKind, boxSize, type DrawOptions, placeNetwork, shortened } from './placed-network.ts';

/** Fill and edge of a box; readable in grey too. */
const colors: Readonly<Record<BoxKind, readonly [fill: string, edge: string]>> = {
  input: ['#ffffff', '#57606a'],
  convolution: ['#e3effa', '#0b5cad'],
  pooling: ['#fbe9dd', '#b8500a'],
  dense: ['#e2f3ea', '#00734e'],
  joining: ['#f5e6f0', '#9b4f80'],
  other: ['#f3f5f7', '#57606a'],
};

/** A network as a picture of its own: nothing is loaded, fonts are the viewer's. */
export function networkSvg(nodes: readonly NetworkNode[], options: DrawOptions = {}): string {
  const { width, height, title, boxes, edges } = placeNetwork(nodes, options);
  const label = `Network${title === undefined ? '' : ` ${title}`}: ${boxes.map(({ box }) => box.id).join(', ')}`;
  const drawing = html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${Math.ceil(width)} ${Math.ceil(height)}" width="${Math.ceil(width)}" height="${Math.ceil(height)}" role="img" aria-label="${label}" font-family="DejaVu Sans, Arial, sans-serif">
<rect width="100%" height="100%" fill="#ffffff"/>
${title !== undefined && html`<text x="20" y="28" font-size="16" font-weight="bold" fill="#1b1f24">${title}</text>`}
${edges.map(({ points, between }) => {
  const [x, y] = points.at(-1)!;
  return html`<path d="${pathOf(points)}" fill="none" stroke="#57606a" stroke-width="1.5"${between && html` stroke-dasharray="5 3"`}/>
<path d="M${round(x)} ${round(y)}l-4 -7h8z" fill="#57606a"/>
`;
})}${boxes.map(({ box, lines: [name, kinds, shape], left, top, kind }) => {
  const [fill, edge] = colors[kind];
  return html`<g><title>${box.members.map((node) => node.name).join(', ')}</title><rect x="${round(left)}" y="${round(top)}" width="${boxSize.width}" height="${boxSize.height}" rx="4" fill="${fill}" stroke="${edge}" stroke-width="1.5"/>
<text x="${round(left + 10)}" y="${round(top + 18)}" font-size="13" font-weight="bold" fill="#1b1f24">${shortened(name, 30)}</text>
<text x="${round(left + 10)}" y="${round(top + 34)}" font-size="11" fill="#1b1f24">${shortened(kinds)}</text>
<text x="${round(left + 10)}" y="${round(top + 50)}" font-size="11" fill="#57606a">${shortened(shape)}</text></g>
`;
})}</svg>
`;
  return drawing.text;
}

/** Straight from row to row; round at the bends. */
function pathOf(points: readonly (readonly [number, number])[]): string {
  return points
    .map(([x, y], i) => {
      if (i === 0) return `M${round(x)} ${round(y)}`;
      const [fromX, fromY] = points[i - 1]!;
      if (fromX === x || fromY === y) return `L${round(x)} ${round(y)}`;
      const middle = (fromY + y) / 2;
      return `C${round(fromX)} ${round(middle)} ${round(x)} ${round(middle)} ${round(x)} ${round(y)}`;
    })
    .join('');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
