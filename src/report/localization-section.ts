import type { EvaluationResult, LocalizationResult, LocalizationScores } from '../evaluation/index.ts';
import { type Html, html, table } from '../pictures/index.ts';
import { type ChartLine, lineChart } from './line-chart.ts';
import { bestOfRow, type Measure, number, type ScoredColumn, scoreTable } from './score-table.ts';

const measures: readonly Measure<LocalizationScores>[] = [
  {
    name: 'BoxAcc',
    about: 'box of the largest contour has IoU ≥ 50 %',
    better: 'higher',
    of: (scores) => scores.boxAcc,
  },
  {
    name: 'BoxAccV2',
    about: 'any contour, mean over IoU levels',
    better: 'higher',
    of: (scores) => scores.boxAccV2,
  },
  { name: 'mean IoU', about: 'of the box', better: 'higher', of: (scores) => scores.meanIou },
  {
    name: 'top-1 localization',
    about: 'BoxAcc, and the class is right',
    better: 'higher',
    of: (scores) => scores.top1Localization,
  },
  {
    name: 'top-5 localization',
    about: 'BoxAcc, and the class is among five',
    better: 'higher',
    of: (scores) => scores.top5Localization,
  },
  { name: 'CorLoc', about: 'BoxAcc, mean over classes', better: 'higher', of: (scores) => scores.corLoc },
  { name: 'pointing game', about: 'peak inside', better: 'higher', of: (scores) => scores.pointing },
  {
    name: 'pointing game, tolerant',
    about: 'peak inside or near',
    better: 'higher',
    of: (scores) => scores.pointingTolerant,
  },
  { name: 'energy inside', about: "share of the map's sum", better: 'higher', of: (scores) => scores.energy },
  { name: 'PxAP', about: 'pixel average precision', better: 'higher', of: (scores) => scores.pxAp },
  {
    name: 'mIoU of cues',
    about: 'map above 20 % of its maximum',
    better: 'higher',
    of: (scores) => scores.cueMeanIou,
  },
  { name: 'dead maps', about: 'zero everywhere', better: 'lower', of: (scores) => scores.deadShare },
  {
    name: 'threshold',
    about: "share of the map's maximum, one for all images",
    share: false,
    of: (scores) => scores.threshold,
  },
];

/** Tables with baselines and intervals, and the curves over the threshold. */
export async function localizationSection(
  result: EvaluationResult,
  localization: LocalizationResult,
  id: string,
): Promise<Html> {
  const columns = localizationColumns(localization);
  const { thresholdFrom } = localization;
  const source =
    thresholdFrom === 'none'
      ? html`Clips have no boxes: maps are compared with the masks of all frames.`
      : thresholdFrom === 'given'
        ? html`It was given by hand.`
        : html`It was chosen on the ${thresholdFrom.images} images of <b>${thresholdFrom.split}</b>, the constant box too.`;
  return html`<h3 id="${id}-localization">Localization</h3>
<p>${thresholdFrom !== 'none' && 'Boxes are the contours of maps above one threshold, the same for the whole data set. '}${source}
Measured on ${result.dataset.pairsWithTruth} pairs of an image and a true class.</p>
${scoreTable(`Localization in percent${bestOfRow(result.settings.bootstrap)}`, columns, [
  ...measures,
  ...deltaMeasures(columns),
])}
<div class="charts">${await localizationCharts(result, columns, id)}</div>
${
  thresholdFrom !== 'none' &&
  html`<details><summary>IoU levels, classes, best threshold on this split</summary>
${iouLevels(result, columns)}
${perClass(result, columns)}
${bestThresholds(result, columns)}
</details>`
}`;
}

function localizationColumns({ methods, baselines }: LocalizationResult): ScoredColumn<LocalizationScores>[] {
  return [
    ...Object.entries(methods).map(([name, scores]) => ({ name, scores })),
    ...Object.entries(baselines).map(([name, scores]) => ({ name, scores, baseline: true })),
  ];
}

function deltaMeasures(columns: readonly ScoredColumn<LocalizationScores>[]): Measure<LocalizationScores>[] {
  const deltas = new Set(columns.flatMap(({ scores }) => scores?.loc?.map(({ delta }) => delta) ?? []));
  return [...deltas].map((delta) => ({
    name: `Loc(δ = ${delta})`,
    about: 'Grad-CAM++, mean over pairs',
    better: 'higher',
    of: (scores) => scores.loc?.find((entry) => entry.delta === delta)?.score,
  }));
}

function iouLevels(result: EvaluationResult, columns: readonly ScoredColumn<LocalizationScores>[]): Html {
  return scoreTable(
    'BoxAccV2 by IoU level, percent',
    columns,
    result.settings.iouLevels.map((level, i) => ({
      name: `IoU ≥ ${Math.round(level * 100)} %`,
      better: 'higher',
      of: (scores) => scores.boxAccV2PerIou?.[i],
    })),
  );
}

