import type { SplitMetrics } from '../evaluation/index.ts';
import type { RunSummary } from './run-summary.ts';

type Column = readonly [
  title: string,
  value: (metrics: SplitMetrics) => number | undefined,
  constant?: (metrics: SplitMetrics) => number | undefined,
];

/** Each measure, and of answers what the best answer scores that does not look at the image. */
const columns: readonly Column[] = [
  ['mAP', (metrics) => metrics.mAP],
  ['accuracy', (metrics) => metrics.accuracy, ({ constant }) => constant.accuracy],
  ['worst group', (metrics) => metrics.worstGroup, ({ constant }) => constant.worstGroup],
  ['all right', (metrics) => metrics.exactMatch],
  ['focus accuracy', ({ focus }) => focus?.accuracy, ({ focus }) => focus?.constant.accuracy],
  ['focus AUC', ({ focus }) => focus?.auc, ({ focus }) => focus?.constant.auc],
  ['focus worst group', ({ focus }) => focus?.worstGroup, ({ focus }) => focus?.constant.worstGroup],
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
    ...shown.map(([, value, constant]) => cell(value(metrics), constant?.(metrics))),
  ]);
  const table = asTable(['split', ...titles], rows);
  const results = table.every((line) => line.length <= width) ? table : asLists(titles, rows);
  return [
    '',
    ...(rows.length === 0
      ? []
      : [...results, '', 'in brackets: the best answer that does not look at the image', '']),
    ...stagesTable(summary),
    `${summary.steps} steps, ${summary.imagesPerSecond.toFixed(0)} images per second in training`,
    `in ${path}: summary.json, model/, attention/`,
    `curves: tensorboard --logdir ${path}`,
    '',
  ].join('\n');
}

/**
 * What each stage was worth: the answers of the focus class on every test split, and their mean over those that
 * evaluation.published names (all, where it names none), between what a constant answer has and what a paper has.
 */
function stagesTable({ name, metrics, stages, published = {}, trainingSeconds }: RunSummary): string[] {
  if (!stages) return [];
  const splits = Object.keys(metrics);
  const named = splits.filter((split) => Object.values(published).some((figures) => split in figures));
  const averaged = named.length > 0 ? named : splits;
  const answers = (of: SplitMetrics | undefined) => of?.focus?.accuracy ?? of?.accuracy ?? Number.NaN;
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const trained = [...stages, { name, metrics, trainingSeconds }].map((stage) => [
    stage.name,
    ...splits.map((split) => percent(answers(stage.metrics[split]))),
    percent(mean(averaged.map((split) => answers(stage.metrics[split])))),
    stage.trainingSeconds.toFixed(0),
  ]);
  const papers = Object.entries(published).map(([paper, figures]) => [
    paper,
    ...splits.map((split) => (split in figures ? figures[split]!.toFixed(1) : '–')),
    averaged.every((split) => split in figures)
      ? mean(averaged.map((split) => figures[split]!)).toFixed(1)
      : '–',
    '–',
  ]);
  // The better of "always yes" and "always no" over the splits of the mean.
  const present = splits.map((split) => metrics[split]!.focus?.present ?? Number.NaN);
  const presentMean = mean(averaged.map((split) => present[splits.indexOf(split)]!));
  const constant = [
    presentMean >= 0.5 ? 'always yes' : 'always no',
    ...present.map((share) => percent(presentMean >= 0.5 ? share : 1 - share)),
    percent(Math.max(presentMean, 1 - presentMean)),
    '–',
  ];
  return [
    `answers of the focus class in per cent; the mean is of ${averaged.join(' and ')}`,
    ...asTable(
      ['stage', ...splits, 'mean', 'seconds'],
      [...(Number.isNaN(presentMean) ? [] : [constant]), ...trained, ...papers],
    ),
    '',
  ];
}

/** Answers on each split before and after, in per cent, with those of the focus class and their mean over the splits. */
export function beforeAfterTable(
  splits: Readonly<Record<string, { readonly before: SplitMetrics; readonly after: SplitMetrics }>>,
): string {
  const shown = columns.filter(([title]) => ['mAP', 'accuracy', 'focus accuracy'].includes(title));
  const rows = Object.entries(splits).map(([split, { before, after }]) => [
    split,
    String(after.images),
    ...shown.flatMap(([, value, constant]) => [
      percent(value(before)),
      cell(value(after), constant?.(after)),
    ]),
  ]);
  const titles = shown.flatMap(([title]) => [`${title} before`, `${title} after`]);
  return [
    ...asTable(['split', 'images', ...titles], rows),
    '',
    'in brackets: the best answer that does not look at the image',
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

/** A share, and in brackets that of a constant answer. */
function cell(share: number | undefined, constant: number | undefined): string {
  const beside = constant === undefined || Number.isNaN(constant) ? '' : ` (${percent(constant)})`;
  return `${percent(share)}${beside}`;
}

function percent(share: number | undefined): string {
  return share === undefined || Number.isNaN(share) ? '–' : (100 * share).toFixed(1);
}
