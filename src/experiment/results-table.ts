import type { RunSummary } from './run-experiment.ts';
import type { SplitMetrics } from './split-metrics.ts';

const columns: readonly (readonly [title: string, value: (metrics: SplitMetrics) => number | undefined])[] = [
  ['mAP', (metrics) => metrics.mAP],
  ['accuracy', (metrics) => metrics.accuracy],
  ['all right', (metrics) => metrics.exactMatch],
  ['focus accuracy', (metrics) => metrics.focus?.accuracy],
  ['map in object', (metrics) => metrics.energyInMask],
  ['focus map', (metrics) => metrics.focus?.energyInMask],
  ['teacher agreement', (metrics) => metrics.teacher?.agreement],
  ['teacher cosine', (metrics) => metrics.teacher?.mapCosine],
];

/**
 * The end of a run, for people: a row per split, shares in per cent, and where everything lies.
 *
 * @param width columns of the terminal; where the table is wider, each split gets a list of its own.
 */
export function resultsTable(summary: RunSummary, path: string, width = Number.POSITIVE_INFINITY): string {
  const splits = Object.entries(summary.metrics);
  const shown = columns.filter(([, value]) =>
    splits.some(([, metrics]) => !Number.isNaN(value(metrics) ?? Number.NaN)),
  );
  const titles = ['images', ...shown.map(([title]) => title)];
  const rows = splits.map(([split, metrics]) => [
    split,
    String(metrics.images),
    ...shown.map(([, value]) => percent(value(metrics))),
  ]);
  const table = asTable(['split', ...titles], rows);
  const results = table.every((line) => line.length <= width) ? table : asLists(titles, rows);
  return [
    '',
    ...(rows.length === 0 ? [] : [...results, '']),
    `${summary.steps} steps, ${summary.imagesPerSecond.toFixed(0)} images per second in training`,
    `in ${path}: summary.json, model/, attention/`,
    `curves: tensorboard --logdir ${path}`,
    '',
  ].join('\n');
}

/** Rows below titles that break at their last blank, so that the table stays narrow. */
function asTable(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const broken = titles.map((title) => {
    const at = title.lastIndexOf(' ');
    return [title.slice(0, Math.max(0, at)), title.slice(at + 1)];
  });
  const all = [broken.map(([above]) => above!), broken.map(([, below]) => below!), ...rows];
  const widths = titles.map((_, c) => Math.max(...all.map((row) => row[c]!.length)));
  const lines = all.map((row) =>
    row
      .map((cell, c) => (c === 0 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!)))
      .join('  ')
      .trimEnd(),
  );
  lines.splice(2, 0, '-'.repeat(Math.max(...lines.map((line) => line.length))));
  return lines;
}

function asLists(titles: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const width = Math.max(...titles.map((title) => title.length));
  return rows.flatMap(([split, ...cells], r) => [
    ...(r === 0 ? [] : ['']),
    split!,
    ...titles.map((title, c) => `  ${title.padEnd(width)}  ${cells[c]!.padStart(5)}`),
  ]);
}

function percent(share: number | undefined): string {
  return share === undefined || Number.isNaN(share) ? '–' : (100 * share).toFixed(1);
}
