import type {
  EvaluationResult,
  FaithfulnessResult,
  FaithfulnessScores,
  SanityResult,
} from '../evaluation/index.ts';
import { type Html, html, table } from '../pictures/index.ts';
import { lineChart } from './line-chart.ts';
import { bestOfRow, type Measure, number, scoreTable } from './score-table.ts';
import { courses } from './training-section.ts';

const measures: readonly Measure<FaithfulnessScores>[] = [
  {
    name: 'Average Drop',
    about: 'of the score when only the highlighted region is seen',
    better: 'lower',
    of: (scores) => scores.averageDrop,
  },
  {
    name: 'Increase in Confidence',
    about: 'share whose score rises instead',
    better: 'higher',
    of: (scores) => scores.increaseInConfidence,
  },
  {
    name: 'insertion',
    about: 'area while pixels are added',
    better: 'higher',
    of: (scores) => scores.insertion,
  },
  {
    name: 'deletion',
    about: 'area while pixels are removed',
    better: 'lower',
    of: (scores) => scores.deletion,
  },
  {
    name: 'ROAD, most relevant removed',
    about: 'mean probability',
    better: 'lower',
    of: (scores) => scores.roadMostRelevant,
  },
  {
    name: 'ROAD, least relevant removed',
    about: 'mean probability',
    better: 'higher',
    of: (scores) => scores.roadLeastRelevant,
  },
  { name: 'ROAD', about: '(least − most) / 2', better: 'higher', of: (scores) => scores.road },
  {
    name: 'sparseness',
    about: 'Gini coefficient of the map',
    better: 'higher',
    of: (scores) => scores.sparseness ?? null,
  },
  {
    name: 'entropy',
    about: 'of the map, share of the largest',
    better: 'lower',
    of: (scores) => scores.entropy ?? null,
  },
];

/** Table, curves and Win % of how faithful maps are to the network. */
export async function faithfulnessSection(
  { split, settings }: EvaluationResult,
  faithfulness: FaithfulnessResult,
  id: string,
): Promise<Html> {
  const methods = Object.entries(faithfulness.methods);
  type Curves = FaithfulnessScores['curves'];
  const curve = (key: string, title: string, x: string, shares: keyof Curves, values: keyof Curves) => {
    const lines = methods.map(([name, { curves }]) => ({
      name,
      points: curves[shares].map((share, i) => [share, curves[values][i]!] as const),
    }));
    return lineChart({
      id: `${id}-${key}`,
      title,
      description: `On ${split}: mean probability of the class over the share of pixels that are ${x}. ${courses(lines)}`,
      x: { title: `share of pixels ${x}`, domain: [0, 1], format: '.0%' },
      y: { title: 'probability', domain: [0, 1], format: '.0%' },
      lines,
    });
  };
  const charts = await Promise.all([
    curve('insertion', 'Insertion', 'inserted', 'shares', 'insertion'),
    curve('deletion', 'Deletion', 'deleted', 'shares', 'deletion'),
    curve('road-most', 'ROAD, most relevant first', 'removed', 'roadShares', 'roadMostRelevant'),
    curve('road-least', 'ROAD, least relevant first', 'removed', 'roadShares', 'roadLeastRelevant'),
  ]);
  return html`<h3 id="${id}-faithfulness">Faithfulness</h3>
<p>What the score of the class does when the image is changed as the map says; on ${faithfulness.images} images, ${faithfulness.pairs} pairs.</p>
${scoreTable(
  `Faithfulness in percent${bestOfRow(settings.bootstrap)}`,
  methods.map(([name, scores]) => ({ name, scores })),
  measures,
)}
${methods.length > 1 && winTable(faithfulness)}
<div class="charts">${charts}</div>`;
}

function winTable({ win }: FaithfulnessResult): Html {
  const names = Object.keys(win);
  const rows = names.map(
    (row) =>
      html`<tr><th scope="row">${row}</th>${names.map((column) => html`<td>${number(row === column ? null : win[row]![column])}</td>`)}</tr>`,
  );
  return table(
    'Win: percent of pairs on which the method of the row keeps more of the score',
    ['', ...names],
    rows,
  );
}

/** Rank correlation of maps while the network is destroyed. */
export async function sanitySection(sanity: SanityResult, split: string, id: string): Promise<Html> {
  const methods = Object.entries(sanity.rankCorrelation);
  const lines = methods.map(([name, values]) => ({
    name,
    points: values.flatMap((value, stage) => (value === null ? [] : [[stage + 1, value] as const])),
  }));
  const lowest = Math.min(0, ...lines.flatMap(({ points }) => points.map(([, value]) => value)));
  const chart = await lineChart({
    id: `${id}-sanity-chart`,
    title: 'Maps of a network with destroyed layers',
    description: `On ${split}: Spearman rank correlation with the maps of the whole network over the number of destroyed layers. ${courses(lines)}`,
    x: { title: 'layers destroyed, from the output on', format: 'd', whole: true },
    y: { title: 'rank correlation', domain: [lowest, 1] },
    lines,
  });
  const rows = sanity.layers.map(
    (layer, stage) =>
      html`<tr><th scope="row">${stage + 1} ${layer}</th>${methods.map(([, values]) => html`<td>${number(values[stage], false)}</td>`)}</tr>`,
  );
  return html`<h3 id="${id}-sanity">Sanity check</h3>
<p>A map that explains the network should change when weights are replaced by random ones, layer by layer from the output on; on ${sanity.images} images, ${sanity.pairs} pairs.</p>
<div class="charts">${chart}</div>
<details><summary>Numbers of each layer</summary>${table('Rank correlation by last destroyed layer', ['layer', ...methods.map(([name]) => name)], rows)}</details>`;
}
