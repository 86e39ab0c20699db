import type * as Vega from 'vega';
import { type Html, html, markup } from '../pictures/index.ts';

export interface ChartLine {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Drawn thin, dotted and in the colour of the text. */
  readonly baseline?: boolean;
  /** A point that is marked by a disc, the chosen threshold for example. */
  readonly mark?: readonly [x: number, y: number] | undefined;
}

export interface ChartAxis {
  readonly title: string;
  /** @default the extent of the values; for y from 0 on */
  readonly domain?: readonly [number, number];
  /** As d3-format writes it. */
  readonly format?: string;
  /** Ticks at whole numbers only. */
  readonly whole?: boolean;
}

export interface LineChart {
  /** Unique in the page. */
  readonly id: string;
  readonly title: string;
  /** What a reader who does not see the chart needs to know. */
  readonly description: string;
  readonly x: ChartAxis;
  readonly y: ChartAxis;
  readonly lines: readonly ChartLine[];
}

/**
 * The colours of Okabe and Ito ("Color Universal Design", 2008) by their variables in the style sheet, which has
 * lighter ones for dark pages. Lines differ in their dashes too, so that they can be told apart without colours.
 */
const colors = [
  'var(--line-1, #0072b2)',
  'var(--line-2, #d55e00)',
  'var(--line-3, #009e73)',
  'var(--line-4, #cc79a7)',
  'var(--line-5, #e69f00)',
  'var(--line-6, #56b4e9)',
  'currentColor',
];
const dashes = [
  [1, 0],
  [8, 3],
  [3, 2],
  [10, 3, 2, 3],
  [14, 4],
  [5, 5],
];
const baselineDashes = [
  [1.5, 2.5],
  [1.5, 6],
  [6, 2, 1.5, 2, 1.5, 2],
];

/** In the units of the drawing, which is scaled to the width of its place. */
const size = { width: 420, height: 300 };

/** The chart as a figure with SVG in it, drawn by Vega. */
export async function lineChart(chart: LineChart): Promise<Html> {
  const vega = await import('vega'); // heavy, and few programs draw
  const view = new vega.View(vega.parse(specification(chart)), { renderer: 'none', logLevel: vega.Error });
  const svg = await view.toSVG();
  view.finalize();
  const viewBox = /viewBox="([^"]*)"/.exec(svg)![1]!;
  const inside = svg.slice(svg.indexOf('>') + 1);
  const { id, title, description } = chart;
  return html`<figure class="chart">
<figcaption>${title}</figcaption>
<svg viewBox="${viewBox}" role="img" aria-labelledby="${id}-title ${id}-description"><title id="${id}-title">${title}</title><desc id="${id}-description">${description}</desc>${markup(inside)}
</figure>`;
}

function specification({ x, y, lines }: LineChart): Vega.Spec {
  const names = lines.map(({ name }) => name);
  const values = lines.flatMap(({ name, points }) => points.map(([px, py]) => ({ name, x: px, y: py })));
  const marks = lines.flatMap(({ name, mark }) => (mark ? [{ name, x: mark[0], y: mark[1] }] : []));
  const styles = lineStyles(lines);
  const domain = (axis: ChartAxis, field: string) =>
    axis.domain ? [...axis.domain] : { data: 'values', field };
  const place = { x: { scale: 'x', field: 'x' }, y: { scale: 'y', field: 'y' } };
  return {
    ...size,
    padding: 4,
    autosize: { type: 'fit', contains: 'padding' },
    config: { axis: axisStyle, legend: legendStyle },
    data: [
      { name: 'values', values },
      { name: 'marks', values: marks },
    ],
    scales: [
      { name: 'x', type: 'linear', range: 'width', domain: domain(x, 'x'), zero: false },
      { name: 'y', type: 'linear', range: 'height', domain: domain(y, 'y'), zero: true, nice: 5 },
      { name: 'color', type: 'ordinal', domain: names, range: styles.map(({ color }) => color) },
      { name: 'dash', type: 'ordinal', domain: names, range: styles.map(({ dash }) => dash) },
    ],
    axes: [
      { scale: 'x', orient: 'bottom', tickCount: 6, ...ticks(x) },
      { scale: 'y', orient: 'left', tickCount: 5, ...ticks(y) },
    ],
    legends: lines.length > 1 ? [{ stroke: 'color', strokeDash: 'dash' }] : [],
    marks: [
      {
        type: 'group',
        from: { facet: { name: 'line', data: 'values', groupby: 'name' } },
        marks: [
          {
            type: 'line',
            aria: false,
            from: { data: 'line' },
            encode: {
              enter: {
                ...place,
                stroke: { scale: 'color', field: 'name' },
                strokeDash: { scale: 'dash', field: 'name' },
                strokeWidth: { value: 2 },
                strokeJoin: { value: 'round' },
              },
            },
          },
        ],
      },
      {
        type: 'symbol',
        aria: false,
        from: { data: 'marks' },
        encode: {
          enter: { ...place, size: { value: 70 }, fill: { scale: 'color', field: 'name' } },
        },
      },
    ],
  } as Vega.Spec;
}

function ticks({ title, format, whole }: ChartAxis) {
  return { title, ...(format && { format }), ...(whole && { tickMinStep: 1 }) };
}

function lineStyles(lines: readonly ChartLine[]): { color: string; dash: number[] }[] {
  let [measured, baselines] = [0, 0];
  return lines.map(({ baseline }) => {
    if (baseline)
      return { color: 'currentColor', dash: baselineDashes[baselines++ % baselineDashes.length]! };
    const nth = measured++;
    return { color: colors[nth % colors.length]!, dash: dashes[nth % dashes.length]! };
  });
}

const text = { labelColor: 'currentColor', titleColor: 'currentColor', labelFontSize: 12, titleFontSize: 12 };
const axisStyle = {
  ...text,
  titleFontWeight: 'normal',
  domainColor: 'currentColor',
  tickColor: 'currentColor',
  grid: true,
  gridColor: 'currentColor',
  gridOpacity: 0.15,
  labelOverlap: true,
};
const legendStyle = {
  ...text,
  orient: 'bottom',
  columns: 2,
  symbolType: 'stroke',
  symbolSize: 900,
  symbolStrokeWidth: 2,
  labelLimit: 150,
};

/**
 * At most `count` points of a line: means of stretches of equal length, so that a curve of many steps shows its course
 * and not its noise. A line that is short enough stays as it is.
 */
export function thinned(
  points: readonly (readonly [number, number])[],
  count = 200,
): readonly (readonly [number, number])[] {
  if (points.length <= count) return points;
  return Array.from({ length: count }, (_, i) => {
    const from = Math.floor((i * points.length) / count);
    const part = points.slice(from, Math.floor(((i + 1) * points.length) / count));
    const mean = (axis: 0 | 1) => part.reduce((sum, point) => sum + point[axis], 0) / part.length;
    return [mean(0), mean(1)] as const;
  });
}
