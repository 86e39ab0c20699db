import type { SplitMetrics } from './evaluate.ts';
import type { RunSummary } from './run.ts';

const columns: readonly (readonly [title: string, value: (metrics: SplitMetrics) => number | undefined])[] = [
  ['mAP', (metrics) => metrics.mAP],
  ['accuracy', (metrics) => metrics.accuracy],
  ['all right', (metrics) => metrics.exactMatch],
  ['focus acc.', (metrics) => metrics.focus?.accuracy],
  ['map in object', (metrics) => metrics.energyInMask],
  ['focus map', (metrics) => metrics.focus?.energyInMask],
];

/** The end of a run, for people: a row per split, shares in per cent, and where everything lies. */
export function resultsTable(summary: RunSummary, path: string): string {
  const shown = columns.filter(([, value]) =>
    Object.values(summary.metrics).some((metrics) => !Number.isNaN(value(metrics) ?? Number.NaN)),
  );
  const rows = [
    ['split', 'images', ...shown.map(([title]) => title)],
    ...Object.entries(summary.metrics).map(([split, metrics]) => [
      split,
      String(metrics.images),
      ...shown.map(([, value]) => percent(value(metrics))),
    ]),
  ];
  const widths = rows[0]!.map((_, c) => Math.max(...rows.map((row) => row[c]!.length)));
  const lines = rows.map((row) =>
    row.map((cell, c) => (c === 0 ? cell.padEnd(widths[c]!) : cell.padStart(widths[c]!))).join('  '),
  );
  lines.splice(1, 0, '-'.repeat(lines[0]!.length));
  const speed = `${summary.steps} steps, ${summary.imagesPerSecond.toFixed(0)} images per second in training`;
  return `\n${lines.join('\n')}\n\n${speed}\nin ${path}: summary.json, model/, attention/; curves: tensorboard --logdir ${path}\n`;
}

function percent(share: number | undefined): string {
  return share === undefined || Number.isNaN(share) ? '–' : (100 * share).toFixed(1);
}