function perClass(result: EvaluationResult, columns: readonly ScoredColumn<LocalizationScores>[]): Html {
  return scoreTable(
    'BoxAcc by class, percent',
    columns,
    result.dataset.classes.map((name, i) => ({
      name,
      better: 'higher',
      of: (scores) => scores.corLocPerClass?.[i],
    })),
  );
}

function bestThresholds(
  { split, settings }: EvaluationResult,
  columns: readonly ScoredColumn<LocalizationScores>[],
): Html {
  const rows = columns.flatMap(({ name, scores }) => {
    const best = scores?.bestThresholdOnThisSplit;
    if (!best) return [];
    const thresholds = best.thresholdsV2.map((threshold) => threshold.toFixed(2)).join(', ');
    return [
      html`<tr><th scope="row">${name}</th><td>${number(best.maxBoxAcc)}</td><td>${number(best.threshold, false)}</td><td>${number(best.maxBoxAccV2)}</td><td>${thresholds}</td></tr>`,
    ];
  });
  if (rows.length === 0) return html``;
  const levels = settings.iouLevels.map((level) => `${Math.round(level * 100)} %`).join(', ');
  return html`<p>What the best threshold on ${split} itself would give: an upper bound, not a result to choose by.</p>
${table(
  `MaxBoxAcc with the threshold chosen on ${split}, percent`,
  ['method', 'MaxBoxAcc', 'threshold', 'MaxBoxAccV2', `thresholds at IoU ${levels}`],
  rows,
)}`;
}

async function localizationCharts(
  { split }: EvaluationResult,
  columns: readonly ScoredColumn<LocalizationScores>[],
  id: string,
): Promise<Html[]> {
  const lines = (pointsOf: (scores: LocalizationScores) => (readonly [number, number])[] | undefined) =>
    columns.flatMap(({ name, scores, baseline }): ChartLine[] => {
      const points = scores && pointsOf(scores);
      if (!points || points.length < 2) return [];
      return [{ name, points, ...(baseline && { baseline }) }];
    });
  const atThreshold = (line: ChartLine): ChartLine => {
    const threshold = columns.find(({ name }) => name === line.name)?.scores?.threshold;
    if (threshold === null || threshold === undefined) return line;
    const nearest = line.points.reduce((best, point) =>
      Math.abs(point[0] - threshold) < Math.abs(best[0] - threshold) ? point : best,
    );
    return { ...line, mark: nearest };
  };
  const overThreshold = (title: string, key: string, about: string, all: readonly ChartLine[]) => ({
    id: `${id}-${key}`,
    title: `${title} over the threshold`,
    description: `On ${split}: ${about} over the threshold of the map, for ${list(all)}. ${peaks(all)}`,
    x: { title: 'threshold (●: chosen)', domain: [0, 1] as const, format: '.1f' },
    y: { title: title, domain: [0, 1] as const, format: '.0%' },
    lines: all.map(atThreshold),
  });
  const boxAcc = lines(({ curves: { threshold } }) =>
    threshold?.thresholds.map((x, i) => [x, threshold.boxAcc[i]!]),
  );
  const boxAccV2 = lines(({ curves: { threshold } }) =>
    threshold?.thresholds.map((x, i) => {
      const levels = threshold.boxAccV2.map((level) => level[i]!);
      return [x, levels.reduce((sum, value) => sum + value, 0) / levels.length];
    }),
  );
  const precisionRecall = lines(({ curves: { precisionRecall: curve } }) =>
    curve?.recall.map((recall, i) => [recall, curve.precision[i]!]),
  );
  const charts = [
    overThreshold('BoxAcc', 'box-acc', 'share of boxes with IoU of at least 50 %', boxAcc),
    overThreshold(
      'BoxAccV2',
      'box-acc-v2',
      'share of pairs with any fitting box, mean over IoU levels,',
      boxAccV2,
    ),
    {
      id: `${id}-precision-recall`,
      title: 'Pixel precision and recall',
      description: `On ${split}: precision of pixels over their recall, for ${list(precisionRecall)}. ${precisionRecall
        .map(({ name }) => {
          const pxAp = columns.find((column) => column.name === name)?.scores?.pxAp;
          return pxAp ? `${name}: area ${(pxAp.value * 100).toFixed(1)} %` : name;
        })
        .join('; ')}.`,
      x: { title: 'recall', domain: [0, 1] as const, format: '.0%' },
      y: { title: 'precision', domain: [0, 1] as const, format: '.0%' },
      lines: precisionRecall,
    },
  ];
  return Promise.all(charts.filter((chart) => chart.lines.length > 0).map(lineChart));
}

const list = (lines: readonly ChartLine[]) => lines.map(({ name }) => name).join(', ');

function peaks(lines: readonly ChartLine[]): string {
  const highest = lines.map(({ name, points }) => {
    const [x, y] = points.reduce((best, point) => (point[1] > best[1] ? point : best));
    return `${name}: highest ${(y * 100).toFixed(1)} % at ${x.toFixed(2)}`;
  });
  return `${highest.join('; ')}.`;
}
