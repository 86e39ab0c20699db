import { type Html, html, table } from '../pictures/index.ts';
import { type ChartAxis, type ChartLine, lineChart, thinned } from './line-chart.ts';
import { fileAddress } from './pictures.ts';
import type { LoggedStep, MetricsLine, RunFiles } from './run-files.ts';
import { number } from './score-table.ts';

const lossNames: Record<string, string> = {
  total: 'Total loss',
  classification: 'Classification loss L_cl',
  mining: 'Attention-mining loss L_am',
  supervision: 'Attention-supervision loss L_e',
};
const metricNames = {
  mAP: 'mAP',
  accuracy: 'accuracy',
  exactMatch: 'exact match',
  energyInMask: 'energy in mask',
  pointing: 'pointing game',
} as const;

/** Curves of the losses and metrics, the metrics at the end, and the pictures of attention that the run drew. */
export async function trainingSection(run: RunFiles): Promise<Html> {
  const splits = [...new Set(run.metrics.map(({ split }) => split))];
  const last = Math.max(run.steps.at(-1)?.step ?? 0, run.metrics.at(-1)?.step ?? 0);
  const x: ChartAxis = { title: 'step', domain: [0, last], format: '~s' };
  const charts = [
    ...(await lossCharts(run.steps, run.metrics, splits, x)),
    ...(await metricCharts(run.metrics, splits, x)),
  ];
  const pictures = await Promise.all(run.pictures.map(attentionPicture));
  return html`<section id="training" aria-labelledby="training-heading">
<h2 id="training-heading">Training</h2>
${splits.length > 0 && lastAnswers(run.metrics, splits, run.focusClass)}
${charts.length === 0 && html`<p>Nothing was logged yet.</p>`}
<div class="charts">${charts}</div>
${splits.length > 0 && lastMetrics(run.metrics, splits)}
${pictures.length > 0 && html`<details><summary>Attention maps during the training</summary>${pictures}</details>`}
</section>`;
}

/** A chart for each term, since their scales differ; the loss of the evaluated splits beside that of the training. */
async function lossCharts(
  steps: readonly LoggedStep[],
  metrics: readonly MetricsLine[],
  splits: readonly string[],
  x: ChartAxis,
): Promise<Html[]> {
  const terms = [...new Set(steps.flatMap(({ losses }) => Object.keys(losses)))];
  if (!terms.includes('classification') && metrics.length > 0) terms.push('classification');
  return Promise.all(
    terms.map((term) => {
      const training = steps.flatMap(({ step, losses }) => points(step, losses[term]));
      const lines: ChartLine[] = training.length > 0 ? [{ name: 'training', points: thinned(training) }] : [];
      if (term === 'classification') {
        for (const split of splits) {
          const evaluated = metrics.filter((line) => line.split === split);
          const measured = evaluated.flatMap(({ step, loss }) => points(step, loss));
          if (measured.length > 1) lines.push({ name: split, points: measured });
        }
      }
      const title = lossNames[term] ?? `Loss: ${term}`;
      return lineChart({
        id: `loss-${term}`,
        title: `${title}${term === 'total' ? ', weighted' : ''}`,
        description: `${title} over training steps. ${courses(lines)}`,
        x,
        y: { title: 'loss' },
        lines,
      });
    }),
  );
}

async function metricCharts(
  metrics: readonly MetricsLine[],
  splits: readonly string[],
  x: ChartAxis,
): Promise<Html[]> {
  const followed = splits.filter((split) => metrics.filter((line) => line.split === split).length > 1);
  return Promise.all(
    followed.map((split, i) => {
      const evaluated = metrics.filter((line) => line.split === split);
      const lines = Object.entries(metricNames)
        .map(([key, name]) => ({
          name,
          points: evaluated.flatMap((line) => points(line.step, line[key as keyof typeof metricNames])),
        }))
        .filter((line) => line.points.length > 0);
      return lineChart({
        id: `metrics-${i}`,
        title: `Metrics on ${split}`,
        description: `Metrics on the split ${split} over training steps. ${courses(lines)}`,
        x,
        y: { title: '', domain: [0, 1], format: '.0%' },
        lines,
      });
    }),
  );
}

