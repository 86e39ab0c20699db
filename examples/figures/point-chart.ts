import * as vega from 'vega';

export interface ChartPoint {
  readonly x: number;
  readonly y: number;
  /** Half the length of the bar through the point. */
  readonly spread?: number;
  readonly spreadX?: number;
}

export interface PointSeries {
  readonly name: string;
  readonly points: readonly ChartPoint[];
  /** A line through the points. @default true */
  readonly line?: boolean;
}

export interface PointChart {
  readonly x: string;
  readonly y: string;
  readonly series: readonly PointSeries[];
  /** @default from 0 */
  readonly domainY?: readonly [number, number];
}

/** Okabe, Ito, "Color Universal Design", 2008. */
const colors = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];
const shapes = ['circle', 'square', 'triangle-up', 'diamond', 'cross', 'triangle-down', 'triangle-left'];

/** Points with bars of their spread, as SVG on white. */
export async function pointChart({ x, y, series, domainY }: PointChart): Promise<string> {
  const values = series.flatMap(({ name, points, line = true }) =>
    points.map((point) => ({ name, line, spread: 0, spreadX: 0, ...point })),
  );
  const names = series.map(({ name }) => name);
  const at = (field: string, scale: 'x' | 'y') => ({ scale, signal: field });
  const stroke = { scale: 'color', field: 'name' };
  const spec = {
    width: 460,
    height: 300,
    padding: 8,
    background: 'white',
    data: [
      { name: 'points', values },
      { name: 'lines', source: 'points', transform: [{ type: 'filter', expr: 'datum.line' }] },
    ],
    scales: [
      { name: 'x', range: 'width', domain: { data: 'points', field: 'x' }, nice: true, zero: true },
      {
        name: 'y',
        range: 'height',
        domain: domainY ?? { data: 'points', field: 'y' },
        nice: true,
        zero: !domainY,
      },
      { name: 'color', type: 'ordinal', domain: names, range: colors },
      { name: 'shape', type: 'ordinal', domain: names, range: shapes },
    ],
    axes: [
      { scale: 'x', orient: 'bottom', title: x, tickCount: 6, grid: true, gridOpacity: 0.4 },
      { scale: 'y', orient: 'left', title: y, tickCount: 6, grid: true, gridOpacity: 0.4 },
    ],
    legends: [{ fill: 'color', shape: 'shape', orient: 'right', symbolSize: 80, labelLimit: 260 }],
    marks: [
      {
        type: 'group',
        from: { facet: { name: 'line', data: 'lines', groupby: 'name' } },
        marks: [
          {
            type: 'line',
            from: { data: 'line' },
            encode: {
              enter: { x: at('datum.x', 'x'), y: at('datum.y', 'y'), stroke, strokeWidth: { value: 1.5 } },
            },
          },
        ],
      },
      {
        type: 'rule',
        from: { data: 'points' },
        encode: {
          enter: {
            x: at('datum.x', 'x'),
            y: at('datum.y - datum.spread', 'y'),
            y2: at('datum.y + datum.spread', 'y'),
            stroke,
          },
        },
      },
      {
        type: 'rule',
        from: { data: 'points' },
        encode: {
          enter: {
            y: at('datum.y', 'y'),
            x: at('datum.x - datum.spreadX', 'x'),
            x2: at('datum.x + datum.spreadX', 'x'),
            stroke,
          },
        },
      },
      {
        type: 'symbol',
        from: { data: 'points' },
        encode: {
          enter: {
            x: at('datum.x', 'x'),
            y: at('datum.y', 'y'),
            fill: stroke,
            shape: { scale: 'shape', field: 'name' },
            size: { value: 80 },
          },
        },
      },
    ],
  } as unknown as vega.Spec;
  const view = new vega.View(vega.parse(spec), { renderer: 'none', logLevel: vega.Error });
  const svg = await view.toSVG();
  view.finalize();
  return svg;
}

/** Mean, and standard deviation of the sample (0 of a single value). */
export function meanAndSpread(values: readonly number[]): { mean: number; spread: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, spread: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0 };
}
