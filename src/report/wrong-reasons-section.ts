import type { EvaluationResult, WrongReasonScores, WrongReasonsResult } from '../evaluation/index.ts';
import { type Html, html } from '../pictures/index.ts';
import { bestOfRow, type Measure, scoreTable } from './score-table.ts';

const measures: readonly Measure<WrongReasonScores>[] = [
  { name: 'WR', about: 'share of the mask above the threshold', better: 'lower', of: (scores) => scores.wr },
  {
    name: 'threshold',
    about: 'mean of the attribution, one for all images',
    share: false,
    of: (scores) => scores.threshold,
  },
  {
    name: 'dead attributions',
    about: 'of one value; left out',
    better: 'lower',
    of: (scores) => scores.deadShare,
  },
];

/** Table of WR: how much of what must not matter the attributions of the network's answers light up. */
export function wrongReasonsSection(
  { split, settings }: EvaluationResult,
  { images, methods }: WrongReasonsResult,
  id: string,
): Html {
  return html`<h3 id="${id}-wrong-reasons">Wrong reasons</h3>
<p>WR, activation for the wrong reasons: the share of a mask that lights up when the network's own answer is explained, mean over images. The masks or boxes of ${split} are taken for what must not matter, such as a confounder; ${images.toLocaleString('en')} images have some. WR says where an attribution lies, not how strong it is.</p>
${scoreTable(
  `Wrong reasons in percent${bestOfRow(settings.bootstrap)}`,
  Object.entries(methods).map(([name, scores]) => ({ name, scores })),
  measures,
)}`;
}