/** A value, and beside it what a constant answer has of the same. */
function besideConstant(scores: Answers | undefined, name: AnswerName): Html {
  const [value, constant] = [scores?.[name], scores?.constant?.[name]];
  if (value === null || value === undefined) return html`<td>–</td>`;
  return html`<td>${number(value)}${constant !== null && constant !== undefined && html` <small>constant ${number(constant)}</small>`}</td>`;
}

type AnswerName = 'accuracy' | 'balancedAccuracy' | 'auc' | 'worstGroup' | 'groupMean';
type Answers = NonNullable<MetricsLine['focus']>;

const answerNames: Record<AnswerName, string> = {
  accuracy: 'right',
  balancedAccuracy: 'balanced',
  auc: 'AUC',
  worstGroup: 'worst group',
  groupMean: 'mean of groups',
};

/**
 * The answers first: of the focus class, where the experiment has one, else of all; each beside what an answer has that
 * does not look at the image.
 */
function lastAnswers(
  metrics: readonly MetricsLine[],
  splits: readonly string[],
  focus: string | null,
): Html | false {
  const rows = splits.map((split) => ({ split, last: metrics.findLast((line) => line.split === split)! }));
  const of = (line: MetricsLine): Answers => line.focus ?? line;
  const shown = (Object.keys(answerNames) as AnswerName[]).filter((name) =>
    rows.some(({ last }) => typeof of(last)[name] === 'number' && of(last).constant),
  );
  if (shown.length === 0) return false;
  const groups = rows.flatMap(({ split, last }) =>
    Object.entries(of(last).groups ?? {}).map(
      ([name, { images, accuracy }]) =>
        html`<tr><th scope="row">${split}</th><td>${name}</td><td>${images}</td><td>${number(accuracy)}</td></tr>`,
    ),
  );
  const whose = focus === null ? 'all classes' : `the class ${focus}`;
  return html`${table(
    `Answers for ${whose} at the end, in percent; small: the best answer that does not look at the image`,
    ['split', 'images', ...shown.map((name) => answerNames[name])],
    rows.map(
      ({ split, last }) =>
        html`<tr><th scope="row">${split}</th><td>${last.images}</td>${shown.map((name) => besideConstant(of(last), name))}</tr>`,
    ),
  )}${groups.length > 0 && table(`Answers for ${whose} by group, in percent`, ['split', 'group', 'images', 'right'], groups)}`;
}

function lastMetrics(metrics: readonly MetricsLine[], splits: readonly string[]): Html {
  const names = Object.keys(metricNames) as (keyof typeof metricNames)[];
  const rows = splits.map((split) => {
    const last = metrics.findLast((line) => line.split === split)!;
    return html`<tr><th scope="row">${split}</th><td>${last.step}</td><td>${last.images}</td><td>${number(last.loss, false)}</td>${names.map(
      (name) => html`<td>${number(last[name])}</td>`,
    )}</tr>`;
  });
  return table(
    'Last metrics of each split, measured by the training; shares in percent',
    ['split', 'step', 'images', 'loss', ...names.map((name) => metricNames[name])],
    rows,
  );
}

async function attentionPicture({ path, title }: RunFiles['pictures'][number]): Promise<Html> {
  const { address, width, height } = await fileAddress(path);
  return html`<figure><figcaption>${title}</figcaption><img src="${address}" width="${width}" height="${height}" alt="${title}: a grid with a row for each image: the image, and maps of the class named below it"></figure>`;
}

const points = (step: number, value: number | null | undefined): [number, number][] =>
  value === null || value === undefined ? [] : [[step, value]];

/** Where each line begins and ends, for readers who do not see it. */
export function courses(lines: readonly ChartLine[]): string {
  const ends = lines.flatMap(({ name, points: line }) => {
    const [first, last] = [line[0], line.at(-1)];
    if (!first || !last) return [];
    return [`${name}: from ${first[1].toPrecision(3)} to ${last[1].toPrecision(3)}`];
  });
  return `${ends.join('; ')}.`;
}
